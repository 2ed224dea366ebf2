"""A service that asks who calls: a file of callers that changes while calls go on."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from pathlib import Path

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc

from devstack.ports import LOOPBACK
from devstack.run import find_tool
from tests.support.service_process import DEMO, PROJECT, ServiceProcess, run_to_the_end, serving
from tests.support.tokens import Issuer, issuer_entry, key_entry
from tests.support.waiting import wait_until

OLD, NEW = "chk_the-key-of-before", "chk_the-key-from-now-on"
CALLS_PER_S = 300
ROLES = ("players:read", "players:write")


def called(service: ServiceProcess, credential: str | None, user_id: str = "zoe") -> str:
    """Return the status code of a call."""
    metadata = None if credential is None else (("authorization", f"Bearer {credential}"),)
    try:
        service.challenges.GetChallenge(
            rpc.GetChallengeRequest(user_id=user_id, challenge_id="combat"), metadata=metadata, timeout=60
        )
    except grpc.RpcError as error:
        return str(error.code().name)
    return "OK"


@pytest.mark.slow
def test_callers_are_asked_for_and_rotated_under_load(database_url: str, tmp_path: Path) -> None:
    file, issuer = tmp_path / "callers.toml", Issuer(tmp_path / "keys.json")
    players = issuer_entry(issuer.path)
    file.write_text(key_entry("backend", OLD, *ROLES) + players)
    outcomes: list[str] = []
    current = OLD
    over = threading.Event()
    with serving("challenge_service", database_url, CALLERS=str(file)) as service:
        wait_until(lambda: called(service, issuer.token()) == "OK")
        assert called(service, None) == called(service, "chk_x") == "UNAUTHENTICATED"
        assert called(service, issuer.token(), "ana") == "PERMISSION_DENIED"

        def call() -> None:
            due = time.monotonic()
            while not over.is_set():
                outcomes.append(called(service, current))
                outcomes.append(called(service, token))
                due += 8 / CALLS_PER_S
                over.wait(max(0.0, due - time.monotonic()))

        token = issuer.token()
        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        try:
            file.write_text(key_entry("backend", OLD, *ROLES) + key_entry("backend", NEW, *ROLES) + players)
            service.signal(signal.SIGHUP)
            wait_until(lambda: called(service, NEW) == "OK")
            current = NEW
            issuer.add("ec-1")
            fresh = issuer.token(kid="ec-1")
            wait_until(lambda: called(service, fresh) == "OK")
            before = len(outcomes)
            # The callers that are under way have still used the old key.
            wait_until(lambda: len(outcomes) >= before + 200)
            file.write_text(key_entry("backend", NEW, *ROLES) + players)
            wait_until(lambda: called(service, OLD) == "UNAUTHENTICATED")
            file.write_text("keys = [")
            service.wait_for("files refused: the last good ones stay in use")
            before = len(outcomes)
            wait_until(lambda: len(outcomes) >= before + 200)
        finally:
            over.set()
            for caller in callers:
                caller.join()
        assert set(outcomes) == {"OK"}
        service.stop()
    text = json.dumps(service.logs)
    for secret in (OLD, NEW, token):
        assert secret not in text


def test_buf_curl_calls_with_a_key_and_without_reflection(database_url: str, tmp_path: Path) -> None:
    file, buf = tmp_path / "callers.toml", find_tool("buf")
    assert buf is not None
    file.write_text(key_entry("backend", OLD, *ROLES))
    with serving("challenge_service", database_url, CALLERS=str(file)) as service:
        url = f"http://{LOOPBACK}:{service.port}/challenge.v1.ChallengeService/InitializePlayer"
        command = [buf, "curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", '{"user_id": "zoe"}']
        for more, code in (
            (["--schema", "protos", "-H", f"authorization: Bearer {OLD}"], 0),
            (["--schema", "protos"], 1),
            (["-H", f"authorization: Bearer {OLD}"], 1),
        ):
            run = [*command, *more, url]
            ended = subprocess.run(run, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
            assert bool(ended.returncode) == bool(code), ended.stderr


@pytest.mark.parametrize(("text", "problem"), [("keys = [", "it is not TOML"), (None, "cannot be read")])
def test_a_file_of_callers_that_cannot_be_used_keeps_a_service_from_starting(
    text: str | None, problem: str, tmp_path: Path, database_url: str
) -> None:
    file = tmp_path / "callers.toml"
    if text is not None:
        file.write_text(text)
    ports = {"EVENT_PORT": "0", "EVENT_METRICS_PORT": "0"}
    settings = {"DATABASE_URL": database_url, "CATALOGUE": str(DEMO), "CALLERS": str(file), **ports}
    ended = run_to_the_end("event_handler", **settings)
    assert ended.returncode == 2
    assert "\nCALLERS: " in ended.stderr
    assert problem in ended.stderr
