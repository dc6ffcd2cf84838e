"""Lists of names in a sentence: the first few, and how many more there are."""

from __future__ import annotations

from collections.abc import Sequence

from exporter.model.listed import few, first

__all__ = ["Label", "Names", "Number", "counted", "few", "first"]


class Names(tuple[str, ...]):
    """Names in a template: `{names}` joins all, `{names:5}` the first five, `{names:;5}` these by semicolons,
    `{names:and}` all by "and", and `{names:and3}` the last of at most three so. `{names:(3)}` has them in
    parentheses behind a blank, and is empty without names.
    """

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        if spec == "and":
            return " and ".join(self)
        if spec.startswith("and"):
            last = " and ".join(filter(None, (", ".join(self[:-1]), *self[-1:])))
            return last if len(self) <= int(spec[3:]) else few(self, int(spec[3:]))
        if spec.startswith("("):
            return f" ({self:{spec[1:-1]}})" if self else ""
        most = spec.lstrip(";")
        return few(self, int(most) if most else len(self), "; " if spec[:1] == ";" else ", ")


class Label(str):
    """A gossip label in a template: `{label:label}` quotes it, with the codes of what is not ASCII, so that
    two similar labels can be distinguished.
    """

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        if spec != "label":
            return super().__format__(spec)
        codes = ascii(str(self))[1:-1].replace("\\\\", "\\")
        return f'"{self}"' if codes == self or self.isascii() else f'"{self}" ({codes})'


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
