"""A service that speaks TLS: started from its settings, called by a caller of another make, renewed while it runs."""

from __future__ import annotations

import json
import signal
import subprocess
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from prometheus_client.parser import text_string_to_metric_families

from devstack.ports import LOOPBACK
from devstack.run import find_tool
from tests.support.certificates import Authority
from tests.support.service_process import DEMO, EITHER_SERVICE, PROJECT, SERVING_S, ServiceProcess, run_to_the_end
from tests.support.waiting import wait_until

REFUSED = 2
WATCHED_S = 30.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def checked(service: ServiceProcess, credentials: grpc.ChannelCredentials) -> bool:
    """Return whether the service is SERVING, as asked over a new connection."""
    target, own = f"{LOOPBACK}:{service.port}", [("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(target, credentials, own) as channel:
        check: grpc.UnaryUnaryMultiCallable[HealthCheckRequest, HealthCheckResponse] = channel.unary_unary(
            "/grpc.health.v1.Health/Check", HealthCheckRequest.SerializeToString, HealthCheckResponse.FromString
        )
        try:
            return check(HealthCheckRequest(), timeout=5).status == HealthCheckResponse.SERVING
        except grpc.RpcError:
            return False


def metric(service: ServiceProcess, name: str) -> float:
    port = service.wait_for("started")["metrics_port"]
    with urlopen(f"http://{LOOPBACK}:{port}/metrics") as page:
        text = page.read().decode()
    return next(family.samples[0].value for family in text_string_to_metric_families(text) if family.name == name)


@pytest.mark.parametrize("module", [*EITHER_SERVICE, "reward_dispatcher"])
def test_a_certificate_is_renewed_while_a_service_runs(module: str, database_url: str, authority: Authority) -> None:
    files, backend = authority.files(), authority.files("backend.game")
    settings = {
        "TLS_CERTIFICATE": str(files.certificate),
        "TLS_PRIVATE_KEY": str(files.private_key),
        "TLS_CLIENT_CA": str(authority.certificate),
    }
    with ServiceProcess(module, database_url, **settings) as service:
        wait_until(lambda: checked(service, authority.channel_credentials(backend)), SERVING_S)
        assert not checked(service, authority.channel_credentials())
        expiry = metric(service, "tls_certificate_expiry_timestamp_seconds")

        files.certificate.write_bytes(b"")
        wait_until(lambda: metric(service, "tls_files_refused") == 1, WATCHED_S)
        (refused,) = service.logged("files refused: the last good ones stay in use")
        assert refused["files"] == "TLS_CERTIFICATE"
        assert "certificate cannot be read as PEM" in refused["reason"]
        assert checked(service, authority.channel_credentials(backend))

        files.write(authority.issue("localhost", LOOPBACK, expires_in=timedelta(days=30)))
        service.signal(signal.SIGHUP)
        wait_until(lambda: metric(service, "tls_files_refused") == 0, WATCHED_S)
        assert metric(service, "tls_certificate_expiry_timestamp_seconds") > expiry + 86_400
        assert checked(service, authority.channel_credentials(backend))
        service.stop()
    assert "PRIVATE KEY" not in json.dumps(service.logs)
    # gRPC's core would log every failed handshake.
    assert service.other_lines == []


def test_buf_curl_calls_over_mutual_tls(database_url: str, authority: Authority) -> None:
    files, backend, buf = authority.files(), authority.files("backend.game"), find_tool("buf")
    assert buf is not None
    settings = {
        "TLS_CERTIFICATE": str(files.certificate),
        "TLS_PRIVATE_KEY": str(files.private_key),
        "TLS_CLIENT_CA": str(authority.certificate),
    }
    with ServiceProcess("challenge_service", database_url, **settings) as service:
        wait_until(lambda: checked(service, authority.channel_credentials(backend)), SERVING_S)
        shown = [f"--cacert={authority.certificate}", f"--cert={backend.certificate}", f"--key={backend.private_key}"]
        url = f"https://localhost:{service.port}/challenge.v1.ChallengeService/InitializePlayer"
        called = subprocess.run(
            [buf, "curl", "--protocol", "grpc", *shown, "-d", '{"user_id": "zoe"}', url],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert called.returncode == 0, called.stderr
        assert json.loads(called.stdout)["created"]


def test_settings_of_tls_that_are_incomplete_are_reported_together(authority: Authority) -> None:
    ended = run_to_the_end(
        "challenge_service",
        DATABASE_URL="postgresql://nobody@127.0.0.1:1/nothing",
        CATALOGUE=str(DEMO),
        TLS_CLIENT_CA=str(authority.certificate),
        TLS_PRIVATE_KEY="key.pem",
        REWARD_GRPC_CERTIFICATE="certificate.pem",
    )
    assert ended.returncode == REFUSED
    assert ended.stderr.splitlines() == [
        "TLS_PRIVATE_KEY is set, so TLS_CERTIFICATE must be, too",
        "TLS_CLIENT_CA is set, so TLS_CERTIFICATE must be, too",
        "REWARD_GRPC_CERTIFICATE is set, so REWARD_GRPC_PRIVATE_KEY must be, too",
        "REWARD_GRPC_CERTIFICATE is set, so REWARD_GRPC_TLS must be, too",
    ]


def test_a_provider_with_tls_has_a_name_that_its_certificate_is_for(database_url: str) -> None:
    ended = run_to_the_end(
        "challenge_service",
        DATABASE_URL=database_url,
        CATALOGUE=str(DEMO),
        REWARD_GRPC_TLS="true",
        REWARD_GRPC_TARGET="ipv4:10.0.0.1:50060,10.0.0.2:50060",
    )
    assert ended.returncode == REFUSED
    assert "REWARD_GRPC_TARGET lists addresses, and a certificate is for one host" in ended.stderr


def test_a_certificate_that_cannot_serve_keeps_a_service_from_starting(authority: Authority, database_url: str) -> None:
    files = authority.files()
    ended = run_to_the_end(
        "event_handler",
        DATABASE_URL=database_url,
        CATALOGUE=str(DEMO),
        EVENT_PORT="0",
        EVENT_METRICS_PORT="0",
        TLS_CERTIFICATE=str(files.certificate),
        TLS_PRIVATE_KEY=str(authority.files().private_key),
    )
    assert ended.returncode == REFUSED
    assert "TLS_CERTIFICATE: the private key does not belong to the certificate" in ended.stderr
    assert "Traceback" not in ended.stderr
