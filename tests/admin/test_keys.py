"""`python -m admin keys`."""

from __future__ import annotations

import pytest

from shared.callers.callers_file import read_callers
from shared.callers.live_callers import LiveCallers
from shared.domain.access import Caller, Credentials, Role
from tests.admin.site import admin


def test_a_new_key_is_printed_with_its_entry(capsys: pytest.CaptureFixture[str]) -> None:
    roles = ("--role", "events:write", "--role", "operate")
    keys = set()
    for _ in range(2):
        assert admin("keys", "new", "game-backend", *roles) == 0
        printed = capsys.readouterr().out
        key = printed.splitlines()[0].rpartition(" ")[2]
        callers = LiveCallers(read_callers([printed.encode()]))
        judged = callers.judge(Credentials([f"Bearer {key}"], (), "peer"))
        assert judged == Caller("game-backend", frozenset({Role.EVENTS_WRITE, Role.OPERATE}))
        keys.add(key)
    assert len(keys) == 2


@pytest.mark.parametrize(
    "arguments",
    [("backend",), ("backend", "--role", "root"), ('a"b', "--role", "operate"), ("", "--role", "operate")],
)
def test_a_name_or_role_that_the_file_would_not_take_is_refused(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        admin("keys", "new", *arguments)
    assert left.value.code == 2
    assert "chk_" not in capsys.readouterr().out
