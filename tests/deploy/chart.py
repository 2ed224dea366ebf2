"""The Helm chart, rendered for its examples; helm is on PATH, in `.tools/bin` or at `TEST_HELM`."""

from __future__ import annotations

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.service_process import PROJECT

CHART = PROJECT / "deploy" / "chart"
EXAMPLES = sorted((CHART / "examples").glob("*.yaml"))
SETTING = "TEST_HELM"
KUBERNETES = "1.31.0"
"""A helm that was built from its source assumes an old version by itself."""

Document = dict[str, Any]

SERVICES = {
    "challenge-service": "challengeService",
    "event-handler": "eventHandler",
    "reward-dispatcher": "rewardDispatcher",
    "event-source": "eventSource",
}
"""The components of pods, and the names of their values."""


def helm() -> str | None:
    """Return the path of helm, or None if it is not installed."""
    tools = str(PROJECT / ".tools" / "bin")
    return os.environ.get(SETTING) or shutil.which("helm") or shutil.which("helm", path=tools)


needs_helm = pytest.mark.skipif(helm() is None, reason=f"no helm: make tools builds it, or {SETTING} names it")


def run_helm(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run helm for the chart, as Kubernetes of one version."""
    program = helm()
    assert program is not None
    command = [program, arguments[0], *arguments[1:], "--kube-version", KUBERNETES]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@cache
def rendered(example: Path, *overrides: str) -> list[Document]:
    """Return the documents of a release named `game`. `overrides` are as for `--set`."""
    settings = [f"--set={override}" for override in overrides]
    done = run_helm("template", "game", str(CHART), "--values", str(example), *settings)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document is not None]


def refusal(example: Path, *overrides: str) -> str:
    """Return why helm refuses these values."""
    settings = [f"--set={override}" for override in overrides]
    done = run_helm("template", "game", str(CHART), "--values", str(example), *settings)
    assert done.returncode != 0, done.stdout
    return done.stderr


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    """Return the documents of a kind."""
    return [document for document in documents if document["kind"] == kind]


def component(document: Document) -> str:
    """Return the component that a document belongs to."""
    return str(document["metadata"]["labels"]["app.kubernetes.io/component"])


def pod_of(document: Document) -> Document:
    """Return the pod that a Deployment or Job makes."""
    template: Document = document["spec"]["template"]
    return template


def containers(document: Document) -> list[Document]:
    """Return all containers of a Deployment or Job."""
    pod = pod_of(document)["spec"]
    return [*pod.get("initContainers", []), *pod["containers"]]


def environment(container: Document) -> dict[str, str]:
    """Return the variables of a container."""
    return {variable["name"]: variable["value"] for variable in container["env"]}


def values(example: Path | None = None) -> Document:
    """Return the values of the chart, overridden by those of an example, as helm combines them."""
    own = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    return own if example is None else _merged(own, yaml.safe_load(example.read_text("utf-8")))


def _merged(below: Document, above: Document) -> Document:
    merged = dict(below)
    for name, value in above.items():
        both = isinstance(value, dict) and isinstance(below.get(name), dict)
        merged[name] = _merged(below[name], value) if both else value
    return merged
