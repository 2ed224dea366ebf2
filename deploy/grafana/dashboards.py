"""Makes the dashboards for Grafana, next to this file: `make dashboards`.

`deploy/grafana/panels.py` has the panels; everything else is the same for all. `$job` is the variable that limits a
dashboard to some processes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from deploy.grafana.panels import DASHBOARDS, Panel

FOLDER = Path(__file__).parent

ROW_HEIGHT, PANEL_HEIGHT, WIDTH = 1, 8, 24
LOGARITHMIC = {"s"}
"""Units whose values span orders of magnitude."""


def dashboard(name: str, rows: Mapping[str, Sequence[Panel]]) -> dict[str, Any]:
    """Return a dashboard as Grafana imports it."""
    return {
        "uid": f"challenge-{name}",
        "title": f"Challenges: {name.replace('-', ' ').replace('postgres and redis', 'Postgres and Redis')}",
        "tags": ["challenge"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_SOURCE, _JOB]},
        "links": [
            {"type": "dashboards", "tags": ["challenge"], "title": "Challenges", "asDropdown": True, "keepTime": True}
        ],
        "panels": list(_laid_out(rows)),
    }


_DATASOURCE = {"type": "prometheus", "uid": "${source}"}
_SOURCE = {"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}
_JOB = {
    "name": "job",
    "label": "Job",
    "type": "query",
    "datasource": _DATASOURCE,
    "query": {"query": "label_values(target_info, job)", "refId": "job"},
    "refresh": 2,
    "multi": True,
    "includeAll": True,
    "allValue": ".*",
    "current": {"text": "All", "value": "$__all"},
}


def _laid_out(rows: Mapping[str, Sequence[Panel]]) -> Iterator[dict[str, Any]]:
    number, top = 0, 0
    for title, panels in rows.items():
        number += 1
        place = {"x": 0, "y": top, "w": WIDTH, "h": ROW_HEIGHT}
        yield {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}
        top += ROW_HEIGHT
        width = WIDTH // len(panels)
        for position, panel in enumerate(panels):
            number += 1
            place = {"x": position * width, "y": top, "w": width, "h": PANEL_HEIGHT}
            yield {"id": number, "gridPos": place, **_graph(panel)}
        top += PANEL_HEIGHT


def _graph(panel: Panel) -> dict[str, Any]:
    scale = {"type": "log", "log": 10} if panel.unit in LOGARITHMIC else {"type": "linear"}
    return {
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"scaleDistribution": scale, "fillOpacity": 5}},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom"},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
                # The traces of calls appear as points that lead to them.
                "exemplar": "_bucket" in expression,
            }
            for index, (legend, expression) in enumerate(panel.curves.items())
        ],
    }


def texts() -> dict[str, str]:
    """Return the content of each file by its name."""
    return {f"{name}.json": json.dumps(dashboard(name, rows), indent=1) + "\n" for name, rows in DASHBOARDS.items()}


if __name__ == "__main__":
    for file, text in texts().items():
        (FOLDER / file).write_text(text, encoding="utf-8")
