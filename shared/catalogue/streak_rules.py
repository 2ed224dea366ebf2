"""Rules about goals that count streaks, and about outages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from shared.catalogue.content import TextDraft, entries_of, placed_text, texts
from shared.catalogue.document import Place
from shared.catalogue.draft import CatalogueDraft
from shared.catalogue.problem import Problem
from shared.catalogue.unique import shown, unique
from shared.domain.goal import Counting

OUTAGES_MAX = 366
"""Maximum number of outages: a year of days."""


class _OutageDraft(NamedTuple):
    place: Place
    day: str | None
    stats: tuple[TextDraft, ...]


def _outages(draft: CatalogueDraft) -> Iterator[_OutageDraft]:
    for document in draft.documents:
        for place, entry in entries_of(Place(document), document.value, "outages"):
            if isinstance(entry, str):
                yield _OutageDraft(place, entry, ())
            elif (day := placed_text(place, entry, "day")) is not None:
                yield _OutageDraft(place, day.text, tuple(texts(place, entry, "stats")))
            else:
                yield _OutageDraft(place, None, ())


def streaks_have_keys_of_their_own(draft: CatalogueDraft) -> Iterator[Problem]:
    for goal in draft.goals:
        if goal.count != Counting.STREAK and "bridge_days" in goal.content:
            yield goal.place.at("bridge_days").problem("is only for count: streak")
        if goal.count == Counting.STREAK and "repeat" in goal.content:
            yield goal.place.at("repeat").problem("is not for count: streak")


def outages_are_bounded(draft: CatalogueDraft) -> Iterator[Problem]:
    outages = list(_outages(draft))
    if len(outages) > OUTAGES_MAX:
        yield outages[OUTAGES_MAX].place.problem(f"a catalogue can have at most {OUTAGES_MAX} outages")


def outages_are_listed_once(draft: CatalogueDraft) -> Iterator[Problem]:
    outages = list(_outages(draft))
    yield from unique((each.place, each.day) for each in outages if not each.stats)
    yield from unique(
        (stat.place, None if each.day is None else f"{each.day} of {stat.text}")
        for each in outages
        for stat in each.stats
    )


def stats_of_outages_are_counted(draft: CatalogueDraft) -> Iterator[Problem]:
    counted = {goal.stat for goal in draft.goals} | {stat.text for stat in draft.stats}
    for document in draft.documents:
        for place, stat in entries_of(Place(document), document.value, "stats"):
            for key in ("id", "from"):
                if (found := placed_text(place, stat, key)) is not None:
                    counted.add(found.text)
    for outage in _outages(draft):
        for place, name in outage.stats:
            if name not in counted:
                yield place.problem(f"there is no stat {shown(name)}")


STREAK_RULES = (streaks_have_keys_of_their_own, outages_are_bounded, outages_are_listed_once)
STREAK_RULES_FOR_COMPLETE_CATALOGUES = (stats_of_outages_are_counted,)
