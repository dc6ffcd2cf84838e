"""How Go prints what the pages show: times, durations, numbers, escapes, YAML."""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import quote

_HTML = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&#34;", "'": "&#39;", "+": "&#43;", "\0": "\ufffd"}
)
_PLAIN = re.compile(r"^[A-Za-z0-9/_.][A-Za-z0-9 /_.:@-]*$")
_SPECIAL = re.compile(r"^(true|false|null|yes|no|on|off|~|[-+]?\d[\d_]*(\.\d*)?(e[-+]?\d+)?)$", re.IGNORECASE)
YamlValue = str | int | float | bool | None | list["YamlValue"] | dict[str, "YamlValue"]


def escape(text: object) -> str:
    """As `html/template` escapes text and attributes."""
    return str(text).translate(_HTML)


def in_query(text: str) -> str:
    """As `html/template` escapes a value inside a query: lower-case percent signs."""
    return re.sub("%..", lambda found: found[0].lower(), quote(text, safe=""))


def _split(at: float) -> tuple[datetime.datetime, str]:
    nanos = int(Decimal(repr(at)) * 1_000_000_000)
    seconds, rest = divmod(nanos, 1_000_000_000)
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    return moment, fraction


def rfc3339(at: float) -> str:
    """`2026-11-21T01:44:43.088712514Z`, without trailing zeros; 0 is Go's zero time."""
    if not at:
        return "0001-01-01T00:00:00Z"
    moment, fraction = _split(at)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def go_time(at: float, since: float | None = None) -> str:
    """`2026-11-21 01:44:43.09 +0000 UTC`, with the monotonic part if `since` is the start of the process."""
    if not at:
        return "0001-01-01 00:00:00 +0000 UTC"
    moment, fraction = _split(at)
    text = moment.strftime("%Y-%m-%d %H:%M:%S") + fraction + " +0000 UTC"
    return text if since is None else f"{text} m=+{at - since:.9f}"


def clock_of_day(at: float) -> str:
    """`01:44:52`, with milliseconds if there are any."""
    moment, fraction = _split(at)
    return moment.strftime("%H:%M:%S") + fraction[:4].rstrip("0").rstrip(".")


def duration(seconds: float) -> str:
    """As `time.Duration` prints: `8.010280513s`, `1m30s`, `-2.5s`."""
    nanos = round(seconds * 1e9)
    sign, nanos = ("-" if nanos < 0 else ""), abs(nanos)
    integral, rest = divmod(nanos, 10**9)
    minutes, secs = divmod(integral, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{rest:09d}".rstrip("0") if rest else ""
    head = f"{hours}h{minutes}m" if hours else f"{minutes}m" if minutes else ""
    return f"{sign}{head}{secs}{fraction}s"


def number(value: float) -> str:
    """A sample's value as client_golang prints it."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    text = repr(float(value))
    if abs(value) < 1e21 and "e" not in text and abs(value) < 1e6:
        return text
    mantissa, _, exponent = f"{Decimal(text).normalize():e}".partition("e")
    return f"{mantissa}e{exponent[0]}{exponent[1:].zfill(2)}"


def compact(value: object) -> str:
    """JSON as `encoding/json` writes it: no spaces, `<`, `>` and `&` escaped."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def yaml(tree: Mapping[str, YamlValue], indent: int, dashes: int) -> str:
    """YAML as yaml.v2 (`indent` 2, `dashes` 0) and yaml.v3 (4 and 4) write it."""
    return "\n".join(_lines(dict(tree), indent, dashes, 0)) + "\n"


def _lines(tree: dict[str, YamlValue], indent: int, dashes: int, depth: int) -> list[str]:
    lines: list[str] = []
    pad = " " * depth
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            lines += [f"{pad}{key}:", *_lines(value, indent, dashes, depth + indent)]
        elif isinstance(value, list) and value:
            lines += [f"{pad}{key}:", *(f"{pad}{' ' * dashes}- {_scalar(item)}" for item in value)]
        else:
            lines.append(f"{pad}{key}: {_scalar(value)}")
    return lines


def _scalar(value: YamlValue) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, str):
        plain = _PLAIN.match(value) and not _SPECIAL.match(value) and ": " not in value
        return value if plain and not value.endswith((" ", ":")) else json.dumps(value)
    return "{}" if value == {} else "[]" if value == [] else str(value)
