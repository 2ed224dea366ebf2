"""Keys and tokens: which are accepted, as whom, and which never."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from shared.callers import live_callers
from shared.callers.callers_file import read_callers
from shared.callers.live_callers import LiveCallers
from shared.domain.access import PLAYER_ROLES, Caller, Credentials, Role
from shared.domain.errors import ChallengeError
from tests.support.tokens import AUDIENCE, ISSUER, Issuer, certificate_entry, issuer_entry, key_entry

KEY = "chk_one"


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


class Site:
    """Callers with a key, an issuer for players and one for services."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.issuer = Issuer(folder / "keys.json")
        self.callers = LiveCallers(self.document(), self.clock)
        self.callers.refresh_keys()

    def document(self, *entries: str) -> Any:
        service = issuer_entry(
            self.issuer.path, speak_for="service", audience="services", roles=["events:write"], roles_claim="scope"
        )
        entries = entries or (key_entry("backend", KEY, "events:write"),)
        return read_callers(["".join((*entries, issuer_entry(self.issuer.path), service)).encode()])

    def judge(self, credential: str, peer: str = "ipv4:127.0.0.1:1") -> Caller | ChallengeError:
        return self.callers.judge(Credentials([f"Bearer {credential}"], (), peer))

    def reason(self, credential: str, peer: str = "ipv4:127.0.0.1:1") -> str:
        """Return why a credential is refused."""
        judged = self.judge(credential, peer)
        assert isinstance(judged, ChallengeError), judged
        assert credential not in judged.message
        return judged.reason


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_a_key_has_its_roles(site: Site) -> None:
    assert site.judge(KEY) == Caller("backend", frozenset({Role.EVENTS_WRITE}))
    assert site.judge(KEY) is site.judge(KEY)
    assert site.reason("chk_other") == "CREDENTIAL_INVALID"


def test_a_players_token_speaks_for_its_subject(site: Site) -> None:
    for kid in ("rsa-1", "ec-1"):
        if kid not in site.issuer.keys:
            site.issuer.add(kid)
            site.callers.refresh_keys()
        judged = site.judge(site.issuer.token("zoe", kid=kid))
        assert isinstance(judged, Caller)
        assert (judged.player, judged.roles) == ("zoe", PLAYER_ROLES)


def test_a_services_token_has_the_roles_that_both_sides_name(site: Site) -> None:
    token = site.issuer.token("matchmaker", aud="services", scope="events:write operate email")
    judged = site.judge(token)
    assert isinstance(judged, Caller)
    assert (judged.player, judged.roles) == (None, frozenset({Role.EVENTS_WRITE}))
    judged = site.judge(site.issuer.token("matchmaker", aud="services"))
    assert isinstance(judged, Caller)
    assert judged.roles == frozenset()


def public_pem(site: Site) -> bytes:
    return (
        site.issuer.keys["rsa-1"]
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def signed_by_the_public_key(site: Site) -> str:
    """Return a token with a secret algorithm, whose secret is the public key."""
    head, body, _ = site.issuer.token().split(".")
    head = encoded(json.dumps({"alg": "HS256", "typ": "JWT", "kid": "rsa-1"}).encode())
    return f"{head}.{body}.{encoded(hmac.digest(public_pem(site), f'{head}.{body}'.encode(), sha256))}"


def unsigned(site: Site, algorithm: str = "none") -> str:
    _, body, _ = site.issuer.token().split(".")
    return f"{encoded(json.dumps({'alg': algorithm, 'kid': 'rsa-1'}).encode())}.{body}."


def with_a_key_of_its_own(_site: Site) -> str:
    """Return a token that carries the key that it is signed with."""
    own = ec.generate_private_key(ec.SECP256R1())
    described = jwt.algorithms.ECAlgorithm.to_jwk(own.public_key(), as_dict=True)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": "zoe", "exp": time.time() + 60}
    return jwt.encode(claims, own, "ES256", headers={"kid": "rsa-1", "jwk": described, "jku": "https://evil.game/k"})


def tampered(site: Site) -> str:
    head, _, signature = site.issuer.token().split(".")
    body = encoded(json.dumps({"iss": ISSUER, "aud": AUDIENCE, "sub": "eve", "exp": time.time() + 60}).encode())
    return f"{head}.{body}.{signature}"


FORGED: dict[str, Callable[[Site], str]] = {
    "secret algorithm": signed_by_the_public_key,
    "none": unsigned,
    "None": lambda site: unsigned(site, "None"),
    "own key": with_a_key_of_its_own,
    "tampered": tampered,
    "algorithm that the issuer is not allowed": lambda site: site.issuer.token(algorithm="RS512"),
    "foreign audience": lambda site: site.issuer.token(aud="shop"),
    "foreign issuer": lambda site: site.issuer.token(iss="https://evil.game"),
    "not valid yet": lambda site: site.issuer.token(nbf=time.time() + 600),
    "no expiry": lambda site: site.issuer.token(exp=None),
    "no subject": lambda site: site.issuer.token(None),
    "no audience": lambda site: site.issuer.token(aud=None),
    "no player": lambda site: site.issuer.token(""),
    "long player": lambda site: site.issuer.token("z" * 129),
    "endless expiry": lambda site: site.issuer.token(exp=float("1e400")),
    "unknown key": lambda site: site.issuer.token(headers={"kid": "other"}),
    "key named by a number": lambda site: site.issuer.token(headers={"kid": "1"}),
    "unknown demand": lambda site: site.issuer.token(headers={"crit": ["x"], "x": 1}),
    "no token": lambda _: "zoe",
    "many parts": lambda _: "a.b.c.d",
    "long": lambda _: "a" * 9_000,
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_a_forged_or_foreign_token_is_refused(forge: Callable[[Site], str], site: Site) -> None:
    assert site.reason(forge(site)) == "CREDENTIAL_INVALID"
    assert isinstance(site.judge(site.issuer.token()), Caller)


def test_a_token_ends_at_its_expiry_and_leeway_also_if_it_is_remembered(site: Site) -> None:
    token = site.issuer.token(expires_in=60)
    assert isinstance(site.judge(token), Caller)
    site.clock.ahead_s = 89
    assert isinstance(site.judge(token), Caller)
    site.clock.ahead_s = 91
    assert site.reason(token) == "CREDENTIAL_EXPIRED"
    assert site.reason(site.issuer.token(expires_in=-31)) == "CREDENTIAL_EXPIRED"
    assert site.callers.remembered == 0


def test_a_removed_key_and_a_removed_entry_are_refused_at_once(site: Site) -> None:
    site.issuer.add("ec-1")
    site.callers.refresh_keys()
    tokens = [site.issuer.token(kid=kid) for kid in ("rsa-1", "ec-1")]
    assert all(isinstance(site.judge(token), Caller) for token in tokens)
    site.issuer.remove("ec-1")
    site.callers.refresh_keys()
    assert isinstance(site.judge(tokens[0]), Caller)
    assert site.reason(tokens[1]) == "CREDENTIAL_INVALID"
    site.callers.take(site.document(key_entry("backend", "chk_two", "operate")))
    assert site.reason(KEY) == "CREDENTIAL_INVALID"
    assert site.judge("chk_two") == Caller("backend", frozenset({Role.OPERATE}))
    assert isinstance(site.judge(tokens[0]), Caller), "the keys of issuers stay known"


def test_the_last_good_keys_stay_in_use(site: Site) -> None:
    for broken in ("", "{}", '{"keys": []}', '{"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "rsa-1"}]}'):
        site.issuer.path.write_text(broken)
        site.callers.refresh_keys()
        assert site.callers.refused_key_sets == 1
        assert isinstance(site.judge(site.issuer.token()), Caller)


def test_tokens_cannot_be_judged_before_keys_were_read(site: Site, tmp_path: Path) -> None:
    site.callers.take(read_callers([issuer_entry(tmp_path / "later.json").encode()]))
    assert site.reason(site.issuer.token()) == "TOKEN_KEYS_UNAVAILABLE"


def test_a_flood_of_unknown_credentials_displaces_no_valid_one(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_callers, "REFUSED_MAX", 50)
    token = site.issuer.token()
    remembered = site.judge(token)
    read = site.issuer.path.stat().st_atime_ns
    for number in range(200):
        forged = site.issuer.token(headers={"kid": f"kid-{number}"})
        assert site.reason(forged, f"ipv4:127.0.0.1:{number}") == "CREDENTIAL_INVALID"
    assert site.judge(token) is remembered
    assert site.issuer.path.stat().st_atime_ns == read, "nothing is read in a call"


def test_failed_verifications_of_a_connection_are_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow the machine is.
    monkeypatch.setattr(live_callers, "FAILURES_S", 60.0)
    token = site.issuer.token()
    assert isinstance(site.judge(token), Caller)
    for number in range(live_callers.FAILURES_MAX):
        assert site.reason(f"chk_{number}") == "CREDENTIAL_INVALID"
    assert site.reason("chk_more") == "OVERLOADED"
    assert isinstance(site.judge(token), Caller), "what is remembered is no new verification"
    assert isinstance(site.judge(site.issuer.token("ana"), "ipv4:127.0.0.1:2"), Caller)
    site.clock.ahead_s = live_callers.FAILURES_S
    assert isinstance(site.judge(site.issuer.token("eve")), Caller)


def test_the_number_of_remembered_credentials_is_bounded(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_callers, "VERIFIED_MAX", 3)
    for number in range(10):
        assert isinstance(site.judge(site.issuer.token(f"player-{number}")), Caller)
        assert site.callers.remembered <= 3


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([], "CREDENTIAL_MISSING"),
        (["Basic emll"], "CREDENTIAL_INVALID"),
        (["Bearer"], "CREDENTIAL_INVALID"),
        (["Bearer "], "CREDENTIAL_INVALID"),
        ([f"Bearer {KEY} {KEY}"], "CREDENTIAL_INVALID"),
        ([f"Bearer {KEY}", f"Bearer {KEY}"], "CREDENTIAL_INVALID"),
        ([KEY], "CREDENTIAL_INVALID"),
    ],
)
def test_headers_that_are_not_one_credential_are_refused(site: Site, headers: list[str], reason: str) -> None:
    judged = site.callers.judge(Credentials(headers, (), "peer"))
    assert isinstance(judged, ChallengeError)
    assert judged.reason == reason


def test_a_certificate_is_known_by_its_exact_name_and_a_header_comes_first(site: Site) -> None:
    site.callers.take(
        site.document(certificate_entry("mesh", "spiffe://game/a", "operate"), key_entry("k", KEY, "players:read"))
    )
    mesh = Caller("mesh", frozenset({Role.OPERATE}))
    assert site.callers.judge(Credentials([], ("a.game", "spiffe://game/a"), "peer")) == mesh
    for names in (("spiffe://game/a/b",), ("spiffe://game/A",), ("*",)):
        judged = site.callers.judge(Credentials([], names, "peer"))
        assert isinstance(judged, ChallengeError)
        assert judged.reason == "CREDENTIAL_INVALID"
    judged = site.callers.judge(Credentials(["Bearer chk_wrong"], ("spiffe://game/a",), "peer"))
    assert isinstance(judged, ChallengeError)


@given(st.text())
def test_any_credential_is_judged(text: str) -> None:
    callers = LiveCallers(read_callers([key_entry("backend", KEY, "operate").encode()]))
    assert isinstance(callers.judge(Credentials([f"Bearer {text}"], (), "peer")), ChallengeError)
