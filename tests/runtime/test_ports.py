"""Ports that are in use, shared, or in TIME_WAIT."""

from __future__ import annotations

import socket

import pytest

from shared.runtime.ports import Endpoint, listening_host, require_free, reserve
from shared.runtime.start_refused import PortUnavailable


def endpoint(port: int = 0) -> Endpoint:
    return Endpoint("127.0.0.1", port, setting="TINY_PORT")


def linger(*options: int) -> int:
    """Return a port on which a closed connection of a former server lingers in TIME_WAIT."""
    with socket.socket() as server:
        for option in options:
            server.setsockopt(socket.SOL_SOCKET, option, 1)
        server.bind(("127.0.0.1", 0))
        server.listen()
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            server.accept()[0].close()
        return port


def test_a_reserved_port_is_in_use_before_anything_listens_on_it() -> None:
    held, shared = reserve(endpoint())
    with held:
        with pytest.raises(PortUnavailable, match=f"port {shared.port} is in use: set TINY_PORT"):
            require_free(endpoint(shared.port))
        with pytest.raises(PortUnavailable):
            reserve(endpoint(shared.port))
    require_free(endpoint(shared.port))


def test_workers_listen_on_a_reserved_port() -> None:
    held, shared = reserve(endpoint())
    address = (shared.host, shared.port)
    with held, socket.create_server(address, reuse_port=True), socket.create_server(address, reuse_port=True):
        assert shared.shared


@pytest.mark.parametrize(
    "options",
    [(socket.SO_REUSEADDR,), (socket.SO_REUSEADDR, socket.SO_REUSEPORT)],
    ids=["after one worker", "after several"],
)
def test_connections_in_time_wait_do_not_make_the_port_busy(options: tuple[int, ...]) -> None:
    port = linger(*options)
    require_free(endpoint(port))
    held, _ = reserve(endpoint(port))
    held.close()


def test_an_ipv6_address_is_written_in_brackets() -> None:
    assert str(Endpoint("::1", 50051, setting="")) == "[::1]:50051"


@pytest.mark.parametrize(("text", "shown"), [("[::1]", "[::1]:0"), ("::1", "[::1]:0"), ("*", "0.0.0.0:0")])
def test_brackets_and_wildcards_in_addresses_are_accepted(text: str, shown: str) -> None:
    listened = Endpoint(listening_host(text), 0, setting="TINY_PORT")
    require_free(listened)
    assert str(listened) == shown


def test_an_address_of_another_machine_is_refused_with_the_cause() -> None:
    with pytest.raises(
        PortUnavailable, match=r"cannot listen on 192\.0\.2\.1:4000: Cannot assign .*: set BIND_ADDRESS"
    ):
        require_free(Endpoint("192.0.2.1", 4_000, setting="TINY_PORT"))
