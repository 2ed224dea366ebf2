"""Acceptance of events."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.acceptance import (
    EVENT_ID_LENGTH_MAX,
    ID_LENGTH_MAX,
    AcceptanceWindow,
    attributes_problem,
    id_problem,
    judge,
)
from shared.domain.catalogue import Catalogue
from shared.domain.clock_comparison import Now
from shared.domain.errors import ClocksDiffer
from shared.domain.events import Event, Outcome, Verdict
from shared.domain.goal import AMOUNT_MAX, LOGIN, Source, Stat
from shared.domain.instant import HOUR, SECOND
from tests.support.strategies import KILLS, catalogues, events

NOW = 1_700_000_000_000_000
WINDOW = AcceptanceWindow()
CATALOGUE = Catalogue("declared only", (), frozenset({KILLS.code}))
GOOD = Event("id", "player", NOW, KILLS, delta=1)

FAULTS = [
    (GOOD._replace(event_id=""), "event_id: is required"),
    (GOOD._replace(event_id="x" * 65), "event_id: is longer than 64 characters"),
    (GOOD._replace(event_id="a\0b"), "event_id: contains a control character"),
    (GOOD._replace(user_id=""), "user_id: is required"),
    (GOOD._replace(user_id="x" * 129), "user_id: is longer than 128 characters"),
    (GOOD._replace(user_id="a\nb"), "user_id: contains a control character"),
    (GOOD._replace(user_id="a\x7fb"), "user_id: contains a control character"),
    (GOOD._replace(user_id="a\x9fb"), "user_id: contains a control character"),
    (GOOD._replace(stat=Stat(Source.STAT, "")), "stat_updated.stat_code: is required"),
    (GOOD._replace(stat=Stat(Source.STAT, "x" * 129)), "stat_updated.stat_code: is longer than 128 characters"),
    (GOOD._replace(stat=Stat(Source.STAT, "\t")), "stat_updated.stat_code: contains a control character"),
    (GOOD._replace(delta=None), "stat_updated: delta or value is required"),
    (GOOD._replace(delta=-1), "stat_updated.delta: is not between 0 and 2^40"),
    (GOOD._replace(delta=AMOUNT_MAX + 1), "stat_updated.delta: is not between 0 and 2^40"),
    (GOOD._replace(delta=2**63 - 1), "stat_updated.delta: is not between 0 and 2^40"),
    (GOOD._replace(value=AMOUNT_MAX + 1), "stat_updated.value: is not between -2^40 and 2^40"),
    (GOOD._replace(value=-AMOUNT_MAX - 1), "stat_updated.value: is not between -2^40 and 2^40"),
    (GOOD._replace(time=NOW + 300 * SECOND + 1), "event_time: is more than 300 seconds ahead"),
]

ACCEPTED = [
    GOOD,
    GOOD._replace(event_id="\U0001f409" * EVENT_ID_LENGTH_MAX),
    GOOD._replace(user_id="\U0001f409" * ID_LENGTH_MAX),
    GOOD._replace(user_id="'; DROP TABLE player; -- \"{NULL}\\ :\u202e"),
    GOOD._replace(delta=0),
    GOOD._replace(delta=AMOUNT_MAX),
    GOOD._replace(delta=None, value=AMOUNT_MAX),
    GOOD._replace(delta=None, value=-AMOUNT_MAX),
    GOOD._replace(time=NOW + WINDOW.skew),
    GOOD._replace(time=NOW - WINDOW.horizon),
]


@pytest.mark.parametrize(("event", "reason"), FAULTS, ids=[reason for _, reason in FAULTS])
def test_an_invalid_event_is_refused_naming_the_field(event: Event, reason: str) -> None:
    assert judge(event, CATALOGUE, WINDOW, Now.at(NOW)) == Outcome(Verdict.INVALID, reason=reason)


@pytest.mark.parametrize("event", ACCEPTED, ids=range(len(ACCEPTED)))
def test_an_event_at_the_limits_is_accepted(event: Event) -> None:
    assert judge(event, CATALOGUE, WINDOW, Now.at(NOW)) is None


def test_an_event_before_the_window_is_too_old() -> None:
    outcome = judge(GOOD._replace(time=NOW - 72 * HOUR - 1), CATALOGUE, WINDOW, Now.at(NOW))
    assert outcome == Outcome(Verdict.TOO_OLD, reason="event_time: is more than 72 hours ago")


@given(st.integers(0, 100 * HOUR), st.integers(0, 100 * HOUR), st.integers(-200 * HOUR, 200 * HOUR))
def test_the_window_is_exact_to_the_microsecond(horizon: int, skew: int, offset: int) -> None:
    window = AcceptanceWindow(horizon, skew)
    for age in (-offset, horizon, horizon + 1, -skew, -skew - 1):
        outcome = judge(GOOD._replace(time=NOW - age), CATALOGUE, window, Now.at(NOW))
        verdict = outcome.verdict if outcome is not None else None
        if age > horizon:
            assert verdict is Verdict.TOO_OLD
        elif -age > skew:
            assert verdict is Verdict.INVALID
        else:
            assert verdict is None


@given(catalogues(goals_max=3), events())
def test_an_event_without_a_matching_goal_or_stat_is_reported_as_such(catalogue: Catalogue, event: Event) -> None:
    outcome = judge(event, catalogue, WINDOW, Now.at(event.time))
    assert outcome == (None if event.stat in catalogue.wanted else Outcome(Verdict.NO_MATCHING_GOAL))
    unwatched = None if event.stat == LOGIN else Outcome(Verdict.NO_MATCHING_GOAL)
    assert judge(event, Catalogue("empty", ()), WINDOW, Now.at(event.time)) == unwatched


def test_a_login_needs_no_amount_and_no_matching_goal() -> None:
    login = Event("id", "player", NOW, LOGIN)
    assert judge(login, CATALOGUE, WINDOW, Now.at(NOW)) is None


@given(st.text(max_size=130))
def test_an_id_is_valid_if_and_only_if_it_is_short_and_has_no_control_character(text: str) -> None:
    controls = [character for character in text if ord(character) < 0x20 or 0x7F <= ord(character) <= 0x9F]
    assert (id_problem(text) is None) == (0 < len(text) <= 128 and not controls)


DIFFERENT = Now(NOW - HOUR, NOW + HOUR)
UNCONFIRMED = Now(NOW, NOW, confirmed=False)


@pytest.mark.parametrize("now", [DIFFERENT, UNCONFIRMED], ids=["different clocks", "one clock"])
@pytest.mark.parametrize("time", [NOW + WINDOW.skew + 1, NOW - WINDOW.horizon - 1], ids=["too early", "too late"])
def test_no_verdict_is_given_on_a_time_by_one_clock_alone(now: Now, time: int) -> None:
    with pytest.raises(ClocksDiffer) as refusal:
        judge(GOOD._replace(time=time), CATALOGUE, WINDOW, now)
    assert refusal.value.retry_after_s > 0


@pytest.mark.parametrize(
    ("time", "verdict"),
    [
        (DIFFERENT.latest + WINDOW.skew + 1, Verdict.INVALID),
        (DIFFERENT.earliest - WINDOW.horizon - 1, Verdict.TOO_OLD),
    ],
)
def test_a_verdict_by_both_clocks_stands_although_they_differ(time: int, verdict: Verdict) -> None:
    outcome = judge(GOOD._replace(time=time), CATALOGUE, WINDOW, DIFFERENT)
    assert outcome is not None
    assert outcome.verdict is verdict


@pytest.mark.parametrize("now", [DIFFERENT, UNCONFIRMED], ids=["different clocks", "one clock"])
def test_an_event_that_every_clock_accepts_is_accepted(now: Now) -> None:
    assert judge(GOOD._replace(time=now.earliest), CATALOGUE, WINDOW, now) is None


def test_other_faults_need_no_clock() -> None:
    outcome = judge(GOOD._replace(event_id="", time=0), CATALOGUE, WINDOW, UNCONFIRMED)
    assert outcome == Outcome(Verdict.INVALID, reason="event_id: is required")


def test_faulty_attributes_are_not_remembered() -> None:
    tracemalloc.start()
    for number in range(200):
        assert attributes_problem({"map": f"{number:0>100000}"}) == "attributes['map']: is longer than 128 characters"
        assert attributes_problem({f"{number:0>100000}": "dust"}) is not None
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000
