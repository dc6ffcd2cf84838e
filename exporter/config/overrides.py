"""What a command chooses in place of what the file names: its shard, and where the docs are served."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from exporter.config.models import Config, Scale
from exporter.config.scalars import BaseUrl

_ADDRESS: TypeAdapter[str] = TypeAdapter(BaseUrl)


@dataclass(frozen=True, slots=True)
class Shard:
    """Shard `number`, from 0, of `count`."""

    number: int
    count: int


def sharded(config: Config, chosen: Shard | None) -> Config:
    """The configuration with the shard of the command line, where it names one."""
    if chosen is None:
        return config
    scale = {**config.scale.model_dump(), "shard": chosen.number, "shards": chosen.count}
    return config.model_copy(update={"scale": Scale.model_validate(scale)})


def unsharded(config: Config) -> Config:
    """The configuration for one cycle over all processes."""
    return sharded(config, Shard(0, 1))


def address_of(text: str) -> str:
    """Read the docs' address, without a last slash. Raises `ValueError` for what is no plain address."""
    try:
        return _ADDRESS.validate_python(text)
    except ValidationError:
        raise ValueError(
            f'"{text}" is no plain address; write for instance https://docs.example.com/kvmigration'
        ) from None


def documented(config: Config, base: str) -> Config:
    """The configuration with the docs' address of the command line, where it has one."""
    if not base:
        return config
    return config.model_copy(update={"gate": config.gate.model_copy(update={"docs_url": base})})
