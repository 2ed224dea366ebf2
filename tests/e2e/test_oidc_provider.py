"""Tokens of an OpenID provider, whose keys are read from its URL and which are rotated while it is called."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import GetChallengeRequest

from devstack.ports import LOOPBACK
from tests.support.reserved_port import ReservedPort
from tests.support.service_process import ServiceProcess, serving
from tests.support.tokens import issuer_entry
from tests.support.waiting import wait_until

CLIENT = "challenge"
REDIRECT = "http://game.example/signed-in"
ROTATION_S = 60.0
"""Keys are fetched ten seconds after a token named an unknown one; the rest is for a busy machine."""


class Provider:
    """A provider in a process of its own, which has new keys after each start."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"

    @contextmanager
    def running(self) -> Iterator[dict[str, str]]:
        """Run it, and yield its configuration as it publishes it."""
        command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(self.port)]
        environ = {**os.environ, "PYTHONWARNINGS": "ignore"}
        process = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(self._responds, 60)
            yield json.loads(self._request("GET", "/.well-known/openid-configuration")[1])
        finally:
            process.kill()
            process.wait()

    def token(self, player: str) -> str:
        """Sign a player in, as a browser and the game would, and return the id token."""
        query = urlencode({"client_id": CLIENT, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid"})
        location, _ = self._request("POST", f"/oauth2/authorize?{query}", {"sub": player})
        [code] = parse_qs(urlsplit(location).query)["code"]
        exchange = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT}
        _, body = self._request("POST", "/oauth2/token", {**exchange, "client_id": CLIENT, "client_secret": "any"})
        token: str = json.loads(body)["id_token"]
        return token

    def _responds(self) -> bool:
        try:
            return bool(self._request("GET", "/jwks")[1])
        except OSError:
            return False

    def _request(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[str, bytes]:
        """Return the place that a response leads to, if any, and its body."""
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=60)
        try:
            headers = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
            connection.request(method, path, urlencode(form) if form else None, headers)
            response = connection.getresponse()
            return response.getheader("Location", ""), response.read()
        finally:
            connection.close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    port = ReservedPort()
    yield Provider(port.number)
    port.close()


def called(service: ServiceProcess, token: str, player: str) -> str:
    """Return the status code of a call."""
    request = GetChallengeRequest(user_id=player, challenge_id="combat")
    try:
        service.challenges.GetChallenge(request, metadata=(("authorization", f"Bearer {token}"),), timeout=60)
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


@pytest.mark.slow
def test_a_player_signs_in_and_keys_are_rotated(provider: Provider, database_url: str, tmp_path: Path) -> None:
    callers = tmp_path / "callers.toml"
    with ExitStack() as stack:
        with provider.running() as configuration:
            assert configuration["issuer"] == provider.url
            entry: dict[str, Any] = {"issuer": provider.url, "audience": CLIENT, "algorithms": ["RS256"]}
            callers.write_text(issuer_entry(configuration["jwks_uri"], **entry), "utf-8")
            service = stack.enter_context(serving("challenge_service", database_url, CALLERS=str(callers)))
            first = provider.token("zoe")
            wait_until(lambda: called(service, first, "zoe") == "OK")
            assert called(service, first, "ana") == "PERMISSION_DENIED"
            assert called(service, first[:-8] + "AAAAAAAA", "zoe") == "UNAUTHENTICATED"
        # The provider is away: its last good keys stay in use.
        assert called(service, first, "zoe") == "OK"
        with provider.running():
            second = provider.token("zoe")
            wait_until(lambda: called(service, second, "zoe") == "OK", ROTATION_S)


def test_a_token_for_another_audience_is_refused(provider: Provider, database_url: str, tmp_path: Path) -> None:
    callers = tmp_path / "callers.toml"
    with provider.running() as configuration:
        entry: dict[str, Any] = {"issuer": provider.url, "audience": "another", "algorithms": ["RS256"]}
        callers.write_text(issuer_entry(configuration["jwks_uri"], **entry), "utf-8")
        token = provider.token("zoe")
        with serving("challenge_service", database_url, CALLERS=str(callers)) as service:
            wait_until(lambda: called(service, token, "zoe") == "UNAUTHENTICATED")
