"""Every error that a call can end in is one of a known few, each with a reason of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from shared.domain import errors
from shared.domain.errors import ChallengeError
from shared.rpc.statuses import CODES
from tests.architecture.imports import ROOT


def vocabulary() -> Iterator[type[ChallengeError]]:
    """All errors, wherever they are defined."""
    waiting = ChallengeError.__subclasses__()
    while waiting:
        error = waiting.pop()
        yield error
        waiting += error.__subclasses__()


# Those that tests define for themselves are not of the vocabulary.
WORDS = sorted(
    (error for error in vocabulary() if not error.__module__.startswith("tests.")), key=lambda error: error.__name__
)


def test_reasons_are_unique() -> None:
    reasons = [error.reason for error in WORDS]
    assert len(set(reasons)) == len(reasons)


@pytest.mark.parametrize("error", WORDS, ids=lambda error: error.__name__)
def test_an_error_has_a_reason_an_explanation_and_a_code(error: type[ChallengeError]) -> None:
    assert "reason" in vars(error)
    assert re.fullmatch(r"[A-Z]+(_[A-Z]+)*", error.reason)
    assert len(error.reason) <= 63  # https://google.aip.dev/193
    assert error.__doc__
    assert error in CODES
    assert error.__module__ == errors.__name__


@pytest.mark.parametrize("error", WORDS, ids=lambda error: error.__name__)
def test_the_contract_explains_every_reason(error: type[ChallengeError]) -> None:
    contract = "".join(path.read_text("utf-8") for path in sorted((ROOT / "protos").rglob("*.proto")))
    assert re.search(rf"\b{error.reason}\b", contract)
