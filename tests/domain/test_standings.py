"""Standings merge in any order, and each completion counts in all of its scopes."""

from __future__ import annotations

from copy import deepcopy

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.instant import DAY, LIFETIME_START, SECOND
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY, WEEKLY
from shared.domain.standings import (
    EVERYTHING,
    CompletionRecord,
    Scope,
    ScopeKind,
    Standing,
    StandingKey,
    add_up,
    adjustment_parts,
    claim_parts,
    completion_parts,
)
from tests.support.strategies import standings

NOON = 20_000 * DAY + DAY // 2
LIFETIME_OF_ALL = StandingKey("player", LIFETIME.text, LIFETIME_START, ScopeKind.ALL, "")
RECORD = CompletionRecord(NOON, "arena", ("pvp",), points=5, active_since=NOON - SECOND)


def merged(one: Standing, other: Standing) -> Standing:
    total = deepcopy(one)
    total.merge(other)
    return total


@given(standings, standings, standings)
def test_standings_merge_in_any_order_and_grouping(one: Standing, two: Standing, three: Standing) -> None:
    assert merged(one, two) == merged(two, one)
    assert merged(one, Standing()) == one
    if abs(one.points) + abs(two.points) + abs(three.points) < 2**62:  # a saturated sum loses information
        assert merged(merged(one, two), three) == merged(one, merged(two, three))


def test_a_completion_counts_in_every_scope_of_its_goal() -> None:
    counted = add_up(completion_parts("player", RECORD, {}))
    lifetime = {(key.scope, key.scope_id) for key in counted if key.schedule == LIFETIME.text}
    assert lifetime == {(ScopeKind.ALL, ""), (ScopeKind.CHALLENGE, "arena"), (ScopeKind.TAG, "pvp")}
    assert all(standing == Standing(1, 0, 5, NOON, SECOND, 1) for standing in counted.values())


def test_a_completion_counts_for_its_day_and_for_leaderboard_periods() -> None:
    tag = Scope(ScopeKind.TAG, "pvp")
    counted = add_up(completion_parts("player", RECORD, {tag: {WEEKLY}, Scope(ScopeKind.TAG, "pve"): {DAILY}}))
    periods = {(key.schedule, key.scope) for key in counted if key.schedule != LIFETIME.text}
    assert periods == {(DAILY.text, ScopeKind.ALL), (WEEKLY.text, ScopeKind.TAG)}


def test_a_completion_without_an_instant_counts_for_the_lifetime_only() -> None:
    counted = add_up(completion_parts("player", RECORD._replace(complete_time=None), {EVERYTHING: {WEEKLY}}))
    assert {key.schedule for key in counted} == {LIFETIME.text}
    assert counted[LIFETIME_OF_ALL] == Standing(1, 0, 5, None, None, 1)


def test_an_event_older_than_the_activation_sets_no_fastest_completion() -> None:
    counted = add_up(completion_parts("player", RECORD._replace(active_since=NOON + SECOND), {}))
    assert counted[LIFETIME_OF_ALL].fastest is None


def test_a_refunded_claim_leaves_nothing() -> None:
    claim = [
        *claim_parts("player", "arena", ("pvp",), NOON),
        *claim_parts("player", "arena", ("pvp",), NOON, number=-1),
    ]
    assert all(standing == Standing() for standing in add_up(claim).values())


@given(st.integers(-(2**40), 2**40))
def test_an_adjustment_belongs_to_no_challenge_and_no_tag(points: int) -> None:
    counted = add_up(adjustment_parts("player", points, NOON, {EVERYTHING: {MONTHLY}}))
    assert {key.scope for key in counted} == {ScopeKind.ALL}
    assert {key.schedule for key in counted} == {LIFETIME.text, DAILY.text, MONTHLY.text}
    assert {standing.points for standing in counted.values()} == {points}
