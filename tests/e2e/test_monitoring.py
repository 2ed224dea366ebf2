"""`compose.monitoring.yaml`, as far as it can be checked without a container engine, and Prometheus with its files."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit
from urllib.request import urlopen

import pytest
import yaml
from challenge.v1.challenge_service_pb2 import ListChallengesRequest

from tests.deploy.live import stack
from tests.e2e.test_compose import OURS
from tests.e2e.test_compose import SERVICES as BASE
from tests.support.reserved_port import lasting_port
from tests.support.service_process import PROJECT
from tests.support.waiting import wait_until

OVERLAY: dict[str, Any] = yaml.safe_load((PROJECT / "compose.monitoring.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = OVERLAY["services"]
PROMETHEUS, GRAFANA = SERVICES["prometheus"], SERVICES["grafana"]
CONFIG: dict[str, Any] = yaml.safe_load((PROJECT / "deploy" / "prometheus" / "prometheus.yaml").read_text("utf-8"))
PROVISIONING = PROJECT / "deploy" / "grafana" / "provisioning"
PROGRAM = os.environ.get("TEST_PROMETHEUS") or shutil.which("prometheus")
SHOWN_S = 60.0


def mounted(service: dict[str, Any], inside: str) -> Path:
    """Return the file or folder of the project that a container sees at a path."""
    for source, target, *_ in (volume.split(":") for volume in service["volumes"]):
        if source.startswith(".") and PurePosixPath(inside).is_relative_to(target):
            return Path(PROJECT, source, PurePosixPath(inside).relative_to(target))
    raise AssertionError(f"nothing of the project is mounted at {inside}")


def only(name: str) -> dict[str, Any]:
    """Return the one entry of a provisioning file."""
    (found,) = (PROVISIONING / name).glob("*.yaml")
    document = yaml.safe_load(found.read_text("utf-8"))
    assert document["apiVersion"] == 1
    (entry,) = document[{"datasources": "datasources", "dashboards": "providers"}[name]]
    return dict(entry)


def test_images_have_versions_and_ports_are_open_on_the_loopback_interface_only() -> None:
    assert SERVICES.keys().isdisjoint(BASE)
    for service in SERVICES.values():
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        named = [volume.split(":")[0] for volume in service["volumes"] if not volume.startswith(".")]
        assert set(named) <= OVERLAY["volumes"].keys()


def test_prometheus_reads_its_files_and_the_metrics_of_both_services() -> None:
    (config,) = [argument.split("=")[1] for argument in PROMETHEUS["command"] if "config.file" in argument]
    assert yaml.safe_load(mounted(PROMETHEUS, config).read_text("utf-8")) == CONFIG
    for name in CONFIG["rule_files"]:
        assert mounted(PROMETHEUS, str(PurePosixPath(config).parent / name)).is_file()
    (job,) = CONFIG["scrape_configs"]
    targets = dict(target.split(":") for group in job["static_configs"] for target in group["targets"])
    assert targets.keys() == OURS.keys()
    for name, port in targets.items():
        assert f"127.0.0.1:{port}:{port}" in BASE[name]["ports"]


def test_grafana_finds_prometheus_and_all_dashboards() -> None:
    source = only("datasources")
    address = urlsplit(source["url"])
    assert (address.hostname, f"127.0.0.1:{address.port}:9090") == ("prometheus", PROMETHEUS["ports"][0])
    assert source["type"] == "prometheus"
    assert source["isDefault"]
    folder = mounted(GRAFANA, only("dashboards")["options"]["path"])
    dashboards = [json.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.json"))]
    assert len({each["uid"] for each in dashboards}) == len(dashboards) == 7
    assert mounted(GRAFANA, "/etc/grafana/provisioning/datasources").is_dir()


@contextmanager
def prometheus(targets: list[str], folder: Path) -> Iterator[int]:
    """Run Prometheus with the files of the project and other targets; yield its port."""
    assert PROGRAM is not None
    for name in CONFIG["rule_files"]:
        shutil.copy(PROJECT / "deploy" / "prometheus" / name, folder / name)
    job = {**CONFIG["scrape_configs"][0], "static_configs": [{"targets": targets}]}
    often = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    (folder / "prometheus.yaml").write_text(json.dumps({**CONFIG, "global": often, "scrape_configs": [job]}), "utf-8")
    port = lasting_port()
    arguments = [
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        *(argument for argument in PROMETHEUS["command"] if argument.startswith("--enable-feature")),
    ]
    with (folder / "prometheus.log").open("w") as log:
        running = subprocess.Popen([PROGRAM, *arguments], stderr=log, stdout=log)
        try:
            yield port
        finally:
            running.terminate()
            running.wait(60)


def asked(port: int, path: str) -> Any:
    """Return the data of Prometheus' reply; None while there is none."""
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/{path}", timeout=60) as reply:
            return json.loads(reply.read())["data"]
    except OSError:
        return None


@pytest.mark.skipif(PROGRAM is None, reason="there is no prometheus on the PATH: install it, or set TEST_PROMETHEUS")
def test_a_real_prometheus_scrapes_the_services_and_evaluates_every_rule(database_url: str, tmp_path: Path) -> None:
    with stack(database_url, tmp_path) as running:
        ports = [service.wait_for("started")["metrics_port"] for service in running.services.values()]
        with prometheus([f"127.0.0.1:{port}" for port in ports], tmp_path) as port:

            def result(expression: str) -> list[Any]:
                data = asked(port, f"query?query={quote(expression)}")
                return [] if data is None else list(data["result"])

            wait_until(lambda: len(result("up == 1")) == len(ports), SHOWN_S)

            def is_recorded() -> bool:
                running.services["challenge_service"].challenges.ListChallenges(ListChallengesRequest(user_id="zoe"))
                return bool(result("sum(rate(rpc_server_call_duration_seconds_count[1m])) > 0"))

            wait_until(is_recorded, SHOWN_S)
            assert len(result("target_info")) == len(ports)
            wait_until(lambda: not result("ALERTS"), SHOWN_S)
            rules = [rule for group in asked(port, "rules")["groups"] for rule in group["rules"]]
            assert rules
            assert {rule["health"] for rule in rules} <= {"ok", "unknown"}
            assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
