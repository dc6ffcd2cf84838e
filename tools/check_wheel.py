"""Build the wheel, install it into an empty venv from the runtime lock's packages, and start it.

`--no-isolation` and `--no-deps` are on purpose. Build and run have the locked packages, reached through a
path file, so nothing is fetched.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (["--help"], ["--version"], ["serve", "--help"], ["healthcheck", "--help"])
WANTED = ("exporter/__main__.py", "dashboards/built/", "alerts/built/", "licenses/LICENSE")


def run(*command: str | Path, cwd: Path | None = None) -> str:
    parts = [str(part) for part in command]
    ended = subprocess.run(parts, cwd=cwd, capture_output=True, text=True, check=False)
    if ended.returncode:
        sys.exit(f"wheel: {' '.join(parts)} ended with {ended.returncode}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


def check_content(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in WANTED:
        if not any(wanted in name for name in names):
            sys.exit(f"wheel: {wanted} is not in {wheel.name}")
    if any(name.startswith(("tests/", "tools/", "bench/")) for name in names):
        sys.exit(f"wheel: {wheel.name} holds more than the program")


def check_install(wheel: Path, area: Path) -> None:
    """Installed and started away from the work tree, so that only the wheel can answer."""
    venv = area / "venv"
    run(sys.executable, "-m", "venv", venv)
    python = venv / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "--no-index", "--no-deps", wheel)
    site = sysconfig.get_path("purelib", "venv", vars={"base": str(venv), "platbase": str(venv)})
    packages = sysconfig.get_path("purelib")
    # only the packages' directory, not its own path files: those would lead back to the work tree
    (Path(site) / "locked.pth").write_text(f"{packages}\n")
    where = run(python, "-c", "import exporter; print(exporter.__file__)", cwd=area).strip()
    if not Path(where).is_relative_to(venv):
        sys.exit(f"wheel: the program came from {where}, not from the wheel")
    for command in COMMANDS:
        run(venv / "bin" / "kvmigration", *command, cwd=area)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="kvmigration-wheel-") as name:
        area = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", area, ROOT)
        (wheel,) = area.glob("*.whl")
        check_content(wheel)
        check_install(wheel, area)
        print(f"wheel: {wheel.name} installs and starts")
    return 0


if __name__ == "__main__":
    sys.exit(main())
