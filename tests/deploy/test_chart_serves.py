"""The services serve with the commands, variables and files that the chart gives to its containers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from devstack.postgres import EmbeddedPostgres
from shared.postgres import schema
from tests.deploy.chart import CHART, component, containers, environment, needs_helm, of_kind, rendered
from tests.support.certificates import Authority
from tests.support.service_process import DEMO, PROJECT, ServiceProcess
from tests.support.tokens import key_entry
from tests.support.waiting import wait_until

PRODUCTION = CHART / "examples" / "production.yaml"
ROOT = "/etc/challenge"

pytestmark = needs_helm


@pytest.fixture
def mounted(tmp_path: Path, own_postgres: EmbeddedPostgres, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with the files of the Secrets and the ConfigMap, which has links as in Kubernetes."""
    with monkeypatch.context() as patched:
        patched.setenv("PGOPTIONS", f"-c challenge.password={own_postgres.password}")
        schema.make_roles(own_postgres.url)
    authority = Authority(tmp_path)
    certificate = authority.files()
    texts = {
        "database/service": own_postgres.url_of("service"),
        "database/owner": own_postgres.url_of("owner"),
        "standby/standby": own_postgres.url_of("service"),
        "redis/url": redis_url,
        "webhook-url/url": "https://127.0.0.1:1/grants",
        "webhook-secret/secret": "a secret of the test",
        "tls/tls.crt": certificate.certificate.read_text("utf-8"),
        "tls/tls.key": certificate.private_key.read_text("utf-8"),
        "tls/ca.crt": authority.certificate.read_text("utf-8"),
        "source-key/key": "chk_of_the_source",
        "kafka-properties/client.properties": "client.id=game",
        "mapping/mapping.yaml": "payload: protobuf\nmessage: challenge.v1.Event",
        "callers/callers.toml": key_entry("game", "chk_of_the_test", "players:read"),
        "catalogue/..data_1/demo.yaml": DEMO.read_text("utf-8"),
    }
    for path, text in texts.items():
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n", "utf-8")
    (tmp_path / "catalogue" / "..data").symlink_to("..data_1")
    (tmp_path / "catalogue" / "demo.yaml").symlink_to("..data/demo.yaml")
    return tmp_path


def variables(container: dict[str, object], mounted: Path) -> dict[str, str]:
    """Return a container's variables with the files where this test has them, and without fixed ports."""
    environ = {name: value.replace(ROOT, str(mounted)) for name, value in environment(container).items()}
    ports = {name: "0" for name in environ if name.endswith(("_METRICS_PORT", "_HEALTH_PORT"))}
    own_ports = {name for name in environ if name.endswith("_PORT") and name not in ports}
    kept = {name: value for name, value in environ.items() if name not in own_ports}
    return kept | ports | {"BIND_ADDRESS": "127.0.0.1", "DRAIN_S": "0", "LOG_LEVEL": "INFO"}


def test_services_migrate_wait_and_become_ready(mounted: Path) -> None:
    # There is no standby here for which a commit could wait.
    documents = rendered(PRODUCTION, "database.synchronous=optional")
    [job] = of_kind(documents, "Job")
    [migrating] = containers(job)
    run(migrating, mounted)
    deployments = [each for each in of_kind(documents, "Deployment") if component(each) != "event-source"]
    assert len(deployments) == 3
    for deployment in deployments:
        waiting, serving = containers(deployment)
        run(waiting, mounted)
        environ = variables(serving, mounted)
        with ServiceProcess(serving["command"][-1], "", **environ) as service:
            message = "started workers" if component(deployment) == "event-handler" else "started"
            wait_until(lambda: service.logged(message) or not service.is_running, 60)  # noqa: B023 - called before the next
            assert service.is_running, service.other_lines
            [started] = service.logged(message)
            port = started["health_port"]
            wait_until(lambda: is_ready(port), 60)  # noqa: B023 - called before the next
            assert service.logged("unknown setting") == []
            assert service.stop(within_s=30) == 0


def test_the_event_source_starts_and_waits_for_its_broker(mounted: Path) -> None:
    [deployment] = [each for each in of_kind(rendered(PRODUCTION), "Deployment") if component(each) == "event-source"]
    [container] = containers(deployment)
    # No server listens there.
    environ = variables(container, mounted) | {"KAFKA_SERVERS": "127.0.0.1:1", "SOURCE_HANDLER": "127.0.0.1:1"}
    with ServiceProcess(container["command"][-1], "", **environ) as source:
        port = source.wait_for("started")["health_port"]
        assert is_ok(port, "/livez")
        assert not is_ok(port, "/readyz")
        assert source.logged("unknown setting") == []
        assert source.stop(within_s=30) == 0


def run(container: dict[str, object], mounted: Path) -> None:
    """Run a container's command to its end."""
    command = container["command"]
    assert isinstance(command, list)
    environ = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    environ |= {name: value.replace(ROOT, str(mounted)) for name, value in environment(container).items()}
    subprocess.run([sys.executable, *command[1:]], env=environ, cwd=PROJECT, check=True)


def is_ready(port: int) -> bool:
    return is_ok(port, "/readyz")


def is_ok(port: int, path: str) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as response:
            return bool(response.status == 200)
    except OSError:
        return False
