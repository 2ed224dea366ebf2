"""Conversions between Python lists and Postgres arrays.

A statement over UNNEST takes one array per column. psycopg dumps a list item by item at 1.2 µs each. One join over the
whole column takes 0.01 to 0.17 µs per item: 2 ms instead of 18 for a batch of 1,000 events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any


def text_array(texts: Sequence[str]) -> str:
    r"""Return the literal of a `text[]`, `bytea[]` (items in hex, prefixed with `\x`) or multirange array."""
    if not texts:
        return "{}"
    joined = "".join(texts)
    if '"' in joined or "\\" in joined:
        texts = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return '{"' + '","'.join(texts) + '"}'


def int_array(numbers: Iterable[int]) -> str:
    """Return the literal of an `integer[]` or `bigint[]`."""
    return "{" + ",".join(map(str, numbers)) + "}"


def nullable_int_array(numbers: Iterable[int | None]) -> str:
    """Return the literal of an `integer[]` or `bigint[]` with nulls."""
    return "{" + ",".join(["NULL" if number is None else str(number) for number in numbers]) + "}"


def nullable_text_array(texts: Sequence[str | None]) -> str:
    """Return the literal of a `text[]` with nulls."""
    if None not in texts:
        return text_array([text for text in texts if text is not None])
    return "{" + ",".join(["NULL" if text is None else text_array([text])[1:-1] for text in texts]) + "}"


def filled(columns: Iterable[Sequence[Any] | None]) -> list[Sequence[Any]]:
    """Return aggregated columns as sequences: all of them are null if there was no row."""
    return [column or () for column in columns]
