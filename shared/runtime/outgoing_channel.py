"""Channels of gRPC on which a process calls others: followed certificates, and the pause that an error asks for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar

import grpc
from google.rpc.error_details_pb2 import RetryInfo  # type: ignore[import-untyped]
from grpc_status import rpc_status

from shared.domain.instant import SECOND, Microseconds
from shared.runtime.file_watch import FileWatch
from shared.runtime.tls_material import TlsMaterial

S = TypeVar("S")

Options = Sequence[tuple[str, int | str]]

_OPTIONS: Options = (
    # Whoever calls retries, later and counted.
    ("grpc.enable_retries", 0),
    # A proxy in the environment (`http_proxy`) is meant for other traffic.
    ("grpc.enable_http_proxy", 0),
)


class OpenChannel(Generic[S]):
    """A channel, its stub, and the number of calls on it."""

    def __init__(self, channel: grpc.Channel, stub: S) -> None:
        self.channel = channel
        self.stub = stub
        self.calls = 0


class OutgoingChannel(Generic[S]):
    """The channel to one target, replaced when its certificates change. Threads share it."""

    def __init__(
        self,
        target: str,
        make_stub: Callable[[grpc.Channel], S],
        *,
        options: Options = (),
        tls: FileWatch[TlsMaterial] | None = None,
    ) -> None:
        """Set up the channel to `target`, a host and port, without connecting yet.

        With `tls` the channel uses TLS, and another one takes its place when the files change.
        """
        self._target = target
        self._make_stub = make_stub
        self._options = (*_OPTIONS, *options)
        self._lock = threading.Lock()
        self._current = self._open(None if tls is None else tls.current)
        if tls is not None:
            tls.on_change(self._replace)

    @contextmanager
    def stub(self) -> Iterator[S]:
        """Yield a stub of the current channel, which stays open while the block runs."""
        used = self.take()
        try:
            yield used.stub
        finally:
            self.release(used)

    def take(self) -> OpenChannel[S]:
        """Return the current channel, which stays open until it is released."""
        with self._lock:
            self._current.calls += 1
            return self._current

    def release(self, used: OpenChannel[S]) -> None:
        """Let go of a channel. The last call on one that was replaced closes it."""
        with self._lock:
            used.calls -= 1
            is_last = used is not self._current and not used.calls
        if is_last:
            used.channel.close()

    def close(self) -> None:
        """Close the channel."""
        self._current.channel.close()

    def _replace(self, material: TlsMaterial) -> None:
        following = self._open(material)
        with self._lock:
            before, self._current = self._current, following
            is_idle = not before.calls
        if is_idle:
            before.channel.close()

    def _open(self, material: TlsMaterial | None) -> OpenChannel[S]:
        if material is None:
            channel = grpc.insecure_channel(self._target, options=self._options)
        else:
            # Channels to one target with equal options would share their connections, whatever certificate they show.
            options = (*self._options, ("grpc.use_local_subchannel_pool", 1))
            channel = grpc.secure_channel(self._target, _credentials(material), options=options)
        return OpenChannel(channel, self._make_stub(channel))


def _credentials(material: TlsMaterial) -> grpc.ChannelCredentials:
    identity = material.identity
    if identity is None:
        return grpc.ssl_channel_credentials(material.authorities)
    return grpc.ssl_channel_credentials(material.authorities, identity.private_key, identity.certificate)


def retry_delay(error: grpc.Call) -> Microseconds:
    """Return the pause requested in the details of an error; 0 if there is none or it is malformed."""
    try:
        status = rpc_status.from_call(error)
    except ValueError:
        return 0
    for packed in status.details if status is not None else ():
        if packed.Is(RetryInfo.DESCRIPTOR):
            delay = RetryInfo.FromString(packed.value).retry_delay
            asked: Microseconds = delay.seconds * SECOND + delay.nanos // 1_000
            return max(0, asked)
    return 0
