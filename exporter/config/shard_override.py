"""The shard that a command chooses, in place of the shard in the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from exporter.config.models import Config, Scale


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


def own_file(path: Path, scale: Scale) -> Path:
    """The file of one shard: shards that are given one path have a file each."""
    return path if scale.shards == 1 else path.with_name(f"{path.stem}-{scale.shard}{path.suffix}")


def unsharded(config: Config) -> Config:
    """The configuration for one cycle over all processes."""
    return sharded(config, Shard(0, 1))
