"""Files that are followed: what is taken, what is refused, and what stays in use."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.file_watch import FILE_BYTES_MAX, FileRefused, FileWatch, read_small
from shared.runtime.start_refused import StartRefused
from shared.runtime.tls_settings import open_files
from tests.support.certificates import Authority, Files
from tests.support.scratch_folder import scratch_folder

BROKEN = b"broken"


def load(contents: Sequence[bytes]) -> bytes:
    if contents[0] == BROKEN:
        raise FileRefused("it is broken")
    return contents[0]


@given(st.lists(st.sampled_from([b"a", b"b", BROKEN, None])))
def test_content_that_two_looks_found_and_that_is_good_is_in_use(found: Sequence[bytes | None]) -> None:
    with scratch_folder() as folder:
        path = folder / "file"
        path.write_bytes(b"a")
        watch = FileWatch("file", [path], load)
        taken: list[bytes] = []
        watch.on_change(taken.append)
        in_use, refused, before = b"a", False, b"a"
        for contents in found:
            if contents is None:
                path.unlink(missing_ok=True)
            else:
                path.write_bytes(contents)
            watch.check()
            if contents == before:
                refused = contents in (BROKEN, None)
                in_use = in_use if refused or contents is None else contents
            before = contents  # type: ignore[assignment]
            assert watch.current == in_use
            assert (watch.refused is not None) == refused
        assert all(one != other for one, other in zip([b"a", *taken], taken, strict=False))


def test_a_requested_reload_needs_no_second_look(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"a")
    watch = FileWatch("file", [path], load)
    path.write_bytes(b"b")
    watch.reload()
    watch.check()
    assert watch.current == b"b"


def test_a_file_that_cannot_be_read_is_refused_with_its_path(tmp_path: Path) -> None:
    fifo, large = tmp_path / "fifo", tmp_path / "large"
    os.mkfifo(fifo)
    large.write_bytes(bytes(FILE_BYTES_MAX + 1))
    for path, reason in (
        (tmp_path / "none", "cannot be read: No such file"),
        (tmp_path, "is not a regular file|cannot be read: Is a directory"),
        (fifo, "is not a regular file"),
        (large, "has more than 1024 KiB"),
    ):
        with pytest.raises(FileRefused, match=f"^{path} ({reason})"):
            read_small(path)


def _swapped(files: Files, authority: Authority) -> None:
    files.private_key.write_bytes(authority.issue().private_key_pem.bytes())


def _expired(files: Files, authority: Authority) -> None:
    files.write(authority.issue(expires_in=timedelta(seconds=-1)))


def _early(files: Files, authority: Authority) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    files.write(authority.ca.issue_cert("localhost", not_before=later, not_after=later + timedelta(hours=1)))


def _encrypted(files: Files, authority: Authority) -> None:  # noqa: ARG001 - as the others
    key = serialization.load_pem_private_key(files.private_key.read_bytes(), None)
    secret = serialization.BestAvailableEncryption(b"secret")
    files.private_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
    )


def _ed25519(files: Files, authority: Authority) -> None:  # noqa: ARG001 - as the others
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.private_key.write_bytes(ed25519.Ed25519PrivateKey.generate().private_bytes(*plain))


def _no_key(files: Files, authority: Authority) -> None:  # noqa: ARG001 - as the others
    files.private_key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")


def _no_certificate(files: Files, authority: Authority) -> None:  # noqa: ARG001 - as the others
    files.certificate.write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_swapped, "the private key does not belong to the certificate"),
        (_expired, "a certificate expired at"),
        (_early, "a certificate is valid only from"),
        (_encrypted, "the private key is encrypted"),
        (_ed25519, "the private key is of a kind that gRPC does not use"),
        (_no_key, "the private key is not a key in PEM"),
        (_no_certificate, "the certificate cannot be read as PEM"),
    ],
)
def test_certificates_that_could_not_serve_are_refused(
    damage: Callable[[Files, Authority], None], reason: str, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    files = authority.files()
    damage(files, authority)
    with pytest.raises(StartRefused, match=f"^TLS_CERTIFICATE: {reason}"):
        open_files("TLS_CERTIFICATE", files.certificate, files.private_key, None)
