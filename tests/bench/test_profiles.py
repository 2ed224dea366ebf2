"""ghz's profiles, checked against the contract."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.message_factory import GetMessageClass

from bench.game import ACTIONS_PER_S, CLAIM_SHARE, EVENTS_PER_S
from bench.services import ROOT
from shared.domain.claims import grant_id
from shared.domain.events import CompletionKey
from shared.domain.instant import LIFETIME_START

PROFILES = ROOT / "tests" / "load"
MIX = PROFILES / "player_mix"
"""Profiles that are played at the same time."""

SERVICES = {
    service.full_name: service
    for proto in sorted((ROOT / "protos" / "challenge" / "v1").glob("*_service.proto"))
    for service in import_module(f"challenge.v1.{proto.stem}_pb2").DESCRIPTOR.services_by_name.values()
}
FILES = [*sorted(PROFILES.glob("*.json")), *sorted(MIX.glob("*.json"))]

EXAMPLES = {
    ".RequestNumber": "7",
    ".Timestamp": "2024-02-29T12:00:00Z",
    "newUUID": "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
}


def filled_in(text: str) -> str:
    """Return a text with ghz's templates replaced by values."""

    def value(match: re.Match[str]) -> str:
        template = match.group(1).strip()
        return template.split()[1] if template.startswith("randomInt ") else EXAMPLES[template]

    return re.sub(r"{{(.*?)}}", value, text)


def requests(profile: dict[str, Any]) -> list[Any]:
    """Return the requests of a profile."""
    data = json.loads((ROOT / profile["data-file"]).read_text()) if "data-file" in profile else profile["data"]
    return data if isinstance(data, list) else [data]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_profile_sends_requests_of_its_method(path: Path) -> None:
    profile = json.loads(path.read_text())
    service, _, method = profile["call"].rpartition(".")
    request_type = GetMessageClass(SERVICES[service].methods_by_name[method].input_type)
    for request in requests(profile):
        ParseDict(json.loads(filled_in(json.dumps(request))), request_type())
    assert (ROOT / profile["proto"]).is_file()
    assert profile["connections"] >= 4, "so that each worker has some"


def test_each_method_has_a_profile() -> None:
    called = {json.loads(path.read_text())["call"] for path in FILES}
    assert called >= {f"{name}.{method.name}" for name, service in SERVICES.items() for method in service.methods}


def test_the_mix_has_the_rates_of_the_report() -> None:
    rates = {path.stem: json.loads(path.read_text())["rps"] for path in MIX.glob("*.json")}
    events = rates.pop("log_in") + rates.pop("report_event")
    assert events == EVENTS_PER_S
    assert sum(rates.values()) == ACTIONS_PER_S * (1 + CLAIM_SHARE)


def test_the_claims_that_profiles_read_are_those_they_make() -> None:
    for row in json.loads((PROFILES / "data" / "claims.json").read_text()):
        key = CompletionKey(row["user_id"], "challenge-001-goal-01", LIFETIME_START, 1)
        assert row["grant_id"] == grant_id(key, 1)
