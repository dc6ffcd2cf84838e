"""Where this project's docs are served, as a command chooses it in place of what the file names."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from exporter.config.models import Config
from exporter.config.scalars import BaseUrl

_ADDRESS: TypeAdapter[str] = TypeAdapter(BaseUrl)


def address_of(text: str) -> str:
    """Read the address, without a last slash. Raises `ValueError` for what is no plain address."""
    try:
        return _ADDRESS.validate_python(text)
    except ValidationError:
        raise ValueError(
            f'"{text}" is no plain address; write for instance https://docs.example.com/kvmigration'
        ) from None


def documented(config: Config, base: str) -> Config:
    """The configuration with the address of the command line, where it has one."""
    if not base:
        return config
    return config.model_copy(update={"gate": config.gate.model_copy(update={"docs_url": base})})
