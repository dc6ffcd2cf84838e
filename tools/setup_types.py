"""Install Grafana's own types, with which the tests compare every board: `python3 tools/setup_types.py`.

npm installs them by hash from the lock file beside the types' use; the lock names no registry. They lie in
`.tools/board-types`, with the lock's hash inside. Nothing is installed while the hash is current.

Standard library only; quick where all is there.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "tests" / "dashboards" / "types"
INSTALLED = ROOT / ".tools" / "board-types"
COPIED = ("package.json", "package-lock.json", ".npmrc")
STAMP = ".synced"


def digest(source: Path) -> str:
    """What is installed must match this."""
    return hashlib.sha256(b"".join((source / name).read_bytes() for name in COPIED)).hexdigest()


def is_current(source: Path, installed: Path) -> bool:
    stamp = installed / STAMP
    return stamp.is_file() and stamp.read_text() == digest(source)


def install(source: Path, installed: Path) -> None:
    """Install what the lock names. The stamp comes last: a try that broke off is made again."""
    shutil.rmtree(installed, ignore_errors=True)
    installed.mkdir(parents=True)
    for name in COPIED:
        shutil.copyfile(source / name, installed / name)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
    ended = subprocess.run(command, cwd=installed, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode:
        sys.exit(f"setup: npm failed ({ended.returncode}); its own words are above")
    (installed / STAMP).write_text(digest(source))


def main() -> int:
    if is_current(SOURCE, INSTALLED):
        return 0
    if not shutil.which("npm"):
        sys.exit("setup: npm is missing; `make servers` installs it, or install Node.js 18 or later")
    print("setup: installing Grafana's types of boards …", flush=True)
    install(SOURCE, INSTALLED)
    return 0


if __name__ == "__main__":
    sys.exit(main())
