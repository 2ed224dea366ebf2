"""Values of the chart arrive as they were written, and its pods are admitted where they call each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.deploy.chart import (
    CHART,
    Document,
    component,
    containers,
    environment,
    needs_helm,
    of_kind,
    pod_of,
    rendered,
    values,
)

MINIMAL, PRODUCTION = (CHART / "examples" / f"{name}.yaml" for name in ("minimal", "production"))
NUMBERS = {
    "EVENT_BUFFER_MAX": 1_000_000,
    "EVENT_CONNECTIONS_MAX": 12_345_678,
    "SOURCE_BYTES_MAX": 8_589_934_592,
    "EVENT_CALL_S": 0.25,
    "EVENT_NEGATIVE": -2_000_000,
}
NAMES = ("123", "1e5", "true", "on", "null", "0x1f", "2024-01-01")
"""Names and keys that YAML reads as something else where they are not quoted."""

pytestmark = needs_helm


def written(folder: Path, document: Document) -> Path:
    """Return a file with these values: in JSON, which quotes all texts."""
    path = folder / "values.yaml"
    path.write_text(json.dumps(document), "utf-8")
    return path


def test_numbers_are_written_without_exponents(tmp_path: Path) -> None:
    document = values(MINIMAL)
    document["connectionAgeS"] = 1_000_000
    document["eventHandler"]["env"] = NUMBERS
    deployments = {component(each): each for each in of_kind(rendered(written(tmp_path, document)), "Deployment")}
    [container] = pod_of(deployments["event-handler"])["spec"]["containers"]
    environ = environment(container)
    assert environ["EVENT_CONNECTION_AGE_S"] == "1000000"
    assert {name: environ[name] for name in NUMBERS} == {name: str(value) for name, value in NUMBERS.items()}


@pytest.mark.parametrize("name", NAMES)
def test_names_and_keys_stay_texts(tmp_path: Path, name: str) -> None:
    document = values(PRODUCTION)
    document["database"]["secret"] = document["database"]["ownerSecret"] = {"name": name, "key": name}
    document["tls"]["secret"] = document["callers"]["secret"] = document["catalogue"]["configMap"] = name
    document["eventSource"]["mapping"]["configMap"] = name
    document["mounts"] = [{"name": name, "secret": name}]
    documents = rendered(written(tmp_path, document))
    for each in [*of_kind(documents, "Deployment"), *of_kind(documents, "Job")]:
        volumes = pod_of(each)["spec"]["volumes"]
        names = {volume["name"] for volume in volumes}
        assert name in names
        assert {mount["name"] for container in containers(each) for mount in container["volumeMounts"]} <= names
        for volume in volumes:
            source = volume.get("secret") or volume["configMap"]
            texts = [source.get("secretName") or source["name"], *(item["key"] for item in source.get("items", ()))]
            assert all(isinstance(text, str) for text in texts)
            if volume["name"] in {"database", "tls", "callers", "catalogue", "mapping", name}:
                assert set(texts) == {name}


def test_the_event_source_may_call_the_event_handler() -> None:
    documents = rendered(PRODUCTION)
    source, handler = (
        next(each for each in of_kind(documents, kind) if component(each) == name)
        for kind, name in (("Deployment", "event-source"), ("NetworkPolicy", "event-handler"))
    )
    labels = pod_of(source)["metadata"]["labels"].items()
    admitted = [
        port["port"]
        for rule in handler["spec"]["ingress"]
        for peer in rule["from"]
        # Peers of any other namespace are those of callers, of which the release need not be one.
        if "namespaceSelector" not in peer and peer["podSelector"]["matchLabels"].items() <= labels
        for port in rule["ports"]
    ]
    assert admitted == ["grpc"]
    [policy] = [each for each in of_kind(documents, "NetworkPolicy") if component(each) == "event-source"]
    called = int(environment(containers(source)[0])["SOURCE_HANDLER"].rpartition(":")[2])
    assert called in {port["port"] for rule in policy["spec"]["egress"] for port in rule["ports"]}
