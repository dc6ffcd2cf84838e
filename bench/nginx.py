"""nginx on loopback: one address for each process, all on one port, pages from files."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from bench.pages import address

PROGRAM = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "nginx"
CONF = """
daemon off; worker_processes 1; pid {root}/nginx.pid; error_log {root}/error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_timeout 120; keepalive_requests 1000000;
  client_body_temp_path {root}/t1; proxy_temp_path {root}/t2; fastcgi_temp_path {root}/t3;
  uwsgi_temp_path {root}/t4; scgi_temp_path {root}/t5;
  map $server_addr $variant {{ "~[0369]$" 0; "~[147]$" 1; default 2; }}
  map "$arg_downloadKey $arg_viewKey" $copy {{
    "~distributor.* $" distributor.pb; "~ring $" ring.pb; "~ .*ring" view; default memberlist;
  }}
  map $http_accept $form {{ "~application/json" ring; default table; }}
  server {{
    {listens}
    root {root}; default_type application/json;
    location = /metrics {{
      gzip_static on; default_type "text/plain; version=0.0.4"; try_files /metrics.$variant =404;
    }}
    location = /config {{ default_type "text/plain; charset=utf-8"; try_files /config/$server_addr =404; }}
    location = /ingester/ring {{ try_files /$form.$variant =404; }}
    location = /distributor/ring {{ try_files /distributor.$variant =404; }}
    location = /memberlist {{ try_files /$copy.$variant =404; }}
    location / {{ return 404; }}
  }}
}}
"""


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving(root: Path, targets: int) -> Iterator[tuple[str, ...]]:
    """Serve the files; gives the processes' addresses as URLs."""
    port = free_port()
    listens = " ".join(f"listen {address(n)}:{port};" for n in range(targets))
    conf = root / "nginx.conf"
    conf.write_text(CONF.format(root=root, listens=listens))
    server = subprocess.Popen([PROGRAM, "-p", str(root), "-c", str(conf)], stderr=subprocess.DEVNULL)
    try:
        _wait(address(targets - 1), port)
        yield tuple(f"http://{address(n)}:{port}" for n in range(targets))
    finally:
        server.terminate()
        server.wait(10)


def _wait(host: str, port: int) -> None:
    for _ in range(100):
        with contextlib.suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"nginx does not answer on {host}:{port}")
