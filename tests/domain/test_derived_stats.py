"""Which derived stats an event moves, against the definition."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from shared.domain.derived_stats import MET_MAX, DerivedStats, may_meet_many
from shared.domain.events import Event
from shared.domain.goal import DerivedStat, Source, Stat, written_code

KEYS = ("map", "mode", "weapon")
VALUES = ("a", "b", "c")
KILLS = Stat(Source.STAT, "kills")

_wheres = st.dictionaries(
    st.sampled_from(KEYS),
    st.sets(st.sampled_from(VALUES), min_size=1).map(lambda drawn: tuple(sorted(drawn))),
    min_size=1,
)
_definitions = st.lists(st.tuples(st.sampled_from(("kills", "wins")), _wheres), max_size=14).map(
    lambda drawn: [
        DerivedStat(f"derived {number}", Stat(Source.STAT, base), tuple(sorted(where.items())))
        for number, (base, where) in enumerate(drawn)
    ]
)
_attributes = st.dictionaries(st.sampled_from((*KEYS, "unknown")), st.sampled_from((*VALUES, "unknown")))


def meets(where: Mapping[str, tuple[str, ...]], attributes: Mapping[str, str]) -> bool:
    return all(attributes.get(key) in values for key, values in where.items())


@given(_definitions, _attributes)
def test_an_event_moves_the_derived_stats_whose_conditions_all_hold(
    definitions: list[DerivedStat], attributes: dict[str, str]
) -> None:
    derived = DerivedStats(definitions)
    used = derived.used_attributes(KILLS, attributes)
    expected = [each.stat for each in definitions if each.base == KILLS and meets(dict(each.where), attributes)]
    for _ in range(2):
        met = derived.met_by(Event("1", "ann", 0, KILLS, 1, None, used))
        assert sorted(each.stat for each in met) == sorted(expected)
    assert set(used) <= set(attributes.items())


@given(st.lists(_wheres, max_size=MET_MAX * 2))
def test_too_many_conditions_are_found_exactly(wheres: list[dict[str, tuple[str, ...]]]) -> None:
    cases = (dict(zip(KEYS, values, strict=True)) for values in product((*VALUES, ""), repeat=len(KEYS)))
    most = max(sum(meets(where, case) for where in wheres) for case in cases)
    assert may_meet_many(wheres) == (most > MET_MAX)


def test_conditions_that_exclude_each_other_are_told_apart_quickly() -> None:
    assert not may_meet_many([{"weapon": {f"weapon {number}"}, "mode": {"ranked"}} for number in range(1_000)])
    assert may_meet_many([{"mode": {"ranked"}, f"key {number}": {"a"}} for number in range(1_000)])


def test_another_definition_has_other_tallies_under_the_same_id() -> None:
    one, other = (
        DerivedStat("bow", KILLS, (("weapon", ("bow",)),)),
        DerivedStat("bow", Stat(Source.STAT, "wins"), (("weapon", ("bow",)),)),
    )
    assert one.stat != other.stat
    assert written_code(one.stat) == written_code(other.stat) == "bow"


def test_remembered_attributes_are_bounded_by_the_catalogue() -> None:
    derived = DerivedStats([DerivedStat("bow", KILLS, (("weapon", ("bow",)),))])
    for number in range(100):
        assert derived.used_attributes(KILLS, {"weapon": f"weapon {number}", "map": "dust"}) == ()
