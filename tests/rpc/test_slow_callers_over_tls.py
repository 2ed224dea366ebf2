"""The bounds on callers that send nothing or read nothing hold on a port that speaks TLS, too."""

from __future__ import annotations

import socket
import ssl

import pytest

from shared.rpc import limits
from shared.rpc.tls import server_credentials
from shared.runtime.tls_settings import open_files
from tests.rpc import serving
from tests.rpc.serving import listening

# They run once more here: every server of this module speaks TLS.
from tests.rpc.test_slow_callers import (
    test_a_call_without_a_request_ends_with_a_status_that_the_retry_policy_does_not_repeat as test_bodies_time_out,  # noqa: F401
)
from tests.rpc.test_slow_callers import (
    test_beyond_the_bound_the_greediest_connection_loses_its_longest_waiting_calls as test_greedy_connections,  # noqa: F401
)
from tests.rpc.test_slow_callers import (
    test_calls_without_a_request_hold_no_thread,  # noqa: F401
    test_connections_are_closed_at_their_age_without_failing_a_call,  # noqa: F401
    test_half_sent_large_requests_are_bounded_without_any_new_call,  # noqa: F401
)
from tests.rpc.test_unread_responses import (
    test_a_slow_reader_gets_all_its_responses,  # noqa: F401
    test_calls_that_stay_although_they_were_cancelled_end_their_connection,  # noqa: F401
    test_connections_beyond_their_bytes_are_refused_and_then_ended,  # noqa: F401
    test_unread_responses_are_dropped,  # noqa: F401
)
from tests.support.certificates import Authority
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def over_tls(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    files = authority.files()
    trusting = ssl.create_default_context(cadata=authority.pem.decode())
    trusting.set_alpn_protocols(["h2"])
    credentials = server_credentials(open_files("tls", files.certificate, files.private_key, None))
    monkeypatch.setattr(serving, "TRANSPORT", serving.Transport(credentials, trusting))


def test_a_connection_that_never_ends_its_handshake_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "HANDSHAKE_S", 1)
    monkeypatch.setattr(serving.TRANSPORT, "trusting", None)
    with listening() as port, socket.create_connection(("127.0.0.1", port)) as silent:
        silent.settimeout(0.1)

        def is_closed() -> bool:
            try:
                return silent.recv(1) == b""
            except TimeoutError:
                return False
            except ConnectionResetError:
                return True

        wait_until(is_closed)
