"""Array literals survive a round trip through Postgres unchanged."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from shared.postgres.connection import Connection
from shared.postgres.statements import bytes_array, int_array, nullable_int_array, text_array
from tests.support.strategies import texts

bigints = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(texts | st.text(st.sampled_from('"\\{},NUL \n\t'), max_size=8)))
@example([""])
@example(["", ""])
@example(["NULL", "null", "{}", '"', "\\", '\\"', "{a,b}", "'; DROP TABLE player; --", "\U0001f409", " a ", "\u202e"])
def test_texts_survive(connection: Connection, sent: list[str]) -> None:
    row = connection.execute("SELECT $1::text[]", (text_array(sent),)).fetchone()
    assert row == (sent,)


@given(st.lists(st.binary(max_size=16)))
def test_bytes_survive(connection: Connection, sent: list[bytes]) -> None:
    row = connection.execute("SELECT $1::bytea[]", (bytes_array(sent),), binary=True).fetchone()
    assert row == (sent,)


@given(st.lists(bigints))
@example([])
def test_integers_survive(connection: Connection, sent: list[int]) -> None:
    assert connection.execute("SELECT $1::bigint[]", (int_array(sent),)).fetchone() == (sent,)


@given(st.lists(st.none() | bigints))
def test_nulls_survive(connection: Connection, sent: list[int | None]) -> None:
    assert connection.execute("SELECT $1::bigint[]", (nullable_int_array(sent),)).fetchone() == (sent,)
