"""A tally is a commutative monoid: the order and grouping of events do not matter."""

from __future__ import annotations

import random
from copy import deepcopy
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from shared.domain.events import Event
from shared.domain.goal import AMOUNT_MAX, LOGIN, Counting, Stat
from shared.domain.instant import DAY
from shared.domain.player_zones import NO_ZONES, SINCE_EVER, NamedZone
from shared.domain.recurrence import Every, Recurrence
from shared.domain.schedules import DAILY, LIFETIME, MONTHLY, Schedule
from shared.domain.tally import SUM_MAX, Tally, TallyKey, fold
from shared.domain.windows import Window
from tests.support.strategies import FIRST_DAY, KILLS, LOGIN_STAT, QUOTED, STATS, events, tallies

PARIS = Schedule(Recurrence(Every.WEEK, 5 * 60, "Europe/Paris"))
BY_PLAYER = Schedule(Recurrence(Every.DAY, by_player=True))
WEEKENDS = Schedule(Recurrence(Every.WEEK), window=Window(weekdays=(5, 6)))


def merged(*parts: Tally) -> Tally:
    """Return the tallies merged in order, starting with an empty one."""
    total = Tally()
    for part in parts:
        total.merge(deepcopy(part))
    return total


@given(tallies)
def test_the_empty_tally_is_the_identity(tally: Tally) -> None:
    with_nothing = deepcopy(tally)
    with_nothing.merge(Tally())
    assert merged(tally) == tally
    assert with_nothing == tally


@given(tallies, tallies)
def test_merging_is_commutative(one: Tally, other: Tally) -> None:
    assert merged(one, other) == merged(other, one)


@given(tallies, tallies, tallies)
def test_merging_is_associative(one: Tally, two: Tally, three: Tally) -> None:
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


@given(
    st.lists(events(user_ids=("ann", "bob")), max_size=20),
    st.sets(st.sampled_from(STATS)),
    st.lists(st.integers(0, 20)),
    st.randoms(use_true_random=False),
)
def test_events_fold_to_the_same_tallies_in_any_order_and_grouping(
    reported: list[Event], day_counted: set[Stat], cuts: list[int], chance: random.Random
) -> None:
    shuffled = list(reported)
    chance.shuffle(shuffled)
    portions: dict[TallyKey, Tally] = {}
    bounds = [0, *sorted(cuts), len(shuffled)]
    for start, end in pairwise(bounds):
        for key, tally in fold(shuffled[start:end], day_counted).items():
            portions[key] = merged(portions.get(key, Tally()), tally)
    assert portions == fold(reported, day_counted)


@given(st.lists(events(), max_size=12))
def test_the_measures_of_a_tally_match_its_events(reported: list[Event]) -> None:
    of_kills = [event for event in reported if event.stat == KILLS]
    tally = fold(reported, [KILLS]).get(TallyKey("player", KILLS), Tally())
    values = [event.value for event in of_kills if event.value is not None]
    assert tally.sum == sum(event.delta or 0 for event in of_kills)
    assert tally.events == len(of_kills)
    assert tally.highest == max(values, default=None)
    assert tally.days == {event.day for event in of_kills}
    newest = max(((event.time, event.value) for event in of_kills if event.value is not None), default=(None, None))
    assert (tally.latest_time, tally.latest) == newest


@given(tallies, tallies, st.sampled_from(Counting), st.integers(1, AMOUNT_MAX))
def test_a_reached_target_stays_reached(tally: Tally, added: Tally, counting: Counting, target: int) -> None:
    # A tally that counts growth is a stat's own, and is merged only with such.
    assume((tally.lowest_opening is None) == (added.lowest_opening is None))
    reached = tally.measures.judged_by(counting) >= target
    tally.merge(added)
    assert tally.measures.judged_by(counting) >= target or not reached


@given(tallies, st.integers(0, AMOUNT_MAX))
def test_a_sum_saturates_at_its_maximum(tally: Tally, delta: int) -> None:
    expected = min(tally.sum + delta, SUM_MAX)
    tally.add(Event("id", "player", 0, KILLS, delta=delta), by_day=False)
    assert tally.sum == expected <= SUM_MAX


def test_a_saturated_sum_does_not_change() -> None:
    full = Tally(sum=SUM_MAX, events=1)
    full.merge(Tally(sum=SUM_MAX, events=1))
    assert full.sum == SUM_MAX


def test_a_login_does_not_move_a_stat_of_the_same_name() -> None:
    login = Event("1", "player", FIRST_DAY * DAY, LOGIN)
    stat = Event("2", "player", FIRST_DAY * DAY, LOGIN_STAT, delta=5)
    folded = fold([login, stat], day_counted=())
    assert folded[TallyKey("player", LOGIN)] == Tally(events=1, events_time=FIRST_DAY * DAY)
    assert folded[TallyKey("player", LOGIN_STAT)] == Tally(
        sum=5, events=1, sum_time=FIRST_DAY * DAY, events_time=FIRST_DAY * DAY
    )


def test_days_are_kept_only_for_day_counted_stats() -> None:
    login = Event("1", "player", FIRST_DAY * DAY, LOGIN)
    assert fold([login], day_counted=())[TallyKey("player", LOGIN)].days == set()
    assert fold([login], day_counted=[LOGIN])[TallyKey("player", LOGIN)].days == {FIRST_DAY}


def test_a_day_ends_at_midnight_utc_to_the_microsecond() -> None:
    last = Event("1", "player", (FIRST_DAY + 1) * DAY - 1, LOGIN)
    first = Event("2", "player", (FIRST_DAY + 1) * DAY, LOGIN)
    assert fold([last, first], [LOGIN])[TallyKey("player", LOGIN)].days == {FIRST_DAY, FIRST_DAY + 1}


def test_the_greater_of_two_values_at_one_instant_is_the_latest() -> None:
    tied = [Event("1", "player", 5, KILLS, value=7), Event("2", "player", 5, KILLS, value=3)]
    for order in (tied, tied[::-1]):
        assert fold(order, ())[TallyKey("player", KILLS)].latest == 7


@given(st.lists(events(("ann", "bob")), max_size=12), st.sets(st.sampled_from(STATS)))
def test_each_event_adds_to_the_lifetime_and_to_the_periods_of_its_time(
    reported: list[Event], day_counted: set[Stat]
) -> None:
    zones = {"ann": (NamedZone(SINCE_EVER, "Asia/Tokyo"),)}
    schedules = {KILLS: (DAILY, MONTHLY, BY_PLAYER), QUOTED: (PARIS,), LOGIN: (DAILY, PARIS, WEEKENDS)}
    expected: dict[TallyKey, Tally] = {}
    for event in reported:
        for schedule in (LIFETIME, *schedules.get(event.stat, ())):
            period = schedule.of_player(zones.get(event.user_id, NO_ZONES)).period_at(event.time)
            if period is not None:
                key = TallyKey(event.user_id, event.stat, schedule.text, period.start)
                expected.setdefault(key, Tally()).add(event, event.stat in day_counted, schedule)
    folded = fold(reported, day_counted, schedules, zones)
    assert folded == expected
    assert list(folded) == sorted(folded)
