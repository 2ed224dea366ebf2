"""Every field of every request of the challenge service, with the values that must be refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass

from challenge_service.__main__ import CONTRACT, LEADERBOARD_CONTRACT, STATISTICS_CONTRACT
from shared.rpc.request_limits import RequestParser
from tests.challenge_service.bad_requests import BAD, INVALID_ARGUMENT, VALID, Bad
from tests.support.contract_fields import request_fields
from tests.support.database_contents import Contents, contents_reader
from tests.support.refusals import refusal
from tests.support.services import Game


@pytest.fixture(scope="module")
def read_contents(rewarded_game: Game) -> Iterator[Callable[[], Contents]]:
    with contents_reader(rewarded_game.database_url) as read:
        yield read


def call(running: Game, message: str, **changes: Any) -> object:
    """Call the RPC of this request type with a valid request, except for the changes."""
    stubs = {
        CONTRACT: running.challenges,
        STATISTICS_CONTRACT: running.statistics,
        LEADERBOARD_CONTRACT: running.leaderboards,
    }
    method, stub = next(
        (method, stub)
        for service, stub in stubs.items()
        for method in service.methods
        if method.input_type.name == message
    )
    request = GetMessageClass(method.input_type)(**{**VALID[message], **changes})
    return getattr(stub, method.name)(request)


def bytes_max(message: str) -> int:
    """Return the maximum size of a request of this type."""
    methods = (
        method for service in (CONTRACT, STATISTICS_CONTRACT, LEADERBOARD_CONTRACT) for method in service.methods
    )
    return next(RequestParser(method).bytes_max for method in methods if method.input_type.name == message)


def test_the_table_has_every_field_of_every_request() -> None:
    contracts = (CONTRACT, STATISTICS_CONTRACT, LEADERBOARD_CONTRACT)
    assert set(BAD) == set().union(*map(request_fields, contracts))


@pytest.mark.parametrize(
    ("path", "bad"),
    [
        pytest.param(path, bad, id=f"{path}, {bad.problem}".encode("ascii", "replace").decode())
        for path, cases in BAD.items()
        for bad in cases
    ],
)
def test_bad_input_is_refused_with_its_field_and_nothing_is_written(
    rewarded_game: Game, read_contents: Callable[[], Contents], path: str, bad: Bad
) -> None:
    message, field = path.split(".")
    before = read_contents()
    refused = refusal(lambda: call(rewarded_game, message, **{field: bad.value}))
    assert (refused.code, refused.reason) == (bad.code, bad.reason)
    if bad.code is INVALID_ARGUMENT:
        texts = [bad.value] if isinstance(bad.value, str) else bad.value if isinstance(bad.value, list) else []
        too_large = sum(len(text) for text in texts if isinstance(text, str)) > bytes_max(message)
        assert set(refused.fields) == {"request" if too_large else bad.violation or field}
    assert read_contents() == before
