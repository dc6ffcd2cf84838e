"""Our house panels: the only module that imports grafanalib.

grafanalib gives the shape of a dashboard and its panels. What it leaves old or empty is set here: schema
version, uid, data sources as objects, refresh, tooltips, units, descriptions. So are null handling,
thresholds, value mappings and links. What Grafana no longer supports is taken out.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from dashboards import panel_specifications as spec
from dashboards.fields import PAGE_OF_PROCESS, Json, override, shade, values
from dashboards.installation_settings import Options
from dashboards.queries import Queries
from exporter.errors import UsageError
from exporter.expose import catalogue as c
from exporter.expose.metric import Metric

try:
    from grafanalib import core as g
except ImportError as error:
    raise UsageError("the boards need grafanalib: pip install 'kvmigration-exporter[dashboards]'") from error

SCHEMA_VERSION = 38  # Grafana 10.0; later versions migrate it upwards on import
TAG = "kvmigration"
REFRESH = "30s"
SHARED_CROSSHAIR = 1
ON_LOAD, ON_TIME_RANGE_CHANGE = 1, 2  # when Grafana queries a variable
ALPHABETICAL = 1
LEFT_BY_GRAFANALIB = frozenset({
    "cacheTimeout", "color", "columns", "editable", "error", "fontSize", "height", "hideTimeOverride",
    "interval", "mappings", "maxDataPoints", "maxPerRow", "minSpan", "repeat", "repeatDirection", "span",
    "timeFrom", "timeShift", "transparent",
})  # fmt: skip
LEFT_ON_DASHBOARD = frozenset(
    {"__inputs", "gnetId", "hideControls", "rows", "sharedCrosshair", "style", "version"}
)
ADDRESS, HIDDEN = "exporter", 2  # a variable, and how Grafana hides it
CARRY = "${__url_time_range}&${__all_variables}"


@dataclass(frozen=True, slots=True)
class House:
    """Makes panels and boards for one set of options."""

    options: Options

    @property
    def queries(self) -> Queries:
        return Queries(self.options)

    @property
    def source(self) -> Json:
        return {"type": "prometheus", "uid": f"${{{self.options.datasource}}}"}

    def _targets(self, queries: Sequence[spec.Ask], form: str, instant: bool) -> list[Json]:
        shared = {"datasource": self.source, "editorMode": "code", "format": form, "instant": instant}
        return [
            {"expr": ask.expr, "legendFormat": ask.legend, "refId": letter, "range": not instant, **shared}
            for letter, ask in zip(ascii_uppercase, queries, strict=False)
        ]

    def _defaults(self, look: spec.Style) -> Json:
        optional = {"decimals": look.decimals, "min": look.low, "max": look.high}
        nothing = look.mappings[-1]["options"]["result"]["text"]
        return {
            "unit": look.unit,
            "noValue": f"{look.empty}, or no data" if look.empty else nothing,
            "mappings": list(look.mappings),
            "thresholds": {"mode": "absolute", "steps": list(look.steps)},
            **{key: value for key, value in optional.items() if value is not None},
        }

    def _common(self, panel: spec.Panel, form: str = "time_series", instant: bool = False) -> Json:
        return {
            "title": panel.title,
            "description": panel.text,
            "dataSource": self.source,
            "targets": self._targets(panel.queries, form, instant),
            "links": [self._link(to) for to in panel.links],
        }

    def _fields(self, look: spec.Style, by_value: bool = True, **custom: Any) -> Json:
        by_thresholds = {"color": {"mode": "thresholds"}} if by_value else {}
        defaults = {**self._defaults(look), **by_thresholds, "custom": custom}
        colours = [shade(name, colour) for name, colour in look.colours.items()]
        return {"defaults": defaults, "overrides": [*look.overrides, *colours]}

    def panel(self, panel: spec.Panel) -> Any:
        """The panel as grafanalib has it."""
        forms: dict[type[spec.Panel], Callable[[Any], Any]] = {
            spec.Tile: self._stat,
            spec.Lines: self._series,
            spec.Lanes: self._timeline,
            spec.Table: self._table,
            spec.Bars: self._bars,
        }
        return forms[type(panel)](panel)

    def _stat(self, panel: spec.Tile) -> Any:
        """Queried for now: a range would show the last good value of a stopped exporter."""
        options: Json = {"textMode": "value_and_name" if panel.named else "value", "text": {}}
        return g.Stat(
            **self._common(panel, instant=True),
            colorMode="background",
            graphMode="none",
            reduceCalc="lastNotNull",
            alignment="center",
            extraJson={"fieldConfig": self._fields(panel.look), "options": options},
        )

    def _series(self, panel: spec.Lines) -> Any:
        """Gaps stay gaps."""
        options = {"legend": {"showLegend": True}, "tooltip": {"mode": "multi", "sort": "desc"}}
        fields = self._fields(panel.look, by_value=False, insertNulls=False)
        if any("{{target}}" in ask.legend for ask in panel.queries):
            fields["defaults"]["links"] = [_of_process("${__field.labels.target}")]
        return g.TimeSeries(
            **self._common(panel),
            fillOpacity=40 if panel.stacked else 0,
            lineWidth=1,
            showPoints="auto",
            pointSize=4,
            lineInterpolation="stepAfter",
            legendCalcs=["lastNotNull"],
            stacking={"mode": "normal" if panel.stacked else "none", "group": "A"},
            thresholdsStyleMode="dashed" if panel.marked else "off",
            axisSoftMin=0,
            extraJson={"fieldConfig": fields, "options": options},
        )

    def _timeline(self, panel: spec.Lanes) -> Any:
        """An empty lane is a time without samples."""
        return g.StateTimeline(
            **self._common(panel),
            fillOpacity=85,
            rowHeight=0.85,
            extraJson={
                "fieldConfig": self._fields(panel.look, spanNulls=False, insertNulls=False),
                "options": {"legend": {"showLegend": True}},
            },
        )

    def _table(self, panel: spec.Table) -> Any:
        """A column without a heading is hidden."""
        headings = panel.columns
        of_queries = values(*(ask.legend for ask in panel.queries))
        dropped = ("Time", "__name__", *self.options.place, "Value", *of_queries)
        organize = {
            "excludeByName": {name: True for name in dropped if name not in headings},
            "indexByName": {name: index for index, name in enumerate(headings)},
            "renameByName": headings,
        }
        merge = [{"id": "merge", "options": {}}] if len(panel.queries) > 1 else []
        cells: Json = {"align": "left", "cellOptions": {"type": "auto"}, "filterable": True, "inspect": False}
        fields = self._fields(panel.look, **cells)
        if "target" in headings:
            fields["overrides"].append(override(headings["target"], links=[_of_process("${__value.raw}")]))
        return g.Table(
            **self._common(panel, form="table", instant=True),
            transformations=[*merge, {"id": "organize", "options": organize}],
            unit=panel.look.unit,
            sortBy=[g.TableSortByField(panel.sort, panel.descending)] if panel.sort else [],
            extraJson={"fieldConfig": fields, "options": {"cellHeight": "sm"}},
        )

    def _bars(self, panel: spec.Bars) -> Any:
        options = {
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "valueMode": "color",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        }
        return g.BarGauge(
            **self._common(panel, instant=True),
            extraJson={"fieldConfig": self._fields(panel.look), "options": options},
        )

    def _link(self, to: str) -> Json:
        """To a board, time and variables taken along; to a page of the exporter; or to an alert's runbook."""
        if to in spec.TITLES:
            return {"title": spec.TITLES[to], "url": f"/d/{to}?{CARRY}", "targetBlank": False}
        base, title = self.options.runbooks.rstrip("/"), f"Runbook {to}"
        url = f"{base}/{to}.md" if base else f"http://${{{ADDRESS}}}/docs/runbooks/{to}"
        if to == PAGE_OF_PROCESS:
            title, url = "This process on the exporter's page", f"http://${{{ADDRESS}}}/{to}"
        return {"title": title, "url": url, "targetBlank": True}

    def single(self, label: str, metric: Metric, after: Sequence[str], everything: str = ".*") -> Json:
        """A variable over a label of one of our metrics: one value is chosen; `after` narrow it."""
        matchers = [*(f'{other}=~"${other}"' for other in after), self.options.selector]
        query = f"label_values({metric.name}{{{', '.join(part for part in matchers if part)}}}, {label})"
        ours = {"refresh": ON_TIME_RANGE_CHANGE, "sort": ALPHABETICAL, "allValue": everything}
        made = _variable(label, label.title(), "query", query)
        return {**made, "datasource": self.source, "definition": query, **ours}

    def several(self, label: str, metric: Metric, after: Sequence[str], everything: str = ".*") -> Json:
        """The same for several values, "All" chosen."""
        current = {"selected": True, "text": ["All"], "value": ["$__all"]}
        made = self.single(label, metric, after, everything)
        return {**made, "current": current, "includeAll": True, "multi": True}

    def address(self) -> Json:
        """The address of an exporter, for links to its docs; not shown."""
        made = self.single("instance", c.BUILD_INFO, self.options.place)
        return {**made, "name": ADDRESS, "hide": HIDDEN, "allValue": ""}

    def annotation(self, name: str, colour: str, expr: str, title: str, text: str) -> Json:
        """Marks on every panel from a query: each sample is one, neighbours are joined."""
        return {
            "name": name,
            "datasource": self.source,
            "enable": True,
            "hide": False,
            "iconColor": colour,
            "expr": expr,
            "step": "15s",
            "titleFormat": title,
            "textFormat": text,
            "tagKeys": "",
            "useValueForTime": False,
            "target": {"expr": expr, "interval": "15s", "refId": "Anno"},
        }

    def board(self, board: spec.Board, variables: Sequence[Json], annotations: Sequence[Json]) -> Json:
        """The finished dashboard, as it is written."""
        links = g.DashboardLink(
            includeVars=True,
            keepTime=True,
            tags=[TAG],
            title="Boards",
            tooltip="The migration's other boards",
        )
        panels = self._placed(board.rows)
        links_to_docs = f"${{{ADDRESS}}}" in json.dumps(panels, default=lambda part: part.to_json_data())
        address = [self.address()] if links_to_docs else []
        source = _variable(self.options.datasource, "Data source", "datasource", "prometheus")
        made = g.Dashboard(
            title=f"KV migration / {spec.TITLES[board.uid]}",
            description=board.text,
            uid=board.uid,
            tags=[TAG],
            timezone="browser",
            editable=False,
            refresh=REFRESH,
            schemaVersion=SCHEMA_VERSION,
            graphTooltip=SHARED_CROSSHAIR,
            time=g.Time("now-1h", "now"),
            timePicker=g.TimePicker(["10s", "30s", "1m", "5m", "15m"], []),
            links=[links],
            templating=g.Templating([source, *variables, *address]),
            annotations=g.Annotations([_GRAFANAS_OWN, *annotations]),
            panels=panels,
        )
        plain_json = json.loads(json.dumps(made, default=lambda part: part.to_json_data()))
        plain_json["timepicker"] = {"refresh_intervals": plain_json["timepicker"]["refresh_intervals"]}
        ours = {"fiscalYearStartMonth": 0, "weekStart": ""}
        return {**{key: value for key, value in plain_json.items() if key not in LEFT_ON_DASHBOARD}, **ours}

    def _placed(self, rows: Sequence[spec.Row]) -> list[Json]:
        placed: list[Json] = []
        y = 0
        for row in rows:
            placed.append(_row(row.title, y))
            y += 1
            for band in row.bands:
                x = 0
                for panel, width in band.cells:
                    placed.append(_panel(self.panel(panel), g.GridPos(band.height, width, x, y)))
                    x += width
                y += band.height
        return placed


_GRAFANAS_OWN: Json = {
    "builtIn": 1,
    "datasource": {"type": "grafana", "uid": "-- Grafana --"},
    "enable": True,
    "hide": True,
    "iconColor": "rgba(0, 211, 255, 1)",
    "name": "Annotations & Alerts",
    "type": "dashboard",
}
"""Grafana adds these to a board that lacks them, and would then show it as changed."""


def _of_process(name: str) -> Json:
    """A link from a line or a cell to the board of its process."""
    return {"title": f"{name}: its views", "url": f"/d/{spec.Uid.PROCESS}?{CARRY}&var-target={name}"}


def _variable(name: str, label: str, kind: str, query: str) -> Json:
    return {
        "name": name, "label": label, "type": kind, "query": query, "regex": "", "refresh": ON_LOAD,
        "hide": 0, "options": [], "current": {}, "includeAll": False, "multi": False,
    }  # fmt: skip


def panel_id(title: str) -> int:
    """An id that stays when panels come and go around it, so that links to a panel keep working."""
    return zlib.crc32(title.encode()) % 999_983 + 1


def _row(title: str, y: int) -> Json:
    place = {"h": 1, "w": spec.COLUMNS, "x": 0, "y": y}
    ident = panel_id(f"row {title}")
    return {"title": title, "type": "row", "collapsed": False, "panels": [], "id": ident, "gridPos": place}


def _without_nulls(fields: Json) -> Json:
    """Field settings without those that are not set; a null inside a list, the lowest step's, stays."""
    return {
        key: _without_nulls(value) if isinstance(value, dict) else value
        for key, value in fields.items()
        if value is not None
    }


def _panel(panel: Any, place: Any) -> Json:
    made = panel.to_json_data()
    kept = {key: value for key, value in made.items() if key not in LEFT_BY_GRAFANALIB}
    old = ("fieldOptions", "showThresholdLabels", "showThresholdMarkers")
    options = {key: value for key, value in kept["options"].items() if key not in old}
    fields = _without_nulls(kept["fieldConfig"])
    return {**kept, "fieldConfig": fields, "options": options, "id": panel_id(panel.title), "gridPos": place}
