"""Rules about derived stats, the entries of `stats` that are mappings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from shared.catalogue.content import TextDraft, entries_of, placed_text, texts
from shared.catalogue.document import Place
from shared.catalogue.draft import CatalogueDraft
from shared.catalogue.problem import Problem
from shared.catalogue.unique import shown, unique
from shared.domain.derived_stats import MET_MAX, may_meet_many
from shared.domain.goal import Counting

DERIVED_STATS_MAX = 1_000
"""Maximum number of derived stats in a catalogue."""


@dataclass(frozen=True, slots=True)
class _DerivedStatDraft:
    """One derived stat; `place` is the whole entry's."""

    place: Place
    id: TextDraft | None
    base: TextDraft | None
    where: Mapping[str, tuple[TextDraft, ...]]
    """The values of each attribute, as far as they are texts."""


def _derived_stats(draft: CatalogueDraft) -> Iterator[_DerivedStatDraft]:
    for document in draft.documents:
        for place, entry in entries_of(Place(document), document.value, "stats"):
            if isinstance(entry, dict):
                where = entry.get("where")
                conditions = where if isinstance(where, dict) else {}
                yield _DerivedStatDraft(
                    place,
                    placed_text(place, entry, "id"),
                    placed_text(place, entry, "from"),
                    {key: tuple(_values(place.at("where"), conditions, key)) for key in conditions},
                )


def _values(place: Place, conditions: Mapping[str, object], key: str) -> Iterator[TextDraft]:
    single = placed_text(place, conditions, key)
    if single is not None:
        yield single
    else:
        yield from texts(place, conditions, key)


def derived_stats_have_ids_of_their_own(draft: CatalogueDraft) -> Iterator[Problem]:
    derived = list(_derived_stats(draft))
    yield from unique((each.id.place, each.id.text) for each in derived if each.id is not None)
    plain = {stat.text for stat in draft.stats}
    for each in derived:
        if each.id is not None and each.id.text in plain:
            yield each.id.place.problem(f"{shown(each.id.text)} is a declared stat already")


def derived_stats_come_from_stats_of_events(draft: CatalogueDraft) -> Iterator[Problem]:
    derived = list(_derived_stats(draft))
    ids = {each.id.text for each in derived if each.id is not None}
    for each in derived:
        if each.base is not None and each.base.text in ids:
            yield each.base.place.problem(f"{shown(each.base.text)} is a derived stat: events name none")


def values_of_conditions_are_listed_once(draft: CatalogueDraft) -> Iterator[Problem]:
    for each in _derived_stats(draft):
        for values in each.where.values():
            yield from unique(values)


def derived_stats_are_bounded(draft: CatalogueDraft) -> Iterator[Problem]:
    derived = list(_derived_stats(draft))
    if len(derived) > DERIVED_STATS_MAX:
        yield derived[DERIVED_STATS_MAX].place.problem(
            f"a catalogue can have at most {DERIVED_STATS_MAX:,} derived stats"
        )


def events_move_few_derived_stats(draft: CatalogueDraft) -> Iterator[Problem]:
    derived = [each for each in _derived_stats(draft) if all(each.where.values())]
    if len(derived) > DERIVED_STATS_MAX:
        return  # `derived_stats_are_bounded` reports it. To compare ten times as many takes a minute.
    found: dict[str, dict[object, tuple[Place, Mapping[str, Collection[str]]]]] = defaultdict(dict)
    for each in derived:
        if each.base is not None:
            found[each.base.text][each.place.location] = each.place, _conditions(each)
    by_id = {each.id.text: each for each in derived if each.id is not None}
    for goal in draft.goals:
        # Distinct values, lowest values and growth have tallies of their own, which goals of the same kind share.
        if goal.count in (Counting.DISTINCT, Counting.LOWEST, Counting.GROWTH) and goal.stat is not None:
            of = by_id.get(goal.stat)
            base = goal.stat if of is None or of.base is None else of.base.text
            key = goal.stat, goal.count, f"{goal.content.get('attribute')}"
            found[base].setdefault(key, (goal.place, {} if of is None else _conditions(of)))
    for base, moved in found.items():
        if may_meet_many([conditions for _, conditions in moved.values()]):
            last, _ = list(moved.values())[-1]
            yield last.problem(
                f"an event of stat {shown(base)} may move more than {MET_MAX} derived stats: "
                "give them values of one attribute that exclude each other"
            )


def _conditions(derived: _DerivedStatDraft) -> dict[str, Collection[str]]:
    return {key: {each.text for each in values} for key, values in derived.where.items()}


DERIVED_STAT_RULES = (
    derived_stats_are_bounded,
    derived_stats_have_ids_of_their_own,
    derived_stats_come_from_stats_of_events,
    values_of_conditions_are_listed_once,
    events_move_few_derived_stats,
)
