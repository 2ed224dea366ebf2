"""The rendered chart: valid for Kubernetes, and in agreement with itself and with the services."""

from __future__ import annotations

import math
from pathlib import Path

import kubernetes_validate
import pytest
import yaml

from admin.migrate import migrate
from challenge_service.settings import ChallengeSettings
from event_handler.settings import EventHandlerSettings
from event_source.settings import EventSourceSettings, require_usable
from reward_dispatcher.settings import DispatcherSettings
from shared.runtime.safe_start import require_protection
from shared.runtime.secret_files import SUFFIX
from shared.runtime.settings import load
from shared.runtime.settings_groups import connections_of
from shared.runtime.settings_report import unknown_variables
from shared.runtime.tls_settings import require_complete
from shared.runtime.version import VERSION
from shared.runtime.workers import STOP_MARGIN_S
from tests.deploy.chart import (
    CHART,
    EXAMPLES,
    SERVICES,
    Document,
    component,
    containers,
    environment,
    needs_helm,
    of_kind,
    pod_of,
    refusal,
    rendered,
    run_helm,
    values,
)
from tests.support.service_process import PROJECT

SETTINGS = {
    "challenge-service": ChallengeSettings,
    "event-handler": EventHandlerSettings,
    "reward-dispatcher": DispatcherSettings,
    "event-source": EventSourceSettings,
}
SECRETS = {
    "DATABASE_URL": "postgresql://user:password@postgres:5432/game",
    "DATABASE_STANDBY_URL": "postgresql://user:password@standby:5432/game",
    "SOURCE_KEY": "chk_of_the_test",
    "NATS_URL": "nats://nats:4222",
    "REDIS_URL": "redis://redis:6379/0",
    "REWARD_WEBHOOK_URL": "https://game.example/grants",
    "REWARD_WEBHOOK_SECRET": "a secret of the test",
}
MINIMAL, MUTUAL_TLS, PRODUCTION = (
    CHART / "examples" / f"{name}.yaml" for name in ("minimal", "mutual_tls", "production")
)
OPTIONAL = {"rewardDispatcher", "eventSource"}
SOURCE = ("eventSource.enabled=true", "eventSource.deadLetters=dead", "eventSource.mapping.configMap=mapping")
VERSIONS = ("1.27", "1.31", "1.34")
OF_THE_OPERATOR = {"PodMonitor", "PrometheusRule"}

pytestmark = needs_helm
each_example = pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)


@each_example
def test_it_is_valid_and_lint_finds_nothing(example: Path) -> None:
    linted = run_helm("lint", str(CHART), "--strict", "--quiet", "--values", str(example))
    assert linted.returncode == 0, linted.stdout
    for document in rendered(example):
        if document["kind"] not in OF_THE_OPERATOR:
            for version in VERSIONS:
                kubernetes_validate.validate(document, version, strict=True)


@each_example
def test_names_are_unique_and_short_enough(example: Path) -> None:
    documents = rendered(example)
    names = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(names)) == len(names)
    assert max(len(name) for _, name in names) <= 63


@each_example
def test_services_accept_their_variables(example: Path) -> None:
    for deployment in of_kind(rendered(example), "Deployment"):
        [container] = pod_of(deployment)["spec"]["containers"]
        environ = environment(container)
        settings: ChallengeSettings | EventHandlerSettings | DispatcherSettings | EventSourceSettings
        assert not environ.keys() & SECRETS.keys(), "secrets come from files"
        for name in list(environ):
            if name.endswith(SUFFIX):
                del environ[name]
                environ[name.removesuffix(SUFFIX)] = SECRETS[name.removesuffix(SUFFIX)]
        settings_class = SETTINGS[component(deployment)]
        settings = load(settings_class, environ)
        assert list(unknown_variables(settings_class, environ)) == []
        require_complete(settings)
        require_protection(settings)
        if isinstance(settings, EventSourceSettings):
            require_usable(settings)
            continue
        connections = connections_of(settings, settings.server.workers)
        assert connections is not None
        connections.require_allowed()


@each_example
def test_every_file_that_a_variable_names_is_mounted(example: Path) -> None:
    documents = rendered(example)
    for document in [*of_kind(documents, "Deployment"), *of_kind(documents, "Job")]:
        volumes = {volume["name"]: volume for volume in pod_of(document)["spec"]["volumes"]}
        for container in containers(document):
            mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
            assert all(mount["readOnly"] for mount in mounts.values())
            for value in environment(container).values():
                if not value.startswith("/etc/challenge/"):
                    continue
                if value == "/etc/challenge/catalogue":
                    assert "configMap" in volumes[mounts[value]["name"]]
                    continue
                folder, _, key = value.rpartition("/")
                if folder == "/etc/challenge/mapping":
                    assert "configMap" in volumes[mounts[folder]["name"]]
                    continue
                secret = volumes[mounts[folder]["name"]]["secret"]
                # Kubernetes reads 0440 as YAML 1.1 does.
                assert secret["defaultMode"] == 0o440
                assert [item["path"] for item in secret.get("items", [{"path": key}])] == [key]


def test_no_pod_sees_the_address_of_another_role() -> None:
    documents = rendered(PRODUCTION)
    for document in [*of_kind(documents, "Deployment"), *of_kind(documents, "Job")]:
        volumes = [volume for volume in pod_of(document)["spec"]["volumes"] if volume["name"] == "database"]
        if component(document) == "event-source":
            assert volumes == []
            continue
        [volume] = volumes
        expected = "owner" if document["kind"] == "Job" else "service"
        assert volume["secret"]["items"] == [{"key": expected, "path": expected}]


@each_example
def test_the_kubelet_waits_longer_than_a_service_takes_to_stop(example: Path) -> None:
    own = values(example)
    for deployment in of_kind(rendered(example), "Deployment"):
        [container] = pod_of(deployment)["spec"]["containers"]
        environ = environment(container)
        longest_s = float(environ["DRAIN_S"]) + float(environ["GRACE_S"]) + STOP_MARGIN_S
        assert longest_s == own["drainS"] + own["graceS"] + STOP_MARGIN_S
        waits_s = pod_of(deployment)["spec"]["terminationGracePeriodSeconds"]
        assert longest_s + 5 <= waits_s <= math.ceil(longest_s) + 5


@each_example
def test_every_container_is_confined(example: Path) -> None:
    documents = rendered(example)
    for document in [*of_kind(documents, "Deployment"), *of_kind(documents, "Job")]:
        pod = pod_of(document)["spec"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] > 0
        for container in containers(document):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "memory" in container["resources"]["limits"]


@each_example
def test_selectors_and_ports_lead_to_the_pods_of_one_deployment(example: Path) -> None:
    documents = rendered(example)
    deployments = {component(deployment): deployment for deployment in of_kind(documents, "Deployment")}
    assert deployments.keys() == {
        name for name, at in SERVICES.items() if values(example)[at].get("enabled", at not in OPTIONAL)
    }
    for name, deployment in deployments.items():
        labels = pod_of(deployment)["metadata"]["labels"].items()
        [container] = pod_of(deployment)["spec"]["containers"]
        ports = {port["name"] for port in container["ports"]}
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["port"] in ports
        selectors = [deployment["spec"]["selector"]["matchLabels"]]
        for document in documents:
            if document["kind"] in ("PodDisruptionBudget", "Service", "NetworkPolicy") and component(document) == name:
                selectors.append(selector(document))
                assert named_ports(document) <= ports
        assert len(selectors) >= 2
        for found in selectors:
            assert found.items() <= labels
            assert found["app.kubernetes.io/component"] == name


def selector(document: Document) -> dict[str, str]:
    spec = document["spec"]
    found: dict[str, str] = spec["selector"] if document["kind"] == "Service" else {}
    return found or (spec.get("selector") or spec["podSelector"])["matchLabels"]


def named_ports(document: Document) -> set[str]:
    spec = document["spec"]
    ports = [port["targetPort"] for port in spec.get("ports", [])]
    return {*ports, *(port["port"] for rule in spec.get("ingress", []) for port in rule["ports"])}


def test_autoscalers_own_the_number_of_pods() -> None:
    documents = rendered(PRODUCTION)
    scaled = {scaler["spec"]["scaleTargetRef"]["name"] for scaler in of_kind(documents, "HorizontalPodAutoscaler")}
    assert len(scaled) == 2
    for deployment in of_kind(documents, "Deployment"):
        assert ("replicas" in deployment["spec"]) == (deployment["metadata"]["name"] not in scaled)


@pytest.mark.parametrize("example", [MINIMAL, PRODUCTION], ids=lambda path: path.stem)
def test_pods_wait_for_the_migration_of_their_release(example: Path) -> None:
    documents = rendered(example)
    [job] = of_kind(documents, "Job")
    [migrating] = containers(job)
    assert migrating["command"] == ["python", "-m", "admin", "migrate"]
    for deployment in of_kind(documents, "Deployment"):
        if component(deployment) == "event-source":
            assert "initContainers" not in pod_of(deployment)["spec"], "it stores nothing"
            continue
        [waiting] = pod_of(deployment)["spec"]["initContainers"]
        *command, option, seconds = waiting["command"]
        assert command == migrating["command"]
        [parameter] = [parameter for parameter in migrate.params if option in parameter.opts]
        assert parameter.type.convert(seconds, None, None) == int(seconds)
        assert waiting["image"] == migrating["image"]


def test_the_migration_has_a_name_of_its_own_for_each_release() -> None:
    names = {
        of_kind(rendered(MINIMAL, *overrides), "Job")[0]["metadata"]["name"]
        for overrides in ((), ("image.tag=9.9.9",), ("image.repository=other",), ("database.ownerSecret.key=owner",))
    }
    assert len(names) == 4
    assert sum(f"-migrate-{VERSION.replace('.', '-')}-" in name for name in names) == 3
    assert of_kind(rendered(MUTUAL_TLS), "Job") == []
    unchanged = of_kind(rendered(MINIMAL, "challengeService.replicas=3"), "Job")
    assert unchanged == of_kind(rendered(MINIMAL), "Job")


def test_monitoring_selects_the_pods_of_services() -> None:
    documents = rendered(PRODUCTION)
    [monitor] = of_kind(documents, "PodMonitor")
    [excluded] = monitor["spec"]["selector"]["matchExpressions"]
    assert component(of_kind(documents, "Job")[0]) in excluded["values"]
    for deployment in of_kind(documents, "Deployment"):
        labels = pod_of(deployment)["metadata"]["labels"]
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels.items()
    [rules] = of_kind(documents, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((PROJECT / "deploy" / "prometheus" / "rules.yaml").read_text("utf-8"))
    assert not {document["kind"] for document in rendered(MINIMAL)} & OF_THE_OPERATOR


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (
            ("challengeService.replicas=9",),
            "may open 104 connections to Postgres (challenge-service 10 pods x 1 workers x 8",
        ),
        (("eventHandler.workers=4",), "but only 87 are free"),
        (("eventHandler.autoscaling.enabled=true", "eventHandler.autoscaling.max=9"), "an update adds a pod"),
        (("challengeService.autoscaling.min=9",), "challengeService.autoscaling.min is greater than max"),
        (("tls.allowPlaintext=false",), "set tls.secret, or tls.allowPlaintext"),
        (("callers.allowAnonymous=false",), "set callers.secret, tls.clientCa, or callers.allowAnonymous"),
        (("callers.allowAnonymous=false", "tls.clientCa=true"), "set callers.secret"),
        (("catalogue.configMap=",), "set one of catalogue.configMap and catalogue.files"),
        (("catalogue.files.a\\.yaml=x",), "set one of catalogue.configMap and catalogue.files"),
        (("database.ownerSecret.name=",), "database.ownerSecret, or migration.enabled: false"),
        (("rewards.item=webhook",), "set the Secret of REWARD_WEBHOOK_URL"),
        (("rewards.item=grpc",), "set rewards.grpc.target"),
        (("eventHandler.env.EVENT_PORT=1",), "eventHandler.env.EVENT_PORT has a value of its own"),
        (("challengeservice.replicas=2",), "challengeservice"),
        (("eventSource.enabled=true",), "set eventSource.broker"),
        ((*SOURCE, "eventSource.broker=kafka"), "set eventSource.kafka.servers and eventSource.kafka.topics"),
        ((*SOURCE, "eventSource.broker=nats"), "set eventSource.nats.urlSecret and eventSource.nats.stream"),
        (("eventSource.enabled=true", "eventSource.broker=nats"), "set eventSource.deadLetters"),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, tuple) else "",
)
def test_values_that_contradict_each_other_are_refused(overrides: tuple[str, ...], reason: str) -> None:
    assert reason in refusal(MINIMAL, *overrides)
