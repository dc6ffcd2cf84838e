"""The kinds of text in a configuration: names, patterns, addresses, files and secrets.

Nothing here quotes a secret: a message names what is wrong and never repeats a password or a URL that carries
one.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    SecretStr,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import PydanticCustomError

T = TypeVar("T")
HIDDEN: Final = "<secret>"
HARMLESS_HEADERS = frozenset({"x-scope-orgid", "accept", "accept-language", "user-agent"})
_REFUSED_HEADERS = {
    "authorization": "use basic_auth, authorization or oauth2 instead",
    "proxy-authorization": "put the credentials into proxy_url",
    "host": "it is set from the URL",
    "connection": "it is set by the exporter",
    "content-length": "it is set by the exporter",
    "transfer-encoding": "it is set by the exporter",
    "accept-encoding": "it is set by the exporter",
    "accept": "it is set by the exporter for each page",
}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_HOST = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")
_PREFIX = re.compile(r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~-]+)*")  # as the allow-list will have it


class Settings(BaseModel):
    """What every group of keys has in common: frozen, typed strictly, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _left_out(cls, values: object) -> object:
        """A valid key without a value is a key left out, as in Prometheus."""
        if not isinstance(values, dict):
            return values
        known = cls.model_fields
        return {key: value for key, value in values.items() if value is not None or key not in known}


def setting(default: T, description: str, *example: object) -> T:
    """A key that may be left out, with its text and its example in docs/configuration.md."""
    left_out: T = Field(default=default, description=description, examples=list(example) or None)
    return left_out


class Number(int):
    """A YAML integer that remembers how it was written: a label `007` stays `007`."""

    text: str = ""


class Fraction(float):
    """A YAML float that remembers how it was written."""

    text: str = ""


def refuse(message: str, *at: str | int) -> PydanticCustomError:
    """An error for a validator to raise; `at` leads from the validated value to the key at fault."""
    return PydanticCustomError("refused", "{message}", {"message": message, "at": at})


def _text(value: object) -> object:
    """Go's YAML puts a plain number into a string field as it was written; so do we."""
    return value.text if isinstance(value, Number | Fraction) else value


def _matching(pattern: re.Pattern[str], what: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if pattern.fullmatch(value) is None:
            raise refuse(f'"{value[:60]}" is not {what}')
        return value

    return check


def _regex(value: str) -> str:
    if len(value) > 1000:
        raise refuse("a pattern may have 1000 characters at most")
    try:
        re.compile(value)
    except (re.error, RecursionError, OverflowError) as error:
        raise refuse(f'"{value[:60]}" is not a regular expression: {error}') from None
    return value


def split_url(value: str) -> str:
    """A complete URL; else the refusal names what is missing. Never quotes credentials."""
    if any(ord(char) <= 32 or ord(char) == 127 for char in value):
        raise refuse("a URL must not contain blanks or control characters")
    if not value.lower().startswith(("http://", "https://")):
        raise refuse("a URL must begin with http:// or https://")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise refuse("this is not a URL: the host or the port is wrong") from None
    if port == 0 or not is_host(parts.hostname or ""):
        raise refuse("this is not a URL: the host or the port is wrong")
    return value


def is_host(host: str) -> bool:
    """Whether this is a host name or an address, an IPv6 one without brackets."""
    if ":" not in host:
        return _HOST.fullmatch(host) is not None
    try:
        return ipaddress.IPv6Address(host).scope_id is None
    except ValueError:
        return False


def _open_url(value: str) -> str:
    split_url(value)
    parts = urlsplit(value)
    if parts.username is not None or parts.password is not None:
        raise refuse("a URL must not carry credentials; put them into http_client.basic_auth")
    if parts.fragment:
        raise refuse("a URL must not have a fragment (#…)")
    return value


def _base_url(value: str) -> str:
    _open_url(value)
    if "?" in value:
        raise refuse("the URL of a process must not have a query (?…)")
    if _PREFIX.fullmatch(urlsplit(value).path.rstrip("/")) is None:
        raise refuse("the path in the URL is not a plain path prefix such as /mimir")
    return value.rstrip("/")


def _proxy_url(value: SecretStr) -> SecretStr:
    split_url(value.get_secret_value())
    return value


def redacted(url: SecretStr | str) -> str:
    """A URL without what stands before its @."""
    text = url.get_secret_value() if isinstance(url, SecretStr) else url
    parts = urlsplit(text)
    if "@" not in parts.netloc:
        return text
    return urlunsplit(parts._replace(netloc=f"{HIDDEN}@{parts.netloc.rpartition('@')[2]}"))


def shown_url(url: str) -> str:
    """A URL as it may be printed and logged: without user, password and the values of its query."""
    try:
        parts = urlsplit(redacted(url))
    except ValueError:
        return "a URL that is none"
    names = [piece.partition("=")[0] for piece in parts.query.split("&") if piece]
    return urlunsplit(parts._replace(query="&".join(f"{name}={HIDDEN}" for name in names)))


def _against_base(value: str, info: ValidationInfo) -> str:
    """Files are named relative to the configuration file, as in Prometheus."""
    base = (info.context or {}).get("base")
    if not value or "\0" in value:
        raise refuse("a file name must not be empty")
    return value if base is None else os.path.normpath(Path(base, value))


def _headers(value: Mapping[str, str]) -> Mapping[str, str]:
    for name, content in value.items():
        if _HEADER_NAME.fullmatch(name) is None:
            begun = _HEADER_NAME.match(name)  # the rest may be the value, with its secret
            raise refuse(f'what begins with "{begun[0][:60] if begun else ""}" is not a header name')
        if name.lower() in _REFUSED_HEADERS:
            raise refuse(f"this header may not be set; {_REFUSED_HEADERS[name.lower()]}", name)
        if any(ord(char) < 32 and char != "\t" for char in content) or "\x7f" in content:
            raise refuse("a header's value must not have line breaks or control characters", name)
    return value


def _shown_headers(value: Mapping[str, str]) -> dict[str, str]:
    return {name: text if name.lower() in HARMLESS_HEADERS else HIDDEN for name, text in value.items()}


def _labels(value: Mapping[str, str]) -> Mapping[str, str]:
    for name in value:
        if _LABEL_NAME.fullmatch(name) is None:
            raise refuse(f'"{name[:60]}" is not a label name: letters, digits and _ only', name)
        if name.startswith("__"):
            raise refuse("label names that begin with __ are reserved", name)
    return value


def _path_prefix(value: str) -> str:
    if _PREFIX.fullmatch(value.rstrip("/")) is None:
        raise refuse(f'"{value[:60]}" is not a path prefix such as /mimir')
    return value.rstrip("/")


def _hidden(_: Any) -> str:
    return HIDDEN


Text = Annotated[str, BeforeValidator(_text)]
Name = Annotated[Text, StringConstraints(min_length=1, max_length=253)]
Regex = Annotated[Text, AfterValidator(_regex)]
Url = Annotated[
    Text, AfterValidator(_open_url), PlainSerializer(shown_url, return_type=str, when_used="json")
]
"""Any http(s) URL without credentials and fragment; the values of its query are not shown."""
BaseUrl = Annotated[Text, AfterValidator(_base_url)]
"""The URL of a process: scheme, host, port, perhaps a path; no query, no last slash."""
FileName = Annotated[Text, AfterValidator(_against_base)]
Secret = Annotated[
    SecretStr,
    BeforeValidator(_text),
    PlainSerializer(_hidden, return_type=str, when_used="json"),
]
ProxyUrl = Annotated[
    SecretStr,
    BeforeValidator(_text),
    AfterValidator(_proxy_url),
    PlainSerializer(redacted, return_type=str, when_used="json"),
]
"""A URL that may carry credentials: hidden in every print of it."""
Headers = Annotated[
    dict[str, Text],
    AfterValidator(_headers),
    PlainSerializer(_shown_headers, return_type=dict[str, str], when_used="json"),
]
SecretMap = Annotated[
    dict[str, Text],
    PlainSerializer(lambda value: dict.fromkeys(value, HIDDEN), return_type=dict[str, str], when_used="json"),
]
Labels = Annotated[dict[str, Text], AfterValidator(_labels)]
PathPrefix = Annotated[Text, AfterValidator(_path_prefix)]
Host = Annotated[Text, AfterValidator(_matching(_HOST, "a host name"))]
