"""Build-information pages."""

from __future__ import annotations

import pytest

from exporter.decode.build import decode_build
from exporter.errors import DecodeError
from exporter.model.pages import BuildInfo, Product

MIMIR = b'{"status":"success","data":{"application":"Grafana Mimir","version":"2.14.0","revision":"abc"}}'
PAGES = {
    "Mimir's": (MIMIR, BuildInfo(Product.MIMIR, "2.14.0", "abc")),
    "Loki's": (
        b'{"version":"3.2.0","revision":"abc","branch":"x"}',
        BuildInfo(Product.UNKNOWN, "3.2.0", "abc"),
    ),
    "an untagged build's": (b'{"version":"","revision":""}', BuildInfo()),
    "Pyroscope's": (
        b'{"data":{"application":"pyroscope","version":"1.9","revision":null}}',
        BuildInfo(Product.PYROSCOPE, "1.9"),
    ),
}


@pytest.mark.parametrize(("body", "expected"), PAGES.values(), ids=PAGES)
def test_build_information(body: bytes, expected: BuildInfo) -> None:
    assert decode_build(body) == expected


@pytest.mark.parametrize(
    "body", [b"", b"not found", b"{}", b'{"data":{}}', b'{"version":5}', b'{"version":"%s"}' % (b"9" * 513)]
)
def test_what_is_no_build_information_is_refused(body: bytes) -> None:
    with pytest.raises(DecodeError, match=r"^build information"):
        decode_build(body)
