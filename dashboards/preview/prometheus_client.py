"""A board's queries put to a Prometheus: variables filled in, answers as plain series."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dashboards.fields import Json
from exporter.errors import KVMigrationError

_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class QueryError(KVMigrationError):
    """Prometheus refused a query, or did not answer."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series: labels, and (unix seconds, value) in order."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Window:
    """The time range of a picture, in unix seconds, and the scrape interval behind it."""

    start: float
    end: float
    scrape: float = 15.0

    @property
    def step(self) -> float:
        """What Grafana's `$__interval` would be for a panel of some 400 points."""
        return max(1.0, round((self.end - self.start) / 400))

    @property
    def rate_interval(self) -> str:
        """Grafana's `$__rate_interval`."""
        return f"{max(self.step + self.scrape, 4 * self.scrape):.0f}s"


def seconds(text: str) -> float:
    """`90s`, `30m`, `6h`, `2d`."""
    if not (found := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)):
        raise QueryError(f"{text!r} is not a duration such as 30m or 1h")
    return float(found[1]) * _SECONDS[found[2]]


def values_of(board: Json, chosen: Mapping[str, str]) -> Mapping[str, str]:
    """What stands for each variable of a board; "All" where nothing was chosen."""
    known = {variable["name"]: variable.get("allValue", "") for variable in board["templating"]["list"]}
    if strange := sorted(set(chosen) - set(known)):
        raise QueryError(f"no variable {', '.join(strange)}; the board has {', '.join(sorted(known))}")
    return {**known, **chosen}


def filled(text: str, values: Mapping[str, str], rate_interval: str = "1m") -> str:
    """A query with its variables filled in."""
    every = {**values, "__rate_interval": rate_interval, "__interval": rate_interval}
    return _VARIABLE.sub(lambda found: every.get(found[1] or found[2], found[0]), text)


@dataclass(frozen=True, slots=True)
class Prometheus:
    """The query API of one Prometheus."""

    url: str

    def instant(self, query: str, at: float) -> list[Series]:
        """The query's answer at one time."""
        found = self._ask("query", {"query": query, "time": f"{at:.3f}"})
        if found["resultType"] == "scalar":
            return [Series({}, [_point(found["result"])])]
        return [Series(one["metric"], [_point(one["value"])]) for one in found["result"]]

    def over(self, query: str, window: Window) -> list[Series]:
        """The query's answer over a window."""
        end = window.end - window.end % window.step
        start = window.start - window.start % window.step
        asked = {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{window.step:g}"}
        found = self._ask("query_range", asked)
        return [Series(one["metric"], [_point(pair) for pair in one["values"]]) for one in found["result"]]

    def _ask(self, what: str, asked: Mapping[str, str]) -> Json:
        if not self.url.startswith(("http://", "https://")):
            raise QueryError(f"{self.url!r} is not an HTTP address")
        body = urllib.parse.urlencode(asked).encode()
        url = f"{self.url.rstrip('/')}/api/v1/{what}"
        try:
            with urllib.request.urlopen(url, body, timeout=30) as answer:  # noqa: S310 (checked above)
                read = json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                detail = error.read(2000).decode(errors="replace")
            raise QueryError(f"{asked['query']}: {detail}") from error
        except (OSError, ValueError) as error:
            raise QueryError(f"{self.url}: {error}") from error
        data: Json = read["data"]
        return data


def _point(pair: Sequence[float | str]) -> tuple[float, float]:
    return float(pair[0]), float(pair[1])


def legend(pattern: str, labels: Mapping[str, str]) -> str:
    """A series' name as Grafana gives it: `{{label}}` filled in, or all labels."""
    if pattern:
        return re.sub(r"\{\{\s*(\w+)\s*\}\}", lambda found: labels.get(found[1], ""), pattern)
    return "{" + ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items())) + "}"
