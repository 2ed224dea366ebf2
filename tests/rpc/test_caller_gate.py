"""A real server admits callers before it receives their request, and checks those of open streams again."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import Any, NamedTuple

import grpc
import pytest
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped]
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from shared.callers.callers_file import read_callers
from shared.callers.live_callers import LiveCallers
from shared.domain.access import Caller, Callers, Credentials
from shared.domain.errors import ChallengeError
from shared.rpc.server import Server, ServiceBinding
from shared.rpc.tls import server_credentials
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.telemetry import Telemetry
from shared.runtime.tls_settings import open_files
from tests.rpc.echo_streams import BATCH, Echo
from tests.rpc.serving import SERVICE, Scripted, code_of, details_of, empty
from tests.support.certificates import Authority
from tests.support.raw_caller import RawCaller
from tests.support.tokens import Issuer, certificate_entry, issuer_entry, key_entry
from tests.support.waiting import wait_until

EVENTS = event_service_pb2.DESCRIPTOR.services_by_name["EventService"]
INITIALIZE = f"/{SERVICE.full_name}/InitializePlayer"
REPORT = f"/{EVENTS.full_name}/ReportEvent"
STREAM = f"/{EVENTS.full_name}/StreamEvents"
HEALTH = "/grpc.health.v1.Health/Check"
WRITER, READER = "chk_writer", "chk_reader"
UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED


class OpenEcho:
    """An open stream that echoes."""

    def __init__(self, channel: Any, credential: str) -> None:
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        requests = iter(self._requests.get, None)
        self._call: Any = channel.stream_stream(STREAM)(requests, metadata=bearer(credential), timeout=60)

    def echo(self) -> None:
        self._requests.put(BATCH.SerializeToString())
        assert next(self._call)

    def close(self) -> None:
        self._requests.put(None)
        assert self._call.code() is grpc.StatusCode.OK

    def has_ended(self) -> bool:
        return not self._call.is_active()

    def failure(self) -> tuple[grpc.StatusCode, str]:
        self._requests.put(None)
        return self._call.code(), details_of(self._call)[ErrorInfo].reason


class Guarded(NamedTuple):
    port: int
    channel: Any
    telemetry: Telemetry
    received: list[Any]


def bearer(credential: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {credential}")]


@contextmanager
def guarded(
    callers: Callers | None, *, reflection: bool = True, credentials: grpc.ServerCredentials | None = None
) -> Iterator[Guarded]:
    telemetry = Telemetry()
    received: list[Any] = []

    def respond(request: Any, _context: object) -> bytes:
        received.append(request)
        return b""

    server = Server(
        Endpoint("127.0.0.1", 0, setting="PORT"),
        [ServiceBinding(SERVICE, Scripted(respond)), ServiceBinding(EVENTS, Echo(empty))],
        threads=4,
        streams=4,
        health=Health([]),
        telemetry=telemetry,
        callers=callers,
        reflection=reflection,
        credentials=credentials,
    )
    port = server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
            yield Guarded(port, channel, telemetry, received)
    finally:
        server.stop(0)


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "keys.json")


def document(issuer: Issuer, *more: str) -> Any:
    entries = [
        key_entry("writer", WRITER, "events:write", "players:write"),
        key_entry("reader", READER, "players:read"),
        issuer_entry(issuer.path, leeway_s=0),
        *more,
    ]
    return read_callers(["".join(entries).encode()])


@pytest.fixture
def callers(issuer: Issuer) -> LiveCallers:
    known = LiveCallers(document(issuer))
    known.refresh_keys()
    return known


def failure(channel: Any, method: str, raw: bytes = b"", **options: Any) -> tuple[grpc.StatusCode, str]:
    """Return the code and the reason with which a call fails."""
    with pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(method)(raw, timeout=60, **options)
    error: Any = raised.value
    return error.code(), details_of(error)[ErrorInfo].reason


def test_calls_are_served_by_role(callers: LiveCallers) -> None:
    with guarded(callers) as server:
        assert code_of(server.channel, INITIALIZE, metadata=bearer(WRITER)) is grpc.StatusCode.OK
        assert failure(server.channel, INITIALIZE, metadata=bearer(READER)) == (DENIED, "ROLE_MISSING")
        assert failure(server.channel, INITIALIZE) == (UNAUTHENTICATED, "CREDENTIAL_MISSING")
        assert failure(server.channel, INITIALIZE, metadata=bearer("chk_x")) == (UNAUTHENTICATED, "CREDENTIAL_INVALID")
        assert code_of(server.channel, HEALTH) is grpc.StatusCode.OK
        counted = {
            reason: server.telemetry.registry.get_sample_value("rpc_callers_refused_total", {"reason": reason})
            for reason in ("ROLE_MISSING", "CREDENTIAL_MISSING", "CREDENTIAL_INVALID")
        }
        assert set(counted.values()) == {1}
        assert len(server.received) == 1


def test_a_player_speaks_for_itself_only_and_never_reports_events(callers: LiveCallers, issuer: Issuer) -> None:
    zoe = bearer(issuer.token("zoe"))
    own = rpc.InitializePlayerRequest(user_id="zoe").SerializeToString()
    with guarded(callers) as server:
        assert code_of(server.channel, INITIALIZE, own, metadata=zoe) is grpc.StatusCode.OK
        for other in ("ana", "", "ZOE", "zoe "):
            raw = rpc.InitializePlayerRequest(user_id=other).SerializeToString()
            assert failure(server.channel, INITIALIZE, raw, metadata=zoe) == (DENIED, "OTHER_PLAYER")
        # The last one of a repeated field counts, for the check as for the method.
        assert failure(server.channel, INITIALIZE, own + raw, metadata=zoe) == (DENIED, "OTHER_PLAYER")
        assert failure(server.channel, REPORT, metadata=zoe) == (DENIED, "ROLE_MISSING")
        stream = server.channel.stream_stream(STREAM)(iter(()), metadata=zoe, timeout=60)
        assert stream.code() is DENIED
        assert [request.user_id for request in server.received] == ["zoe"]


def test_a_refused_call_is_ended_before_its_request_has_arrived(callers: LiveCallers) -> None:
    with guarded(callers) as server, RawCaller(server.port) as stranger:
        for _ in range(64):
            stranger.open(INITIALIZE.removeprefix("/"))
            stranger.open(STREAM.removeprefix("/"))
        wait_until(lambda: len(stranger.statuses) == 128)
        assert {status.code for status in stranger.statuses.values()} == {UNAUTHENTICATED.value[0]}
        assert server.telemetry.registry.get_sample_value("rpc_calls_awaiting_body") == 0
        assert server.telemetry.registry.get_sample_value("rpc_streams_open") == 0


class Faulty:
    """Callers whose judgement fails."""

    generation = 0

    def judge(self, _credentials: Credentials) -> Caller | ChallengeError:
        raise ZeroDivisionError("a bug")


def test_a_bug_in_judging_denies_the_call_and_the_server_goes_on() -> None:
    with guarded(Faulty()) as server:
        for _ in range(3):
            assert failure(server.channel, INITIALIZE, metadata=bearer(WRITER)) == (
                grpc.StatusCode.INTERNAL,
                "INTERNAL",
            )
            stream = server.channel.stream_stream(STREAM)(iter(()), metadata=bearer(WRITER), timeout=60)
            assert stream.code() is grpc.StatusCode.INTERNAL
            assert code_of(server.channel, HEALTH) is grpc.StatusCode.OK
        assert server.received == []


def test_without_callers_everybody_is_served() -> None:
    with guarded(None) as server:
        for metadata in (None, bearer("chk_x")):
            assert code_of(server.channel, INITIALIZE, metadata=metadata) is grpc.StatusCode.OK


def test_reflection_needs_any_valid_caller_or_is_off(callers: LiveCallers) -> None:
    method = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
    with guarded(None) as server:
        assert SERVICE.full_name in ProtoReflectionDescriptorDatabase(server.channel).get_services()
    with guarded(callers) as server:
        for metadata, code in ((bearer(READER), grpc.StatusCode.OK), (None, UNAUTHENTICATED)):
            call = server.channel.stream_stream(method)(iter(()), metadata=metadata, timeout=60)
            assert call.code() is code
    with guarded(callers, reflection=False) as server:
        call = server.channel.stream_stream(method)(iter(()), metadata=bearer(READER), timeout=60)
        assert call.code() is grpc.StatusCode.UNIMPLEMENTED


def test_a_stream_ends_once_its_caller_is_no_longer_accepted(callers: LiveCallers, issuer: Issuer) -> None:
    with guarded(callers) as server:

        def open_stream(credential: str) -> OpenEcho:
            stream = OpenEcho(server.channel, credential)
            stream.echo()
            return stream

        service = issuer_entry(issuer.path, audience="s", speak_for="service", roles=["events:write"], leeway_s=0)
        callers.take(document(issuer, key_entry("other", "chk_other", "events:write"), service))
        removed, kept = open_stream("chk_other"), open_stream(WRITER)
        short = open_stream(issuer.token("svc", aud="s", expires_in=2))
        wait_until(short.has_ended)
        assert short.failure() == (UNAUTHENTICATED, "CREDENTIAL_EXPIRED")
        callers.take(document(issuer))
        wait_until(removed.has_ended)
        assert removed.failure() == (UNAUTHENTICATED, "CREDENTIAL_INVALID")
        kept.echo()
        kept.close()
        wait_until(lambda: server.telemetry.registry.get_sample_value("rpc_streams_open") == 0)


def test_a_certificate_names_its_caller(callers: LiveCallers, issuer: Issuer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.files()
    spiffe, dns = "spiffe://game.example/matchmaking", "lobby.game.example"
    callers.take(
        document(issuer, certificate_entry("a", spiffe, "players:write"), certificate_entry("b", dns, "players:read"))
    )
    tls = open_files("tls", files.certificate, files.private_key, authority.certificate)
    with guarded(callers, credentials=server_credentials(tls)) as server:
        for shown, expected in (
            (authority.files_of_uri(spiffe), "OK"),
            (authority.files(dns), "PERMISSION_DENIED"),
            (authority.files("other.game.example"), "UNAUTHENTICATED"),
        ):
            credentials = authority.channel_credentials(shown)
            own = [("grpc.use_local_subchannel_pool", 1)]
            with grpc.secure_channel(f"127.0.0.1:{server.port}", credentials, own) as channel:
                assert code_of(channel, INITIALIZE).name == expected
                assert code_of(channel, INITIALIZE, metadata=bearer(WRITER)) is grpc.StatusCode.OK


def test_rotation_of_keys_under_load_fails_no_call(callers: LiveCallers, issuer: Issuer) -> None:
    codes = []
    with guarded(callers) as server:
        old, new = WRITER, "chk_new"
        started = time.monotonic()
        for number in range(600):
            if number % 60 == 20:
                # Both are accepted until all callers use the new one.
                callers.take(document(issuer, key_entry("writer", new, "players:write")))
            kid = f"ec-{number // 60}"
            if number % 60 == 40:
                issuer.add(kid)
                callers.refresh_keys()
            key = new if number >= 20 and number % 2 else old
            codes.append(code_of(server.channel, INITIALIZE, metadata=bearer(key)))
            raw = rpc.InitializePlayerRequest(user_id="zoe").SerializeToString()
            kid = kid if kid in issuer.keys else "rsa-1"
            codes.append(code_of(server.channel, INITIALIZE, raw, metadata=bearer(issuer.token(kid=kid))))
            wait_until(lambda due=started + number / 300: time.monotonic() >= due)  # type: ignore[misc]
    assert set(codes) == {grpc.StatusCode.OK}
