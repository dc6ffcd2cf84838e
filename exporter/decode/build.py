"""Build information: `/api/v1/status/buildinfo`, `/loki/api/v1/status/buildinfo` and their like."""

from __future__ import annotations

import msgspec

from exporter.decode.formats.bounds import from_json, text
from exporter.errors import DecodeError
from exporter.model.pages import BuildInfo, Product
from exporter.products.registry import PRODUCTS


class _Facts(msgspec.Struct):
    application: str | None = None
    version: str | None = None
    revision: str | None = None


class _Page(_Facts):
    data: _Facts | None = None
    status: str | None = None


def decode_build(body: bytes) -> BuildInfo:
    """Version and revision, and the product where the page names it ("Grafana Mimir").

    Mimir and Cortex wrap the facts as Prometheus does (`status`, `data`), Loki does not. An untagged build
    has an empty version. Raises `DecodeError`.
    """
    page = from_json(body, _Page, "build information", 64)
    facts: _Facts = page.data or page
    if facts.version is None:
        raise DecodeError("build information: no version, expected an object with a version")
    return BuildInfo(
        product=_product(facts.application or ""),
        version=text(facts.version, "build information: version"),
        revision=text(facts.revision, "build information: revision"),
    )


def _product(application: str) -> Product:
    lowered = application[:200].lower()
    return next((product for product in PRODUCTS if product.value in lowered), Product.UNKNOWN)
