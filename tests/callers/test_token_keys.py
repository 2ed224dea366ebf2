"""Key sets from a URL: fetched by a duty, rarely, within bounds, and the last good one kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from shared.callers.token_keys import FETCH_AGAIN_S, FETCH_INTERVAL_S, FollowedKeys, read_key_set
from shared.runtime.file_watch import FileRefused
from tests.support.tokens import Issuer


class Place:
    """An HTTP server with a key set, and a clock."""

    def __init__(self) -> None:
        self.status, self.body, self.requests, self.now = 200, b"", 0, 1_000.0
        place = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                place.requests += 1
                self.send_response(place.status)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(place.body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.followed = FollowedKeys(f"http://127.0.0.1:{self.server.server_port}/jwks", lambda: self.now)

    def refresh_after(self, seconds: float) -> bool:
        self.now += seconds
        return self.followed.refresh()


@pytest.fixture
def place() -> Iterator[Place]:
    opened = Place()
    thread = threading.Thread(target=opened.server.serve_forever)
    thread.start()
    yield opened
    opened.server.shutdown()
    thread.join()
    opened.server.server_close()


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "keys.json")


def test_keys_are_fetched_at_an_interval_and_sooner_for_an_unknown_key(place: Place, issuer: Issuer) -> None:
    place.body = issuer.path.read_bytes()
    assert place.refresh_after(0)
    assert not place.refresh_after(FETCH_INTERVAL_S - 1)
    assert place.requests == 1
    assert not place.refresh_after(1), "the same keys are no change"
    assert place.requests == 2
    issuer.add("ec-1")
    place.body = issuer.path.read_bytes()
    for _ in range(1_000):
        place.followed.want()
    assert not place.refresh_after(FETCH_AGAIN_S - 1)
    assert place.refresh_after(1)
    assert place.requests == 3
    assert place.followed.keys is not None
    assert place.followed.keys.keys() == {"rsa-1", "ec-1"}


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (302, b""), (200, b"{"), (200, bytes(100_000))])
def test_the_last_good_keys_are_kept(place: Place, issuer: Issuer, status: int, body: bytes) -> None:
    place.body = issuer.path.read_bytes()
    assert place.refresh_after(0)
    good, place.status, place.body = place.body, status, body
    assert not place.refresh_after(FETCH_INTERVAL_S)
    assert place.requests == 2, "no redirection is followed"
    assert place.followed.refused is not None
    assert place.followed.keys is not None
    place.status, place.body = 200, good
    assert not place.refresh_after(FETCH_AGAIN_S)
    assert place.followed.refused is None


def test_only_public_keys_for_signatures_are_used(issuer: Issuer) -> None:
    (good,) = issuer.key_set()["keys"]
    private = issuer.keys["rsa-1"]
    assert isinstance(private, rsa.RSAPrivateKey)
    short = rsa.generate_private_key(public_exponent=65_537, key_size=1_024)  # noqa: S505 - refused
    for kid, useless in {
        "secret": {"kty": "oct", "k": "c2VjcmV0"},
        "encryption": {**good, "use": "enc"},
        "short": RSAAlgorithm.to_jwk(short.public_key(), as_dict=True),
        "private": RSAAlgorithm.to_jwk(private, as_dict=True),
        "malformed": {"kty": "RSA", "n": "?"},
    }.items():
        described = {"keys": [good, {**useless, "kid": kid}]}
        assert read_key_set(json.dumps(described).encode()).keys() == {"rsa-1"}
        with pytest.raises(FileRefused):
            read_key_set(json.dumps({"keys": [{**useless, "kid": kid}]}).encode())


@pytest.mark.parametrize("raw", [b"", b"[]", b"3", b'{"keys": {}}', b'{"keys": [1]}', b"[" * 100_000, b"\xff"])
def test_invalid_key_sets_are_refused(raw: bytes) -> None:
    with pytest.raises(FileRefused):
        read_key_set(raw)
