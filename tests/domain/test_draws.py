"""Draws: shares follow the weights, periods are independent, and a turn comes once in a cycle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import product
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.draws import WEIGHT_MAX, PeriodDraw, Weighted, ranked, seed_id, seed_of

_Drawn = TypeVar("_Drawn")

SECRET = b"0123456789abcdef0123456789abcdef"
PLAYERS = 100_000
WEIGHTS = {"a": 1, "b": 1, "c": 2, "d": 3, "e": 5}
TOTAL = sum(WEIGHTS.values())
ITEMS = [Weighted(*item) for item in WEIGHTS.items()]
PAIRS = {
    (first, second): WEIGHTS[first] / TOTAL * WEIGHTS[second] / (TOTAL - WEIGHTS[first])
    for first, second in product(WEIGHTS, repeat=2)
    if first != second
}
"""Probabilities of the first two of a weighted draw without replacement."""

items = st.lists(
    st.builds(Weighted, st.text(min_size=1, max_size=8), st.integers(1, WEIGHT_MAX)),
    min_size=1,
    max_size=12,
    unique_by=lambda item: item.id,
)
weights = st.lists(st.integers(1, WEIGHT_MAX), min_size=1, max_size=12)
seeds = st.integers(0, 10_000).map(lambda number: seed_of(SECRET, number))


def drawn(items: list[Weighted], player: str, period: int, no_repeat: int = 0) -> list[str]:
    """Return the order of a pool's draw, with all items present."""
    present = {item.id for item in items}
    return list(PeriodDraw(items, present, period, no_repeat).order(SECRET, player, "daily"))


def chi_square(observed: Counter[_Drawn], probabilities: Mapping[_Drawn, float]) -> float:
    """Return how far counts are from what probabilities make expect."""
    total = sum(observed.values())
    assert observed.keys() <= probabilities.keys()
    return sum((observed[key] - total * share) ** 2 / (total * share) for key, share in probabilities.items())


@pytest.fixture(scope="module")
def selections() -> list[tuple[list[str], list[str]]]:
    """Return what each of 100,000 players gets in two consecutive periods."""
    first, second = (PeriodDraw(ITEMS, WEIGHTS, period, 0) for period in (20_000, 20_001))
    return [
        (list(first.order(SECRET, player, "daily")), list(second.order(SECRET, player, "daily")))
        for player in (f"player-{number}" for number in range(PLAYERS))
    ]


def test_pairs_are_drawn_by_their_weights(selections: list[tuple[list[str], list[str]]]) -> None:
    # With 19 degrees of freedom, 43.8 is exceeded once in a thousand seeds.
    assert chi_square(Counter((first, second) for (first, second, *_), _ in selections), PAIRS) < 43.8


def test_consecutive_periods_are_independent(selections: list[tuple[list[str], list[str]]]) -> None:
    shares = {
        (before, after): WEIGHTS[before] * WEIGHTS[after] / TOTAL**2 for before, after in product(WEIGHTS, repeat=2)
    }
    # 24 degrees of freedom.
    assert chi_square(Counter((before[0], after[0]) for before, after in selections), shares) < 51.2


def test_players_with_similar_ids_are_independent(selections: list[tuple[list[str], list[str]]]) -> None:
    shares = {
        (before, after): WEIGHTS[before] * WEIGHTS[after] / TOTAL**2 for before, after in product(WEIGHTS, repeat=2)
    }
    firsts = [first[0] for first, _ in selections]
    assert chi_square(Counter(zip(firsts[::2], firsts[1::2], strict=True)), shares) < 51.2


@given(weights, seeds)
def test_a_ranking_holds_each_place_once(weights: list[int], seed: bytes) -> None:
    assert sorted(ranked(range(len(weights)), weights, seed)) == list(range(len(weights)))


@given(weights, seeds, st.data())
def test_leaving_out_places_leaves_the_order_of_the_others(
    weights: list[int], seed: bytes, data: st.DataObject
) -> None:
    places = data.draw(
        st.permutations(range(len(weights))).flatmap(lambda order: st.integers(0, len(order)).map(lambda n: order[:n]))
    )
    assert list(ranked(places, weights, seed)) == [
        place for place in ranked(range(len(weights)), weights, seed) if place in places
    ]


@given(items, st.integers(0, 30), st.integers(0, 1_000))
def test_a_draw_does_not_depend_on_the_order_of_items(items: list[Weighted], no_repeat: int, period: int) -> None:
    assert drawn(items, "player", period, no_repeat) == drawn(items[::-1], "player", period, no_repeat)


def test_random_selections_follow_the_weights_too() -> None:
    values = list(WEIGHTS.values())
    firsts = Counter(next(ranked(range(len(values)), values, seed_of(SECRET, number))) for number in range(10_000))
    # 4 degrees of freedom.
    assert chi_square(firsts, {place: weight / TOTAL for place, weight in enumerate(values)}) < 18.5


@given(items, st.integers(0, 30), st.integers(0, 1_000), st.data())
def test_an_absent_item_leaves_the_order_of_the_others(
    items: list[Weighted], no_repeat: int, period: int, data: st.DataObject
) -> None:
    present = set(data.draw(st.lists(st.sampled_from([item.id for item in items]), min_size=1)))
    order = PeriodDraw(items, present, period, no_repeat).order(SECRET, "player", "daily")
    assert list(order) == [item for item in drawn(items, "player", period, no_repeat) if item in present]


@given(st.integers(1, 5), st.integers(0, 1_000))
def test_drawn_goals_do_not_repeat_within_the_stated_periods(no_repeat: int, player: int) -> None:
    pool = [Weighted(f"goal-{number}") for number in range(80)]
    selections = [set(drawn(pool, f"player-{player}", period, no_repeat)[:2]) for period in range(20_000, 20_020)]
    for position, selection in enumerate(selections):
        assert len(selection) == 2
        assert not any(selection & before for before in selections[max(0, position - no_repeat) : position])


def test_turns_of_items_are_even_and_independent() -> None:
    # With 31 residues and three items, mostly one of them at most has its turn: then it is first.
    pool = [Weighted(f"goal-{number}") for number in range(3)]
    firsts = Counter(drawn(pool, f"player-{player}", 20_000, 30)[0] for player in range(10_000))
    # 2 degrees of freedom.
    assert chi_square(firsts, {item.id: 1 / 3 for item in pool}) < 13.8
    consecutive = [Weighted(f"goal-{number}") for number in range(2)]
    # Two items with two residues have the same turn in half of the cases: then the first may return.
    repeats = sum(
        drawn(consecutive, f"player-{player}", 20_000, 1)[0] == drawn(consecutive, f"player-{player}", 20_001, 1)[0]
        for player in range(10_000)
    )
    assert repeats == pytest.approx(2_500, abs=200)


@given(items, st.integers(0, 30), st.integers(0, 1_000))
def test_a_pool_that_is_too_small_is_filled_up(items: list[Weighted], no_repeat: int, period: int) -> None:
    assert sorted(drawn(items, "player", period, no_repeat)) == sorted(item.id for item in items)


def test_parts_of_a_seed_cannot_run_into_each_other() -> None:
    seeds = {seed_of(SECRET, *parts) for parts in (("a", "bc"), ("ab", "c"), ("abc",), ("abc", ""), ("", "abc"))}
    assert len(seeds) == 5
    assert seed_of(SECRET, 12) == seed_of(SECRET, "12")
    assert seed_of(b"another secret", "abc") not in seeds


def test_draws_are_the_same_in_every_release() -> None:
    seed = seed_of(SECRET, "period", "player", "daily", 20_000)
    assert seed.hex() == "fabef9e76c85026702eeffd40d5daaab392ef904f8ecf927f85062d09abeb79b"
    assert seed_id(seed) == "267aa52730b232bb"
    assert list(ranked(range(5), [1, 1, 2, 3, 5], seed)) == [4, 2, 3, 0, 1]
    assert ["".join(drawn(ITEMS, "player", period, 1)) for period in range(20_000, 20_004)] == [
        "ecdab",
        "edbac",
        "debac",
        "edbca",
    ]
