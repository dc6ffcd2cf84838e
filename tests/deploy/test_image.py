"""The image, really built from the Dockerfile on a base of Debian's packages, and run as it will be run.

Needs root, buildah and debootstrap; skips with the reason where one is missing or Debian's mirror is out of
reach. Layers are made in a chroot, so no container runtime is needed.
"""

from __future__ import annotations

import functools
import json
import os
import re
import select
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT, SBIN

pytestmark = [pytest.mark.slow]
BASE, IMAGE = "localhost/kvmigration-base", "localhost/kvmigration-exporter"
PACKAGES = "python3,python3-venv,ca-certificates"
# what this machine needs to reach its package index; the image keeps none of it
BORROWED = ("/etc/pip.conf", "/root/.config/pip", "/etc/ssl/certs/ca-certificates.crt")
BUILD_SECONDS, START_SECONDS = 1200, 60
PATH = f"{os.environ.get('PATH', '')}:{SBIN}"
# the container's root, read-only; its configuration; then the image's own user
RUN = """
set -e
mount --bind "$1" "$1"
mount --bind "$2" "$1/mnt"
mount -o remount,bind,ro "$1"
root=$1; shift 2
exec chroot --userspec=65532:65532 "$root" "$@"
"""


@dataclass(frozen=True)
class Built:
    """A built image: its root directory, and what its metadata say."""

    root: Path
    config: dict[str, object]


def buildah(storage: Path, *arguments: str) -> str:
    where = ["--root", str(storage / "root"), "--runroot", str(storage / "run")]
    return run("buildah", *where, "--storage-driver", driver(storage), *arguments)


@functools.cache
def driver(storage: Path) -> str:
    """Layers that share what they have in common, where this machine can; else a copy each."""
    parts = [storage / name for name in ("lower", "upper", "work", "merged")]
    for part in parts:
        part.mkdir()
    options = "lowerdir={},upperdir={},workdir={}".format(*parts)
    command = ["unshare", "--mount", "mount", "-t", "overlay", "overlay", "-o", options, str(parts[-1])]
    done = subprocess.run(command, capture_output=True, check=False, timeout=START_SECONDS)
    return "vfs" if done.returncode else "overlay"


def run(*command: str) -> str:
    environment = {**os.environ, "BUILDAH_ISOLATION": "chroot", "PATH": PATH}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=BUILD_SECONDS
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}")
    return done.stdout.strip()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """The image; everything that building it needed is removed at the end."""
    if os.geteuid() != 0:
        pytest.skip("only root can make a chroot to build in")
    for name in ("buildah", "debootstrap"):
        if shutil.which(name, path=PATH) is None:
            pytest.skip(f"{name} is not installed; it is a Debian package of that name")
    work = tmp_path_factory.mktemp("image")
    try:
        base(work)
        volumes = [f"--volume={path}:{path}:ro" for path in BORROWED if Path(path).exists()]
        buildah(work, "bud", *volumes, f"--build-arg=BASE={BASE}", "--tag", IMAGE, str(ROOT))
        container = buildah(work, "from", IMAGE)
        inspected = json.loads(buildah(work, "inspect", "--type", "image", IMAGE))
        yield Built(Path(buildah(work, "mount", container)), inspected["OCIv1"]["config"])
    finally:
        if (work / "root").exists():
            buildah(work, "rm", "--all")
        shutil.rmtree(work, ignore_errors=True)


def base(work: Path) -> None:
    """Debian with Python, as an image."""
    tree = work / "base"
    try:
        run("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", str(tree))
    except AssertionError as error:
        pytest.skip(f"no Debian to build on: {str(error)[-300:]}")
    (tree / "usr/bin/python").symlink_to("python3")
    container = buildah(work, "from", "scratch")
    buildah(work, "add", "--quiet", container, str(tree), "/")
    buildah(work, "commit", "--quiet", container, BASE)
    shutil.rmtree(tree)


def started(built: Built, folder: Path, *command: str) -> subprocess.Popen[str]:
    """A command inside the image, as its user, on a read-only root; `folder` is its /mnt."""
    inside = ["unshare", "--mount", "sh", "-c", RUN, "run", str(built.root), str(folder), *command]
    return subprocess.Popen(
        inside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def said(built: Built, folder: Path, *command: str) -> tuple[int, str]:
    process = started(built, folder, *command)
    told, _ = process.communicate(timeout=START_SECONDS)
    return process.returncode, told


def test_the_image_runs_as_nobody_special_and_says_how_it_is_started(built: Built) -> None:
    assert built.config["User"] == "65532:65532"
    assert built.config["Entrypoint"] == ["/opt/kvmigration/bin/python", "-m", "exporter"]
    assert "9895/tcp" in dict(built.config["ExposedPorts"])  # type: ignore[call-overload]  # JSON
    assert not (built.root / "build").exists(), "the tools that built it are not in it"
    assert not list((built.root / "opt/kvmigration").glob("lib/python3*/site-packages/pip"))


def test_nothing_in_it_can_be_written(built: Built, tmp_path: Path) -> None:
    for place in ("/", "/tmp", "/opt/kvmigration", "/var/lib"):
        status, told = said(built, tmp_path, "/usr/bin/touch", f"{place}/x")
        assert status != 0
        assert "Read-only file system" in told or "Permission denied" in told


def test_it_serves_as_non_root_on_a_read_only_root(built: Built, tmp_path: Path) -> None:
    config = tmp_path / "config.yml"
    config.write_text('targets: [{static: {urls: ["http://127.0.0.1:1"]}}]\n')
    tmp_path.chmod(0o755)
    python = "/opt/kvmigration/bin/python"
    assert said(built, tmp_path, python, "-m", "exporter", "--version")[0] == 0
    serve = ("serve", "--config.file=/mnt/config.yml", "--web.listen-address=127.0.0.1:0")
    process = started(built, tmp_path, python, "-m", "exporter", *serve)
    try:
        address = listening(process)
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert re.search(r"^Uid:\s+65532\s+65532\s+65532\s+65532$", status, re.MULTILINE)
        assert re.search(r"^CapEff:\s+0+$", status, re.MULTILINE)
        told = said(built, tmp_path, python, "-m", "exporter", "healthcheck", f"--server=http://{address}")
        assert told[0] == 0, told[1]
    finally:
        process.terminate()
        process.communicate(timeout=START_SECONDS)
    assert process.returncode == 0


def listening(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    heard = ""
    while select.select([process.stdout], [], [], START_SECONDS)[0] and (line := process.stdout.readline()):
        heard += line
        if found := re.search(r"msg=listening address=(\S+)", line):
            return found[1]
    raise AssertionError(heard)
