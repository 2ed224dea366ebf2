"""Rules and dashboards: every expression is right, and reads metrics that live processes have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import yaml

from deploy.grafana.dashboards import FOLDER, texts
from tests.runtime.processes import metrics_at
from tests.support.certificates import Authority
from tests.support.promql import metrics_in
from tests.support.promtool import RULES, alerts, needs_promtool, run
from tests.support.service_process import PROJECT, ServiceProcess

DASHBOARDS = sorted(FOLDER.glob("*.json"))
OF_HISTOGRAMS = ("_bucket", "_count", "_sum")


def rules() -> list[dict[str, str]]:
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


def panels() -> Iterator[tuple[str, str]]:
    """Yield the name of a dashboard and an expression, for each curve."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", []):
                yield path.stem, target["expr"]


def families(text: str) -> set[str]:
    """Return the names of all series that a page may have."""
    found = set()
    for name, kind in re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE):
        found |= {f"{name}{ending}" for ending in OF_HISTOGRAMS} if kind == "histogram" else {name}
    return found


@pytest.fixture
def live(database_url: str, redis_url: str, tmp_path: Path) -> set[str]:
    """Return the names of all metrics of processes that use every setting that brings metrics."""
    authority = Authority(tmp_path)
    files = authority.files()
    callers = tmp_path / "callers.toml"
    callers.write_text("")
    common = {
        "TLS_CERTIFICATE": str(files.certificate),
        "TLS_PRIVATE_KEY": str(files.private_key),
        "CALLERS": str(callers),
        "REDIS_URL": redis_url,
    }
    rewards = {
        "REWARD_ITEM_PROVIDER": "grpc",
        "REWARD_GRPC_TARGET": "localhost:1",
        "REWARD_GRPC_TLS": "true",
        "REWARD_GRPC_CA": str(authority.certificate),
        "REWARD_GRPC_CERTIFICATE": str(files.certificate),
        "REWARD_GRPC_PRIVATE_KEY": str(files.private_key),
    }
    retention = {"COMPLETION_RETENTION_D": "400"}
    (tmp_path / "mapping.yaml").write_text("payload: protobuf\nmessage: challenge.v1.Event\n")
    source = {
        "SOURCE_BROKER": "kafka",
        "SOURCE_MAPPING": str(tmp_path / "mapping.yaml"),
        "SOURCE_DEAD_LETTERS": "dead",
        # It has its metrics without a broker.
        "KAFKA_SERVERS": "127.0.0.1:1",
        "KAFKA_TOPICS": "matches",
    }
    with ExitStack() as running:
        processes = [
            ServiceProcess("challenge_service", database_url, **common, **rewards),
            ServiceProcess("event_handler", database_url, **common, **retention),
            ServiceProcess("event_handler", database_url, DEVELOPMENT_CLOCK="true"),
            ServiceProcess("event_handler", database_url, "--workers", "2"),
            ServiceProcess("event_source", database_url, **source),
        ]
        for process in processes:
            running.enter_context(process)
        started = ["started", "started", "started", "started workers", "started"]
        ports = [each.wait_for(message)["metrics_port"] for each, message in zip(processes, started, strict=True)]
        return set().union(*(families(metrics_at(port)) for port in ports))


@pytest.mark.slow
def test_rules_and_dashboards_read_metrics_that_live_processes_have(live: set[str]) -> None:
    known = live | recorded()
    read = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()] + list(panels())
    unknown = {place: missing for place, expression in read if (missing := metrics_in(expression) - known)}
    assert unknown == {}


def test_dashboards_are_what_the_script_makes() -> None:
    assert {path.name: path.read_text("utf-8") for path in DASHBOARDS} == texts(), "run `make dashboards`"


def test_every_alert_has_a_page_that_every_page_is_for() -> None:
    named = {alert["annotations"]["runbook"] for alert in alerts()}
    pages = {str(path.relative_to(PROJECT)) for path in (PROJECT / "docs" / "runbook").glob("*.md")}
    upkeep = {"docs/runbook/README.md"}
    assert named == pages - upkeep
    for alert in alerts():
        text = (PROJECT / alert["annotations"]["runbook"]).read_text("utf-8")
        assert text.startswith(f"# {alert['alert']}\n"), alert["alert"]
        headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
        assert headings == ["What it means", "What to look at", "What to do", "How to know it is over"], alert["alert"]
        assert alert["labels"]["severity"] in ("page", "ticket")


def test_every_alert_fires_in_some_test() -> None:
    folders = (PROJECT / "tests" / "deploy", PROJECT / "tests" / "event_source")
    texts = "".join(path.read_text("utf-8") for folder in folders for path in folder.glob("test_*.py"))
    assert [alert["alert"] for alert in alerts() if f'"{alert["alert"]}"' not in texts] == []


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("sum(rate(events_total[5m])", "is not closed"),
        ("sum(rate(events_total[5m]))}", "unbalanced"),
        ('events_total{verdict="APPLIED}', "unclosed"),
        ("1 + 2", "no metric"),
    ],
)
def test_a_broken_expression_is_refused(expression: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        metrics_in(expression)


def test_names_of_metrics_are_found_beside_labels_and_functions() -> None:
    expression = (
        'sum by (a, b) (rate(x_total{c="d"}[5m])) / on (e) group_left (f) y:z unless time() - t offset 1h > 2 * 86400'
    )
    assert metrics_in(expression) == {"x_total", "y:z", "t"}


@needs_promtool
def test_promtool_accepts_every_expression(tmp_path: Path) -> None:
    run("check", "rules", RULES)
    expressions = [expression.replace("$__rate_interval", "5m") for _, expression in panels()]
    groups = [{"name": "panels", "rules": [{"record": f"p:{n}", "expr": each} for n, each in enumerate(expressions)]}]
    path = tmp_path / "panels.yaml"
    path.write_text(json.dumps({"groups": groups}), "utf-8")
    run("check", "rules", path)
