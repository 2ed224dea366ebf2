"""A service that others could reach starts only if it is said how it is protected."""

from __future__ import annotations

import pytest

from challenge_service.settings import ChallengeSettings
from event_handler.settings import EventHandlerSettings
from reward_dispatcher.settings import DispatcherSettings
from shared.runtime.safe_start import require_protection
from shared.runtime.settings import load
from shared.runtime.start_refused import SettingsInvalid
from tests.e2e.test_compose import environment, image_environment
from tests.support.service_process import DEMO, PREFIXES, run_to_the_end

SETTINGS = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing", "CATALOGUE": str(DEMO)}
REACHABLE = SETTINGS | {"BIND_ADDRESS": "*"}
TLS = {"TLS_CERTIFICATE": "certificate.pem", "TLS_PRIVATE_KEY": "key.pem"}
CLASSES = (ChallengeSettings, EventHandlerSettings, DispatcherSettings)


@pytest.mark.parametrize("module", PREFIXES)
def test_a_start_without_protection_is_refused_with_both_settings(module: str) -> None:
    ended = run_to_the_end(module, **REACHABLE)
    assert ended.returncode == 2
    tls, callers = ended.stderr.splitlines()
    assert tls.startswith("TLS_CERTIFICATE is not set, and BIND_ADDRESS is '*': set it, or ALLOW_PLAINTEXT=true")
    assert callers.startswith("CALLERS is not set, and BIND_ADDRESS is '*': set it, or ALLOW_ANONYMOUS=true")


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize(
    ("environ", "lacking"),
    [
        ({"BIND_ADDRESS": "127.0.0.1"}, set()),
        ({"BIND_ADDRESS": "localhost"}, set()),
        ({"BIND_ADDRESS": "::1"}, set()),
        ({"BIND_ADDRESS": "::"}, {"TLS_CERTIFICATE", "CALLERS"}),
        ({"BIND_ADDRESS": "192.0.2.1"}, {"TLS_CERTIFICATE", "CALLERS"}),
        ({"ALLOW_PLAINTEXT": "true"}, {"CALLERS"}),
        ({"ALLOW_ANONYMOUS": "true"}, {"TLS_CERTIFICATE"}),
        ({"ALLOW_ANONYMOUS": "true", "ALLOW_PLAINTEXT": "true"}, set()),
        (TLS, {"CALLERS"}),
        (TLS | {"TLS_CLIENT_CA": "ca.pem"}, set()),
        (TLS | {"CALLERS": "callers.toml"}, set()),
    ],
)
def test_each_protection_is_demanded_or_waived_by_itself(cls: type, environ: dict[str, str], lacking: set[str]) -> None:
    if cls is DispatcherSettings:
        # It serves health checks only, which need no caller.
        lacking = lacking - {"CALLERS"}
    settings: object = load(cls, REACHABLE | environ)
    if not lacking:
        require_protection(settings)
        return
    with pytest.raises(SettingsInvalid) as refused:
        require_protection(settings)
    assert {problem.split()[0] for problem in refused.value.problems} == lacking


@pytest.mark.parametrize(
    ("service", "cls"), [("challenge-service", ChallengeSettings), ("event-handler", EventHandlerSettings)]
)
def test_the_containers_of_compose_say_how_they_are_protected(service: str, cls: type) -> None:
    environ = image_environment() | environment(service)
    assert environ["BIND_ADDRESS"] == "0.0.0.0"  # noqa: S104 - that of a container
    require_protection(load(cls, environ))
