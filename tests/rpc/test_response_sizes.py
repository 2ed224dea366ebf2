"""Sizes of responses, and warnings of those that clients may refuse."""

from __future__ import annotations

from pathlib import Path

import pytest

from admin.__main__ import main
from shared.catalogue.schema import DESCRIPTION_LENGTH_MAX
from shared.domain.catalogue import AMOUNT_MAX
from shared.domain.instant import SECOND
from shared.domain.progress import Assignment, Completion, PlayerView, TallyView
from shared.domain.tally import Measures
from shared.rpc.encoded_catalogue import EncodedCatalogue
from shared.rpc.response_sizes import challenge_size, size_warnings
from tests.catalogue.documents import document, goal, loaded, write_json
from tests.support.sample_catalogue import assigned, sample_catalogue

LAST = 253_402_300_799 * SECOND + SECOND - 1


def test_no_player_makes_a_challenge_larger_than_its_size() -> None:
    catalogue = sample_catalogue()
    goals = catalogue.goals.values()
    measures = Measures(*[AMOUNT_MAX] * len(Measures._fields))
    view = PlayerView(
        {each.stat: TallyView(measures, AMOUNT_MAX) for each in goals},
        {each.id: Assignment(True, LAST) for each in goals},
        {each.id: Completion(LAST, LAST) for each in goals},
    )
    for challenge, message in EncodedCatalogue(catalogue).challenges(catalogue.challenges, view, active_only=False):
        assert 0.8 * challenge_size(challenge) < message.length < challenge_size(challenge)


def test_ordinary_catalogues_have_no_size_warnings() -> None:
    assert list(size_warnings(sample_catalogue())) == []


def test_the_check_warns_of_a_large_challenge_and_of_large_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "x" * DESCRIPTION_LENGTH_MAX
    goals = [assigned(f"goal-{n}", description=text) for n in range(1_800)]
    file = write_json(tmp_path / "catalogue.json", document(*goals, goal("small")))
    assert main(["catalogue", "check", str(file)]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("ok: 1 challenge, 1,801 goals")
    assert err.splitlines() == [f"warning: {warning}" for warning in size_warnings(loaded(document(*goals)))]
    challenge, defaults = err.splitlines()
    assert "challenge 'arena': takes up to 3.7 MiB in a response, more than 3.5 MiB" in challenge
    assert "the goals that are active by default take up to 3.7 MiB" in defaults
