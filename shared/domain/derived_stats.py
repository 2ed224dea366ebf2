"""Derived stats: the events of a stat that have certain attributes.

A derived stat has tallies of its own, which the event moves beside those of the stat that it names. Only the catalogue
names derived stats, no event does. Which ones an event moves depends on the event alone, so order does not matter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from shared.domain.events import Event
from shared.domain.goal import DerivedStat, Source, Stat

MET_MAX = 8
"""Maximum number of derived stats that one event moves."""
_CASES_MAX = 10_000
_REMEMBERED_MAX = 10_000


class DerivedStats:
    """The derived stats of a catalogue, found by the attributes of events."""

    def __init__(self, definitions: Iterable[DerivedStat]) -> None:
        by_base: dict[str, list[DerivedStat]] = defaultdict(list)
        for definition in definitions:
            by_base[definition.base].append(definition)
        self._by_base = {Stat(Source.STAT, base): _Index(found) for base, found in by_base.items()}
        # A game has few combinations of weapons, maps and modes.
        self._remembered: dict[tuple[Stat, tuple[tuple[str, str], ...]], tuple[Stat, ...]] = {}

    @property
    def bases(self) -> Collection[Stat]:
        """The stats that some are derived from."""
        return self._by_base.keys()

    def used_attributes(self, stat: Stat, attributes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Return the attributes of an event that decide which derived stats it moves, sorted."""
        index = self._by_base.get(stat)
        if index is None:
            return ()
        return tuple(sorted(index.used.intersection(attributes.items())))

    def met_by(self, event: Event) -> tuple[Stat, ...]:
        """Return the derived stats that the event moves."""
        if not event.attributes:
            return ()
        key = event.stat, event.attributes
        met = self._remembered.get(key)
        if met is None:
            index = self._by_base.get(event.stat)
            met = () if index is None else tuple(index.met_by(dict(event.attributes)))
            if len(self._remembered) >= _REMEMBERED_MAX:
                self._remembered.clear()
            self._remembered[key] = met
        return met

    def expanded(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield each event as it is, and then as an event of each derived stat that it moves."""
        for event in events:
            yield event
            if event.attributes:
                for stat in self.met_by(event):
                    yield event._replace(stat=stat)


class _Index:
    """The derived stats of one base, each under the condition that the fewest others share."""

    def __init__(self, definitions: Sequence[DerivedStat]) -> None:
        shared = Counter((key, value) for each in definitions for key, values in each.where for value in values)
        self.used = frozenset(shared)
        self._candidates: dict[tuple[str, str], list[tuple[Mapping[str, frozenset[str]], Stat]]] = defaultdict(list)
        for each in definitions:
            conditions = {key: frozenset(values) for key, values in each.where}
            key, values = min(each.where, key=lambda condition: max(shared[condition[0], v] for v in condition[1]))
            for value in values:
                self._candidates[key, value].append((conditions, each.stat))

    def met_by(self, attributes: Mapping[str, str]) -> Iterator[Stat]:
        for attribute in attributes.items():
            for conditions, stat in self._candidates.get(attribute, ()):
                if all(attributes.get(key) in values for key, values in conditions.items()):
                    yield stat


def may_meet_many(wheres: Sequence[Mapping[str, Collection[str]]]) -> bool:
    """Return True if one event may meet more than `MET_MAX` of these conditions, or if that takes too long to find out.

    Cases are told apart attribute by attribute, until few conditions are left.
    """
    cases: list[tuple[Sequence[Mapping[str, Collection[str]]], frozenset[str]]] = [(wheres, frozenset())]
    for _ in range(_CASES_MAX):
        if not cases:
            return False
        left, known = cases.pop()
        if len(left) <= MET_MAX:
            continue
        keys = Counter(key for where in left for key in where if key not in known)
        if not keys:
            return True
        [(key, _)] = keys.most_common(1)
        values = {value for where in left for value in where.get(key, ())}
        without = [where for where in left if key not in where]
        cases.append((without, known | {key}))
        cases += (
            ([where for where in left if key not in where or value in where[key]], known | {key}) for value in values
        )
    return True
