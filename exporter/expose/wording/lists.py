"""Lists of names in a sentence: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.model.listed import few, first

__all__ = ["Names", "counted", "few", "first"]


class Names(tuple[str, ...]):
    """Names in a template: `{names}` joins all, `{names:5}` the first five, `{names:;5}` these by semicolons,
    and `{names:and}` all by "and".
    """

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        if spec == "and":
            return " and ".join(self)
        most = spec.lstrip(";")
        return few(self, int(most) if most else len(self), "; " if spec[:1] == ";" else ", ")


def counted(texts: Sequence[str]) -> str:
    """The culprits of a check in one line."""
    return few(texts, 10, "; ")
