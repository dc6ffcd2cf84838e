"""Each class of error, provoked from outside: the message names the place, the cause and what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from exporter.cli.arguments import run
from tests.cli.conftest import as_reviewed

GOOD = 'targets: [{static: {urls: ["http://127.0.0.1:1"]}}]\n'
FILES = {
    "good.yml": GOOD,
    "key.yml": f"{GOOD}intervall: 5s\n",
    "value.yml": f"{GOOD}interval: fast\n",
    "syntax.yml": "targets: [\n",
    "no-certificate.yml": "tls_server_config: {cert_file: gone.pem, key_file: gone.key}\n",
}
ANSWERS = {
    "/404": (404, "text/html", b"<h1>Not Found</h1>"),
    "/login": (200, "text/html", b"<title>Grafana</title><input type=password>"),
    "/metrics": (200, "text/plain", b"# HELP up x\n"),
    "/empty": (502, "", b""),
}


class _Other(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, kind, content = ANSWERS[f"/{self.path.split('/')[1]}"]
        self.send_response(status)
        if kind:
            self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def other() -> Iterator[str]:
    """The address of a server that is no exporter."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


SERVE = "serve --config.file=DIR/good.yml"
LINES = (
    "serve --config.file=DIR/gone.yml",
    "serve --config.file=DIR",
    "validate DIR/key.yml",
    "validate DIR/value.yml",
    "validate DIR/syntax.yml",
    f"{SERVE} --web.listen-address=127.0.0.1:TAKEN",
    f"{SERVE} --web.listen-address=127.0.0.1:99999",
    f"{SERVE} --web.listen-address=nothing.invalid:1",
    f"{SERVE} --web.config.file=DIR/gone.yml",
    f"{SERVE} --web.config.file=DIR/no-certificate.yml",
    "check nothing --config.file=DIR/good.yml",
    "check nothing/preflight --config.file=DIR/good.yml",
    "diff --config.file=DIR/good.yml",
    "explain nothing",
    "status --server nothing",
    "status --server http://127.0.0.1:FREE",
    "status --server http://nothing.invalid",
    "status --server TLS/404",
    "status --server OTHER/404",
    "status --server OTHER/login",
    "status --server OTHER/metrics",
    "status --server OTHER/empty",
    "check preflight --prometheus OTHER/404",
    "status http://127.0.0.1:FREE",
    "status http://nothing.invalid:1",
    "init OTHER/404",
    "init http://127.0.0.1:FREE --output=DIR/good.yml",
    "init http://127.0.0.1:FREE --output=DIR/no/folder.yml",
)


def test_each_error_names_its_place_its_cause_and_what_to_do(
    tmp_path: Path, other: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    said = []
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # and does not listen
        ports = {"TAKEN": taken.getsockname()[1], "FREE": free.getsockname()[1]}
        told = {
            "DIR": str(tmp_path),
            "OTHER": other,
            "TLS": other.replace("http", "https"),
            **{name: str(port) for name, port in ports.items()},
        }
        for line in LINES:
            asked = line
            for name, value in told.items():
                asked = asked.replace(name, value)
            status = run(asked.split())
            out, err = capsys.readouterr()
            assert status and not out, line
            for name, value in told.items():
                err = err.replace(value, name)
            said.append(f"$ kvmigration {line}\n{err}")
    as_reviewed("errors.txt", "\n".join(said))
