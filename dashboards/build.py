"""From boards to files: rendered the same byte for byte, written, or compared with what is there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from dashboards.boards import exporter, gossip, ha_tracker, overview, process, read_write, rings
from dashboards.fields import Json
from dashboards.installation_settings import Options
from dashboards.panels import House
from dashboards.variables import finished

BUILT = Path(__file__).parent / "built"
_BOARDS = (overview, rings, gossip, process, ha_tracker, read_write, exporter)


def boards(options: Options) -> Mapping[str, Json]:
    """Every board by its uid."""
    house = House(options)
    made = (module.build(house.queries) for module in _BOARDS)
    return {board.uid: finished(house, board) for board in made}


def as_json(board: Json) -> str:
    """A board as it is imported: keys sorted, two spaces, one line feed at the end."""
    return json.dumps(board, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def files(options: Options, form: str = "json") -> Mapping[str, str]:
    """File name to text. `form` is `json` (import, provisioning), `api` (bodies for the HTTP API) or
    `configmap` (for the sidecar of the Helm charts).
    """
    made = boards(options)
    if form == "json":
        folder = f"{options.folder}/" if options.folder else ""
        return {f"{folder}{uid}.json": as_json(board) for uid, board in made.items()}
    if form == "api":
        return {f"{uid}.api.json": as_json(_body(board, options)) for uid, board in made.items()}
    return {f"{uid}.configmap.json": as_json(_config_map(uid, board, options)) for uid, board in made.items()}


def _body(board: Json, options: Options) -> Json:
    folder = {"folderUid": options.folder} if options.folder else {}
    return {"dashboard": board, "message": "kvmigration-exporter", "overwrite": True, **folder}


def _config_map(uid: str, board: Json, options: Options) -> Json:
    folder = {"annotations": {"grafana_folder": options.folder}} if options.folder else {}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": uid, "labels": {"grafana_dashboard": "1"}, **folder},
        "data": {f"{uid}.json": as_json(board)},
    }


def write(wanted: Mapping[str, str], where: Path) -> None:
    """Write the files, and take away boards of ours that are no more."""
    for name, text in wanted.items():
        path = where / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in _leftovers(wanted, where):
        path.unlink()


def differences(wanted: Mapping[str, str], where: Path) -> list[str]:
    """A line for each file that is missing, stale or left over."""
    lines = []
    for name, text in wanted.items():
        path = where / name
        if not path.is_file():
            lines.append(f"{path}: missing")
        elif path.read_text(encoding="utf-8") != text:
            lines.append(f"{path}: not what the boards write")
    return [*lines, *(f"{path}: no board makes this" for path in _leftovers(wanted, where))]


def _leftovers(wanted: Mapping[str, str], where: Path) -> list[Path]:
    return sorted(
        path for path in where.glob("kvmigration-*.json") if str(path.relative_to(where)) not in wanted
    )
