"""`python -m tools.render_chart`: the plain manifests of deploy/kubernetes, rendered from the Helm chart.

Helm itself is on no registry that we reach; gotpl brings Go's templates and Helm's functions in Python.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import yaml
from gotpl.exts.helm import HelmTemplateEngine

from exporter.generated_docs.write_or_compare import write_or_compare

ROOT = Path(__file__).resolve().parent.parent
CHART = ROOT / "deploy" / "helm" / "kvmigration-exporter"
PLAIN = ROOT / "deploy" / "kubernetes"
HEAD = "# Written by `python -m tools.render_chart` from the Helm chart; change that, not this file.\n"
RELEASE = {"Name": "kvmigration-exporter", "Namespace": "mimir", "Service": "kubectl"}
MONITORING = {"serviceMonitor": {"enabled": True}, "prometheusRule": {"enabled": True}}
SHARDS = {"shards": 4}
Values = Mapping[str, Any]
Manifest = dict[str, Any]


class Files:
    """The chart's `.Files`."""

    def __init__(self, chart: Path) -> None:
        self._texts = {
            path.relative_to(chart).as_posix(): path.read_text(encoding="utf-8")
            for path in _files(chart / "files")
        }

    def Get(self, name: str) -> str:  # noqa: N802 -- Helm's name
        """A file's text, "" where there is none."""
        return self._texts.get(name, "")

    def Glob(self, pattern: str) -> dict[str, str]:  # noqa: N802 -- Helm's name
        """Texts by path."""
        return {name: text for name, text in sorted(self._texts.items()) if fnmatch(name, pattern)}


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _files(path)
        else:
            yield path


def merged(base: Values, over: Values) -> dict[str, Any]:
    """Values as Helm puts them together: mappings by key, everything else replaced."""
    result = dict(base)
    for key, value in over.items():
        old = result.get(key)
        both = isinstance(old, Mapping) and isinstance(value, Mapping)
        result[key] = merged(old, value) if both and key != "config" else value  # type: ignore[arg-type]  # both
    return result


def values(over: Values) -> dict[str, Any]:
    """The chart's values with these instead."""
    return merged(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")), over)


def render(over: Values | None = None, release: Values | None = None) -> dict[str, str]:
    """Each template's output by its name, as `helm template` would print it."""
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
    context = {
        "Values": values(over or {}),
        "Release": {"IsInstall": True, "IsUpgrade": False, "Revision": 1, **RELEASE, **(release or {})},
        "Chart": {"Name": chart["name"], "Version": chart["version"], "AppVersion": chart["appVersion"]},
        "Files": Files(CHART),
        "Capabilities": {"KubeVersion": {"Version": "v1.30.0"}},
    }
    sources = {path.name: path.read_text(encoding="utf-8") for path in sorted(CHART.glob("templates/*"))}
    engine = HelmTemplateEngine(sources, strict=False)
    return {name: engine.render_template(name, context) for name in sources if not name.startswith("_")}


def manifests(rendered: Mapping[str, str]) -> list[Manifest]:
    """Every object of a rendering."""
    texts = [text for name, text in rendered.items() if name.endswith(".yaml")]
    return [document for text in texts for document in yaml.safe_load_all(text) if document]


def plain() -> dict[str, str]:
    """The committed files by name: what every cluster takes, and what needs the Prometheus operator. Of
    the shards' monitoring there is only what they need besides.
    """
    ours, operators = _apart(manifests(render(MONITORING)))
    sharded, joining = _apart(manifests(render({**MONITORING, **SHARDS})))
    return {
        "exporter.yaml": _written(ours),
        "monitoring.yaml": _written(operators),
        "shards/exporter.yaml": _written(sharded),
        "shards/monitoring.yaml": _written([document for document in joining if document not in operators]),
    }


def _apart(documents: list[Manifest]) -> tuple[list[Manifest], list[Manifest]]:
    operators = [document for document in documents if document["apiVersion"].startswith("monitoring.")]
    return [document for document in documents if document not in operators], operators


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as a person would write them."""


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = "|" if "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _text)


def _written(documents: list[Manifest]) -> str:
    return HEAD + yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, width=110)


def main(argv: list[str]) -> int:
    """Write the files, or with `--check` name those that are not current."""
    parser = argparse.ArgumentParser(prog="python -m tools.render_chart", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    check = parser.parse_args(argv).check
    wanted = {PLAIN / name: text for name, text in plain().items()}
    return write_or_compare(wanted, "python -m tools.render_chart", only_compare=check)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
