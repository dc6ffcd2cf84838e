"""Bring `.venv` to a lock file: `python3 tools/setup_venv.py requirements.lock`.

Standard library only, since it runs before anything is installed. Everything is installed by hash; the
project itself is not installed but put on the path, so the work tree is what runs. The lock file's hash is
kept inside the venv, and nothing is installed while it is current. The development lock has the runtime
lock's packages at the same versions, so a venv made for tests also runs the program.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = """#!{python}
import sys

from exporter.__main__ import main

sys.exit(main())
"""


def digest(lock: Path) -> str:
    """What the venv must match: the lock's content and the Python that the wheels were chosen for."""
    return hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()


def stamp_of(venv: Path, lock: Path) -> Path:
    return venv / f".synced-{lock.stem}"


def is_current(venv: Path, lock: Path) -> bool:
    stamp = stamp_of(venv, lock)
    python = venv / "bin" / "python"
    return python.exists() and stamp.exists() and stamp.read_text() == digest(lock)


def need_ensurepip() -> None:
    """Debian splits `venv` from its Python; get it where we may, else raise with the command for it."""
    try:
        import ensurepip  # noqa: F401, PLC0415  # only its presence is checked, and only here
    except ImportError:
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            sys.exit("setup: this Python cannot make a venv; install the package python3-venv and try again")
        run("apt-get", "update", "-q")
        run("apt-get", "install", "-y", "-q", "--no-install-recommends", "python3-venv")


def run(*command: str | Path) -> None:
    ended = subprocess.run([str(part) for part in command], check=False)
    if ended.returncode:
        sys.exit(f"setup: failed ({ended.returncode}): {' '.join(str(part) for part in command)}")


def make(venv: Path) -> None:
    need_ensurepip()
    shutil.rmtree(venv, ignore_errors=True)
    run(sys.executable, "-m", "venv", venv)


def put_project_on_path(venv: Path) -> None:
    site = Path(sysconfig.get_path("purelib", "venv", vars={"base": str(venv), "platbase": str(venv)}))
    (site / "kvmigration.pth").write_text(f"{ROOT}\n")
    script = venv / "bin" / "kvmigration"
    script.write_text(SCRIPT.format(python=venv / "bin" / "python"))
    script.chmod(0o755)


def is_ours(venv: Path) -> bool:
    """Whether the venv works, has pip, and is of the Python that runs this."""
    ask = [str(venv / "bin" / "python"), "-c", "import pip, sys; print(sys.version)"]
    try:
        return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip() == sys.version
    except OSError:
        return False


def sync(venv: Path, lock: Path, runtime: Path) -> None:
    """Install what `lock` names. A venv made by another Python, or half made, is made again."""
    if not is_ours(venv):
        make(venv)
    for old in venv.glob(".synced-*"):
        old.unlink()
    python = venv / "bin" / "python"
    quiet = ["-q", "--disable-pip-version-check", "--no-input"]
    run(python, "-m", "pip", "install", *quiet, "--no-deps", "--require-hashes", "-r", lock)
    put_project_on_path(venv)
    for held in {lock, runtime}:
        stamp_of(venv, held).write_text(digest(held))


def main() -> int:
    parser = argparse.ArgumentParser(description="Bring .venv to a lock file.")
    parser.add_argument("lock", type=Path)
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    args = parser.parse_args()
    if sys.version_info < (3, 11):  # noqa: UP036  # it runs under whatever python3 the machine has
        sys.exit(f"setup: Python 3.11 or later is needed, this is {sys.version.split()[0]}")
    lock, venv = args.lock.resolve(), args.venv.absolute()
    if not is_current(venv, lock):
        print(f"setup: installing {lock.name} into {venv.name} …", flush=True)
        sync(venv, lock, lock.parent / "requirements.lock")
    return 0


if __name__ == "__main__":
    sys.exit(main())
