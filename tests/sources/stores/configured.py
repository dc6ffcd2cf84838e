"""Stores as a configuration names them, without its checks."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.config import Consul, Etcd

_PASSWORDS = TemporaryDirectory(prefix="passwords-")


def consul_at(
    url: str, prefixes: tuple[str, ...], *, token_file: Path | None = None, datacenter: str = ""
) -> Consul:
    file = str(token_file) if token_file else None
    return Consul.model_construct(url=url, prefixes=prefixes, token_file=file, datacenter=datacenter)


def etcd_at(
    urls: tuple[str, ...], prefixes: tuple[str, ...], username: str = "", password: str | Path = ""
) -> Etcd:
    """`password` is the password itself, or the path of its file."""
    file = password
    if isinstance(password, str):
        file = Path(_PASSWORDS.name, password or "none")
        file.write_text(password)
    return Etcd.model_construct(urls=urls, prefixes=prefixes, username=username, password_file=str(file))
