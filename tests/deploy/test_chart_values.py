"""Parts of the chart that can be checked without helm."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from shared.runtime.version import VERSION
from tests.deploy.chart import CHART, EXAMPLES, values
from tests.support.service_process import PROJECT

SCHEMA = json.loads((CHART / "values.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)
MINIMAL = CHART / "examples" / "minimal.yaml"


def test_the_chart_has_the_version_of_the_release() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == (VERSION, VERSION)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_valid(example: Path) -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert [error.message for error in VALIDATOR.iter_errors(values(example))] == []


def test_without_an_image_and_a_database_the_values_are_refused() -> None:
    paths = {"/".join(map(str, error.absolute_path)) for error in VALIDATOR.iter_errors(values())}
    assert paths == {"image/repository", "database/secret/name"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("drain",), 5),
        (("drainS",), -1),
        (("graceS",), "5s"),
        (("challengeService", "replicas"), 0),
        (("challengeService", "poolSize"), 1),
        (("eventHandler", "autoscaling", "cpuPercent"), 101),
        (("eventHandler", "workers"), 1.5),
        (("eventHandler", "env"), {"log-level": "DEBUG"}),
        (("image", "digest"), "sha256:0123"),
        (("database", "secret", "name"), ""),
        (("redis", "prefix"), "a b"),
        (("rewards", "item"), "email"),
        (("catalogue", "files"), {"readme.txt": "x"}),
        (("mounts",), [{"name": "database", "secret": "other"}]),
        (("monitoring", "podMonitor", "interval"), "often"),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else str(value),
)
def test_a_wrong_value_is_refused(path: tuple[str, ...], value: Any) -> None:
    wrong = copy.deepcopy(values(MINIMAL))
    place = wrong
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    assert list(VALIDATOR.iter_errors(wrong)) != []


def test_every_value_is_in_the_schema_and_every_property_has_a_value() -> None:
    def compare(schema: dict[str, Any], value: dict[str, Any], path: str) -> None:
        while "$ref" in schema:
            schema = SCHEMA["definitions"][schema["$ref"].rpartition("/")[2]]
        if "properties" not in schema:
            return
        # Which component can be turned off is said by a condition of the templates.
        properties = schema["properties"].keys() - {"global", *({"enabled"} if "workers" in value else ())}
        assert properties == value.keys() - ({"enabled"} if "workers" in value else set()), path
        for name, inner in value.items():
            if isinstance(inner, dict):
                compare(schema["properties"][name], inner, f"{path}.{name}")

    compare(SCHEMA, values(), "values")


def test_the_rules_are_those_of_prometheus() -> None:
    assert (CHART / "files" / "rules.yaml").samefile(PROJECT / "deploy" / "prometheus" / "rules.yaml")


def test_pods_run_as_the_user_of_the_image() -> None:
    helpers = (CHART / "templates" / "_helpers.tpl").read_text("utf-8")
    [user] = re.findall(r"^USER (\d+):\d+$", (PROJECT / "Dockerfile").read_text("utf-8"), re.MULTILINE)
    assert f"runAsUser: {user}\n" in helpers
