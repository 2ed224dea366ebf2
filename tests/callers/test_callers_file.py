"""The file of callers: what it means, and how it is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.callers.callers_file import ENTRIES_MAX, CallersDocument, read_callers
from shared.domain.access import PLAYER_ROLES, Role
from shared.domain.caller_limits import NO_LIMITS, CallerLimits
from shared.runtime.file_watch import FileRefused
from tests.support.tokens import certificate_entry, issuer_entry, key_entry


def read(text: str) -> CallersDocument:
    return read_callers([text.encode()])


def test_keys_certificates_and_issuers_are_read() -> None:
    document = read(
        key_entry("backend", "chk_1", "events:write", "operate")
        + key_entry("backend", "chk_2", "events:write")
        + certificate_entry("mesh", "spiffe://game/backend", "players:read")
        + issuer_entry("https://accounts.game/jwks")
        + issuer_entry("keys.json", speak_for="service", roles=["claims:write"], roles_claim="scope", leeway_s=0)
    )
    assert [key.name for key in document.keys] == ["backend", "backend"]
    assert document.keys[0].roles == {Role.EVENTS_WRITE, Role.OPERATE}
    assert document.certificates[0].roles == {Role.PLAYERS_READ}
    players, service = document.issuers
    assert (players.is_of_players, players.roles, players.leeway_s) == (True, PLAYER_ROLES, 30)
    assert (service.is_of_players, service.roles, service.roles_claim) == (
        False,
        frozenset({Role.CLAIMS_WRITE}),
        "scope",
    )


KEY = key_entry("backend", "chk_1", "operate")
BROKEN = {
    "not TOML": "keys = [",
    "unknown section": "[people]\n",
    "keys are no tables": "keys = 3\n",
    "unknown field": KEY + 'colour = "blue"\n',
    "unknown role": KEY.replace("operate", "root"),
    "no roles": KEY.replace('["operate"]', "[]"),
    "short hash": KEY.replace('sha256 = "', 'sha256 = "0'),
    "no name": KEY.replace('name = "backend"\n', ""),
    "name with a line": KEY.replace("backend", "back\\nend"),
    "same key twice": KEY + KEY,
    "same certificate twice": certificate_entry("a", "a.game", "operate") + certificate_entry("b", "a.game", "operate"),
    "too many": "".join(key_entry("a", str(number), "operate") for number in range(ENTRIES_MAX + 1)),
    "secret algorithm": issuer_entry("k").replace("RS256", "HS256"),
    "no algorithm": issuer_entry("k").replace("RS256", "none"),
    "roles of a player": issuer_entry("k", roles=["events:write"]),
    "no roles of a service": issuer_entry("k", speak_for="service"),
    "speaks for nobody": issuer_entry("k", speak_for="everybody"),
    "keys without https": issuer_entry("http://accounts.game/jwks"),
    "endless leeway": issuer_entry("k", leeway_s=301),
    "limits are no table": KEY + "limits = 3\n",
    "an unknown limit": KEY + "limits = { calls_a_day = 3 }\n",
    "a limit of nothing": KEY + "limits = { calls_per_s = 0 }\n",
    "a limit in words": KEY + 'limits = { events_per_s = "many" }\n',
    "an infinite limit": KEY + "limits = { events_per_s = inf }\n",
    "an unknown limit of all": "[limits]\ncalls = 3\n" + KEY,
    "limits of all are a list": "limits = [3]\n" + KEY,
    "no audience": issuer_entry("k", audience=""),
}


def test_limits_of_an_entry_go_before_those_of_all() -> None:
    text = "[limits]\ncalls_per_s = 10\nevents_per_s = 20.5\n" + KEY + "limits = { calls_per_s = 5 }\n"
    document = read(text + certificate_entry("mesh", "spiffe://game/backend", "operate") + issuer_entry("keys.json"))
    assert document.keys[0].limits == CallerLimits(calls=5, events=20.5)
    assert document.certificates[0].limits == document.issuers[0].limits == CallerLimits(calls=10, events=20.5)
    assert read(KEY).keys[0].limits is NO_LIMITS


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_broken_file_is_refused_without_a_hash_in_the_message(text: str) -> None:
    with pytest.raises(FileRefused) as refused:
        read(text)
    assert len(str(refused.value)) < 1_000
    assert read(KEY).keys[0].sha256.hex() not in str(refused.value)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with suppress(FileRefused):
        assert isinstance(read_callers([raw]), CallersDocument)
