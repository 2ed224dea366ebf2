"""Postgres by `sslmode=verify-full` and Redis by `rediss://`: encrypted, and only with the right certificate."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

import pytest
from challenge.v1.challenge_service_pb2 import ListChallengesRequest

from devstack.ports import LOOPBACK
from shared.postgres.schema_wait import SchemaBehind, wait_until_migrated
from tests.support.certificates import Authority
from tests.support.postgres_tls import tls_before
from tests.support.reserved_port import ReservedPort
from tests.support.service_process import serving
from tests.support.waiting import wait_until

SETTING = "TEST_REDIS_WITH_TLS"
"""Variable with the path of a Redis or Valkey server that speaks TLS; the embedded one does not."""
PROGRAMS = ("valkey-server", "redis-server")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Return an authority that has issued none of the certificates."""
    return Authority(tmp_path_factory.mktemp("stranger"))


@pytest.fixture
def encrypted_url(database_url: str, authority: Authority) -> Iterator[str]:
    """Yield the address of a migrated database that is reached by TLS only, with a certificate for its address."""
    with tls_before(database_url, authority.files(LOOPBACK)) as url:
        yield url


def verified(url: str, authority: Authority) -> str:
    """Return the address with the verification of the server by an authority."""
    return f"{url}?sslmode=verify-full&sslrootcert={authority.certificate}"


def test_services_verify_postgres(encrypted_url: str, authority: Authority) -> None:
    with serving("challenge_service", verified(encrypted_url, authority)) as service:
        assert service.challenges.ListChallenges(ListChallengesRequest(user_id="zoe"), timeout=60).challenges


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [("authority", "certificate verify failed"), ("name", "does not match host name"), ("none", "server closed")],
)
def test_another_postgres_is_refused_with_the_reason(
    encrypted_url: str, authority: Authority, stranger: Authority, wrong: str, reason: str
) -> None:
    url = {
        "authority": verified(encrypted_url, stranger),
        "name": verified(encrypted_url, authority).replace(f"@{LOOPBACK}:", "@localhost:"),
        "none": f"{encrypted_url}?sslmode=disable",
    }[wrong]
    with pytest.raises(SchemaBehind, match=reason):
        wait_until_migrated(url, 1)


def redis_program() -> str | None:
    """Return a Redis or Valkey server with TLS; None if there is none."""
    return os.environ.get(SETTING) or next(filter(None, map(shutil.which, PROGRAMS)), None)


@pytest.fixture
def encrypted_redis(authority: Authority) -> Iterator[str]:
    """Yield the address of a Redis that speaks TLS only, without the authority."""
    program = redis_program()
    if program is None:
        pytest.skip(f"none of {', '.join(PROGRAMS)} is on PATH, nor one at {SETTING}")
    port, certificate = ReservedPort(), authority.files(LOOPBACK)
    with tempfile.TemporaryDirectory() as folder:
        files = ["--tls-cert-file", str(certificate.certificate), "--tls-key-file", str(certificate.private_key)]
        trust = ["--tls-ca-cert-file", str(authority.certificate), "--tls-auth-clients", "no"]
        ports = ["--bind", LOOPBACK, "--port", "0", "--tls-port", str(port.number)]
        command = [program, *ports, *files, *trust, "--save", "", "--requirepass", "secret", "--dir", folder]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            yield f"rediss://:secret@{LOOPBACK}:{port.number}/0"
        finally:
            process.kill()
            process.wait()
            port.close()


def test_services_verify_redis(encrypted_redis: str, database_url: str, authority: Authority) -> None:
    url = f"{encrypted_redis}?ssl_ca_certs={authority.certificate}"
    with serving("challenge_service", database_url, REDIS_URL=url) as service:
        wait_until(lambda: service.health("redis") == "SERVING", 60)


def test_another_redis_is_not_used(encrypted_redis: str, database_url: str, stranger: Authority) -> None:
    for url in (
        f"{encrypted_redis}?ssl_ca_certs={stranger.certificate}",
        encrypted_redis.replace("rediss:", "redis:"),
    ):
        with serving("challenge_service", database_url, REDIS_URL=url) as service:
            wait_until(lambda: service.logged("probe failing"), 60)
            assert service.health("redis") == "NOT_SERVING"
            # Every call is served without Redis.
            request = ListChallengesRequest(user_id="zoe")
            assert service.challenges.ListChallenges(request, timeout=60).challenges
