"""The server around the methods: responses, metrics, traces, reflection and shutdown."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from challenge.v1.challenge_service_pb2 import InitializePlayerRequest, InitializePlayerResponse
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from shared.domain.errors import GoalNotFound
from shared.rpc.server import Server, ServiceBinding
from shared.rpc.standard_services import NEWER_REFLECTION
from shared.runtime.health import Health
from shared.runtime.ports import Endpoint
from shared.runtime.start_refused import PortUnavailable
from shared.runtime.telemetry import Telemetry
from shared.runtime.tracing import Tracing
from tests.rpc.serving import METHOD, SERVICE, Method, Scripted, code_of, empty, initialize, running, start
from tests.support.unstalled_clock import unstalled_s
from tests.support.waiting import wait_until


def server_at(port: int, reply: Method = empty, health: Health | None = None) -> Server:
    return Server(
        Endpoint("127.0.0.1", port, setting="CHALLENGE_PORT"),
        [ServiceBinding(SERVICE, Scripted(reply))],
        threads=2,
        health=health or Health([SERVICE.full_name]),
        telemetry=Telemetry(),
    )


def test_a_method_may_return_a_message_or_its_encoding() -> None:
    message = InitializePlayerResponse(created=True)

    def reply(request: InitializePlayerRequest, context: object) -> object:  # noqa: ARG001 - a method's signature
        return message if request.user_id == "message" else message.SerializeToString()

    with running(reply) as channel:
        for user_id in ("message", "encoding"):
            raw = initialize(channel, InitializePlayerRequest(user_id=user_id).SerializeToString())
            assert InitializePlayerResponse.FromString(raw) == message


def test_calls_are_measured_by_method_and_code() -> None:
    telemetry = Telemetry()

    def reply(request: InitializePlayerRequest, context: object) -> bytes:  # noqa: ARG001 - a method's signature
        if not request.user_id:
            raise GoalNotFound("no such goal")
        return b""

    def count(code: str) -> float | None:
        labels = {
            "rpc_system_name": "grpc",
            "rpc_method": METHOD.removeprefix("/"),
            "rpc_response_status_code": code,
            "error_type": "",
        }
        return telemetry.registry.get_sample_value("rpc_server_call_duration_seconds_count", labels)

    with running(reply, telemetry=telemetry) as channel:
        for raw in (b"", b"\x0a\x01a", b"\x0a\x01a", b"\xff"):
            code_of(channel, METHOD, raw)
    assert [count(code) for code in ("OK", "NOT_FOUND", "INVALID_ARGUMENT", "INTERNAL")] == [2, 1, 1, None]


def test_a_sampled_call_has_a_span_with_its_status_code() -> None:
    spans = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    telemetry = Telemetry(Tracing(provider, sample_ratio=0))
    with running(telemetry=telemetry) as channel:
        initialize(channel)
        initialize(channel, metadata=[("traceparent", f"00-{'a' * 32}-{'b' * 16}-01")])
    (span,) = spans.get_finished_spans()
    assert span.name == METHOD.removeprefix("/")
    assert (span.attributes or {})["rpc.response.status_code"] == "OK"
    exemplars = [sample.exemplar for family in telemetry.registry.collect() for sample in family.samples]
    assert [each.labels["trace_id"] for each in exemplars if each is not None] == ["a" * 32]


def test_reflection_describes_the_contract() -> None:
    with running() as channel:
        reflected = ProtoReflectionDescriptorDatabase(channel)
        assert {SERVICE.full_name, "grpc.health.v1.Health"} <= set(reflected.get_services())
        file = reflected.FindFileContainingSymbol(SERVICE.full_name)
        assert file.package == "challenge.v1"


def test_reflection_is_available_under_its_newer_name() -> None:
    with running() as channel:
        reflect: Any = channel.stream_stream(
            f"/{NEWER_REFLECTION}/ServerReflectionInfo",
            ServerReflectionRequest.SerializeToString,
            ServerReflectionResponse.FromString,
        )
        (response,) = reflect(iter([ServerReflectionRequest(list_services="")]), timeout=60)
    assert SERVICE.full_name in {service.name for service in response.list_services_response.service}


def test_a_port_is_not_shared_by_default() -> None:
    first = server_at(0)
    port = first.start()
    with pytest.raises(PortUnavailable, match=f"port {port} is in use: set CHALLENGE_PORT"):
        server_at(port).start()
    first.stop(0)


def test_stopping_waits_for_calls_in_progress_and_accepts_no_new_ones() -> None:
    entered, release = threading.Event(), threading.Event()

    def reply(request: object, context: object) -> bytes:  # noqa: ARG001 - the signature of a method
        entered.set()
        release.wait(60)
        return b""

    server = server_at(0, reply)
    port = server.start()
    with ThreadPoolExecutor(1) as beside, grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        under_way = start(channel, METHOD, timeout=60)
        assert entered.wait(60)
        stopped = beside.submit(server.stop, 60)

        def new_call_fails() -> bool:
            with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as another:
                return code_of(another, METHOD, timeout=1) is grpc.StatusCode.UNAVAILABLE

        wait_until(new_call_fails)
        assert not stopped.done()
        release.set()
        assert under_way.result() == b""
        stopped.result(timeout=60)


def test_stopping_does_not_wait_for_watches() -> None:
    health = Health([SERVICE.full_name])
    server = server_at(0, health=health)
    port = server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: Any = channel.unary_stream("/grpc.health.v1.Health/Watch")
        watch = method(b"", timeout=30)
        next(watch)
        started = unstalled_s()
        health.leave()
        health.end_watches()
        server.stop(20)
        assert unstalled_s() - started < 5
        list(watch)
