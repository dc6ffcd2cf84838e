"""Install the real servers that the tests start: `python3 tools/setup_servers.py`.

Debian packages, only those that are missing. None of their daemons is started: a temporary policy file
refuses every service script while apt runs, as Debian's own image builders do. Consul left Debian after
bullseye, so it is fetched from that release, from the mirror that this machine already uses. Its lists lie in
a temporary directory: the machine's sources and pins stay as they are, and apt checks the signatures as
always.

Standard library only; quick where all is there; with `--check` it only reports.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "etcd": "etcd-server",
    "chromium": "chromium",
    "dnsmasq": "dnsmasq-base",
    "nginx": "nginx-light",
    "node": "nodejs",
    "npm": "npm",
    "wrk": "wrk",
    "consul": "consul",
    "systemd-analyze": "systemd",
}
CONSUL_RELEASE = "bullseye"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
POLICY = Path("/usr/sbin/policy-rc.d")
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"


class SetupError(Exception):
    """One plain line: what is missing and what to do."""


def found(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{SBIN}") is not None


def missing() -> list[str]:
    """Debian packages with programs that are not on this machine."""
    return sorted({package for program, package in PACKAGES.items() if not found(program)})


def apt(*args: str, cwd: str | None = None) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    command = ["apt-get", "-q", "-o", "Acquire::Retries=3", *args]
    ended = subprocess.run(command, env=environment, cwd=cwd, stdin=subprocess.DEVNULL, check=False)
    if ended.returncode:
        raise SetupError(f"apt-get {' '.join(args)} failed ({ended.returncode}); its own words are above")


@contextlib.contextmanager
def no_services() -> Iterator[None]:
    """While inside, packages may not start their daemons. An administrator's own policy is kept."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink(missing_ok=True)


def deb822_mirrors(text: str) -> Iterator[tuple[str, str]]:
    """(URI, suite) of each enabled `deb` paragraph of a `.sources` file."""
    for paragraph in text.split("\n\n"):
        fields: dict[str, str] = {}
        name = ""
        for line in paragraph.splitlines():
            if line.startswith("#"):
                continue
            if line[:1] in " \t" and name:
                fields[name] += " " + line.strip()
            elif ":" in line:
                name, _, value = line.partition(":")
                name = name.strip().lower()
                fields[name] = value.strip()
        if "deb" in fields.get("types", "").split() and fields.get("enabled", "yes").lower() != "no":
            for uri in fields.get("uris", "").split():
                for suite in fields.get("suites", "").split():
                    yield uri, suite


def one_line_mirrors(text: str) -> Iterator[tuple[str, str]]:
    """(URI, suite) of each `deb [options] URI suite component…` line of a `.list` file."""
    for line in text.splitlines():
        kind, _, rest = line.split("#", 1)[0].strip().partition(" ")
        rest = rest.strip()
        if rest.startswith("["):
            rest = rest.partition("]")[2]
        words = rest.split()
        if kind == "deb" and len(words) >= 2:
            yield words[0], words[1]


def configured_mirrors(etc: Path) -> list[tuple[str, str]]:
    """All (URI, suite) under `etc` (`/etc/apt`), in apt's own order of files."""
    pairs: list[tuple[str, str]] = []
    main = etc / "sources.list"
    parts = sorted((etc / "sources.list.d").glob("*"))
    for path in [main, *parts]:
        if path.is_file() and path.suffix == ".list":
            pairs += one_line_mirrors(path.read_text(errors="replace"))
        elif path.is_file() and path.suffix == ".sources":
            pairs += deb822_mirrors(path.read_text(errors="replace"))
    return pairs


def release_name() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    return ""


def main_mirror(pairs: list[tuple[str, str]], release: str) -> str:
    """The mirror that serves this machine's release itself (not its security or update suites)."""
    for uri, suite in pairs:
        if suite in {release, "stable", "oldstable"}:
            return uri
    raise SetupError(
        f"no apt source for the release {release!r} under /etc/apt, so no mirror to ask for Consul; "
        "install a `consul` program by hand (1.8 or later) and put it on PATH"
    )


def install_consul() -> None:
    """Fetch the one package with lists of its own, then install the file: apt adds what it depends on."""
    uri = main_mirror(configured_mirrors(Path("/etc/apt")), release_name())
    with tempfile.TemporaryDirectory(prefix="kvmigration-consul-") as name:
        area = Path(name)
        area.chmod(0o755)
        for part in ("sources", "preferences", "lists/partial", "archives/partial", "out"):
            (area / part).mkdir(parents=True)
        with contextlib.suppress(LookupError):  # apt fetches as this user, where the system has it
            shutil.chown(area / "out", "_apt")
        (area / "sources" / "consul.sources").write_text(
            f"Types: deb\nURIs: {uri}\nSuites: {CONSUL_RELEASE}\nComponents: main\nSigned-By: {KEYRING}\n"
        )
        private = [
            "-o", "Dir::Etc::sourcelist=/dev/null",
            "-o", f"Dir::Etc::sourceparts={area / 'sources'}",
            "-o", "Dir::Etc::preferences=/dev/null",
            "-o", f"Dir::Etc::preferencesparts={area / 'preferences'}",
            "-o", f"Dir::State::lists={area / 'lists'}",
            "-o", f"Dir::Cache={area}",
            "-o", "Acquire::Languages=none",
        ]  # fmt: skip
        apt(*private, "update")
        apt(*private, "download", f"consul/{CONSUL_RELEASE}", cwd=str(area / "out"))
        packages = [str(path) for path in (area / "out").glob("consul_*.deb")]
        if len(packages) != 1:
            raise SetupError(f"Debian's {CONSUL_RELEASE} offered {len(packages)} consul packages, wanted 1")
        apt("install", "-y", "--no-install-recommends", packages[0])


def install(packages: list[str]) -> None:
    """Install `packages`; Consul last, by its own way."""
    ordinary = [package for package in packages if package != "consul"]
    with no_services():
        apt("update")
        if ordinary:
            apt("install", "-y", "--no-install-recommends", *ordinary)
        if "consul" in packages:
            install_consul()
    if left := missing():
        raise SetupError(f"still missing after the installation: {' '.join(left)}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Install the real servers that the tests start.")
    parser.add_argument("--check", action="store_true", help="only tell what is missing")
    args = parser.parse_args()
    packages = missing()
    if not packages:
        return 0
    wanted = " ".join(packages)
    if args.check or os.geteuid() != 0 or not shutil.which("apt-get"):
        print(
            f"setup: the tests need these Debian packages: {wanted}\n"
            f"setup: run this as root, or install them (consul 1.8 is in Debian {CONSUL_RELEASE})",
            file=sys.stderr,
        )
        return 1
    print(f"setup: installing {wanted} …", flush=True)
    try:
        install(packages)
    except SetupError as problem:
        print(f"setup: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
