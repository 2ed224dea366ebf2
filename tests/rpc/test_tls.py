"""TLS and mutual TLS on the gRPC port, with certificates that change while it serves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import grpc
import pytest

from shared.rpc.tls import server_credentials
from shared.runtime.file_watch import FileWatch
from shared.runtime.tls_material import TlsMaterial
from shared.runtime.tls_settings import open_files
from tests.rpc import serving
from tests.rpc.serving import METHOD, Transport, code_of, listening
from tests.support.certificates import Authority, Files

OK, UNAVAILABLE = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextmanager
def serving_tls(files: FileWatch[TlsMaterial], monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    monkeypatch.setattr(serving, "TRANSPORT", Transport(server_credentials(files)))
    with listening() as port:
        yield port


def called(port: int, credentials: grpc.ChannelCredentials | None) -> grpc.StatusCode:
    """Return the status of a call on a new connection."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    target = f"127.0.0.1:{port}"
    with (
        grpc.insecure_channel(target, own)
        if credentials is None
        else grpc.secure_channel(target, credentials, own) as channel
    ):
        return code_of(channel, METHOD)


def replaced(watch: FileWatch[TlsMaterial]) -> None:
    """Have changed files taken: two looks must find the same."""
    watch.check()
    watch.check()


def test_only_callers_who_speak_tls_and_trust_the_certificate_are_served(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = authority.files()
    with serving_tls(open_files("tls", files.certificate, files.private_key, None), monkeypatch) as port:
        assert called(port, authority.channel_credentials()) is OK
        assert called(port, Authority(tmp_path).channel_credentials()) is UNAVAILABLE
        assert called(port, None) is UNAVAILABLE


def test_with_mutual_tls_a_caller_needs_a_valid_certificate_by_the_authority(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, backend = authority.files(), authority.files("backend.game")
    foreign = Authority(tmp_path).files("backend.game")
    expired = authority.files("backend.game", expires_in=timedelta(seconds=-1))
    watch = open_files("tls", files.certificate, files.private_key, authority.certificate)
    with serving_tls(watch, monkeypatch) as port:
        assert called(port, authority.channel_credentials(backend)) is OK
        for refused in (None, foreign, expired):
            assert called(port, authority.channel_credentials(refused)) is UNAVAILABLE
        assert called(port, None) is UNAVAILABLE


def test_certificate_key_and_authorities_change_while_it_serves(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, following = authority.files(), Authority(tmp_path)
    accepted = tmp_path / "accepted.pem"
    accepted.write_bytes(authority.pem)
    watch = open_files("tls", files.certificate, files.private_key, accepted)
    old, new = authority.files("backend.game"), following.files("backend.game")

    def both(trusted: Authority, shown: Files) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(trusted.pem, shown.private_key.read_bytes(), shown.certificate.read_bytes())

    with serving_tls(watch, monkeypatch) as port:
        assert called(port, both(authority, old)) is OK
        files.write(following.issue())
        accepted.write_bytes(following.pem)
        replaced(watch)
        assert called(port, both(following, new)) is OK
        assert called(port, both(following, old)) is UNAVAILABLE
        assert called(port, both(authority, old)) is UNAVAILABLE


def test_the_last_good_certificate_serves_while_changed_files_are_refused(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = authority.files()
    watch = open_files("tls", files.certificate, files.private_key, None)
    with serving_tls(watch, monkeypatch) as port:
        for broken in (b"", b"junk", authority.files().private_key.read_bytes()):
            files.private_key.write_bytes(broken)
            replaced(watch)
            assert watch.refused is not None
            assert called(port, authority.channel_credentials()) is OK
        files.write(authority.issue())
        replaced(watch)
        assert watch.refused is None
        assert called(port, authority.channel_credentials()) is OK


def test_rotation_fails_no_call(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    files = authority.files()
    watch = open_files("tls", files.certificate, files.private_key, None)
    codes: list[grpc.StatusCode] = []
    over = threading.Event()
    with serving_tls(watch, monkeypatch) as port:

        def call() -> None:
            while not over.is_set():
                codes.append(called(port, authority.channel_credentials()))

        callers = [threading.Thread(target=call) for _ in range(4)]
        for caller in callers:
            caller.start()
        for _ in range(20):
            before = len(codes)
            files.write(authority.issue())
            replaced(watch)
            assert watch.refused is None
            while len(codes) < before + 8:
                assert all(caller.is_alive() for caller in callers)
        over.set()
        for caller in callers:
            caller.join()
    assert set(codes) == {OK}
