"""Lists of names in a sentence: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.model.listed import few, first

__all__ = ["Names", "Number", "counted", "few", "first"]


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


class Number:
    """A number in a template: `{count: members}` is "1 member" or "2 members", other formats are its own."""

    __slots__ = ("value",)

    def __init__(self, value: float | None) -> None:
        self.value = value

    def __format__(self, spec: str) -> str:
        if spec[:1] != " ":
            return format(self.value, spec)
        count = round(self.value or 0)
        noun = spec.removesuffix("es" if spec.endswith("sses") else "s") if count == 1 else spec
        return f"{count}{noun}"


def counted(texts: Sequence[str]) -> str:
    """The culprits of a check in one line."""
    return few(texts, 10, "; ")
