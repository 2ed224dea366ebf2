"""Derived stats: the events of a stat that have certain attributes, and aspects of events.

A derived stat has tallies of its own, which the event moves in addition to those of the stat that it names. Only the
catalogue names derived stats, no event does. Which ones an event moves depends on the event alone, so order does not
matter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from shared.domain.events import Event
from shared.domain.goal import TURNING_POINT, Aspect, DerivedStat, Stat

MET_MAX = 8
"""Maximum number of derived stats that one event moves."""
_CASES_MAX = 10_000
_REMEMBERED_MAX = 10_000


class DerivedStats:
    """The derived stats of a catalogue, found by the attributes of events."""

    def __init__(self, definitions: Iterable[DerivedStat]) -> None:
        by_base: dict[Stat, list[DerivedStat]] = defaultdict(list)
        for definition in definitions:
            by_base[definition.base].append(definition)
        self._by_base = {base: _Index(found) for base, found in by_base.items()}

    @property
    def bases(self) -> Collection[Stat]:
        """The stats that some are derived from."""
        return self._by_base.keys()

    @property
    def counts_values(self) -> bool:
        """True if some count the distinct values of an attribute."""
        return any(index.counted for index in self._by_base.values())

    def used_attributes(self, stat: Stat, attributes: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        """Return the attributes of an event that decide which derived stats it moves and how, sorted."""
        index = self._by_base.get(stat)
        if index is None:
            return ()
        used, counted = index.used, index.counted
        if counted:
            found = [item for item in attributes.items() if item in used or item[0] in counted]
        else:
            found = [item for item in attributes.items() if item in used]
        return tuple(sorted(found) if len(found) > 1 else found)

    def met_by(self, event: Event) -> tuple[DerivedStat, ...]:
        """Return the derived stats that the event moves."""
        index = self._by_base.get(event.stat)
        return () if index is None else index.met_by(event)

    def expanded(self, events: Iterable[Event]) -> Iterator[Event]:
        """Yield each event as it is, and then as each derived stat sees it, except for those that count values."""
        for event in events:
            yield event
            for definition in self.met_by(event):
                if definition.aspect is not Aspect.DISTINCT:
                    yield seen_as(definition, event)


def seen_as(definition: DerivedStat | None, event: Event) -> Event:
    """Return what a derived stat sees of an event that moves it; of each value that is counted it sees a delta of 1."""
    if definition is None:
        return event
    match definition.aspect:
        case Aspect.DISTINCT:
            return event._replace(stat=definition.stat, delta=1, value=None)
        case Aspect.LOWEST:
            return event._replace(stat=definition.stat, delta=None, value=TURNING_POINT - (event.value or 0))
    # Twice as fast as _replace, and most derived stats see everything.
    return Event(event.event_id, event.user_id, event.time, definition.stat, event.delta, event.value, event.attributes)


class _Index:
    """The derived stats of one base, each under the condition that the fewest others share."""

    def __init__(self, definitions: Sequence[DerivedStat]) -> None:
        shared = Counter((key, value) for each in definitions for key, values in each.where for value in values)
        self.used = frozenset(shared)
        """The attributes that some condition asks for."""
        self.counted = frozenset(each.attribute for each in definitions if each.aspect is Aspect.DISTINCT)
        """The attributes of which each value counts."""
        self._always = [_Candidate(each) for each in definitions if not each.where]
        self._candidates: dict[tuple[str, str], list[_Candidate]] = defaultdict(list)
        for each in definitions:
            if each.where:
                key, values = min(each.where, key=lambda condition: max(shared[condition[0], v] for v in condition[1]))
                for value in values:
                    self._candidates[key, value].append(_Candidate(each))
        # A game has few combinations of weapons, maps and modes.
        self._remembered: dict[tuple[tuple[tuple[str, str], ...], bool], tuple[DerivedStat, ...]] = {}

    def met_by(self, event: Event) -> tuple[DerivedStat, ...]:
        if not event.attributes and not self._always:
            return ()
        key = event.attributes, event.value is None
        met = self._remembered.get(key)
        if met is None:
            attributes = dict(event.attributes)
            candidates = [*self._always]
            for attribute in event.attributes:
                candidates += self._candidates.get(attribute, ())
            met = tuple(each.definition for each in candidates if each.is_met_by(attributes, event))
            if not self.counted:
                if len(self._remembered) >= _REMEMBERED_MAX:
                    self._remembered.clear()
                self._remembered[key] = met
        return met


class _Candidate:
    """A derived stat whose most selective condition holds, or that has none."""

    def __init__(self, definition: DerivedStat) -> None:
        self.definition = definition
        self._conditions = {key: frozenset(values) for key, values in definition.where}

    def is_met_by(self, attributes: Mapping[str, str], event: Event) -> bool:
        aspect = self.definition.aspect
        if aspect is Aspect.DISTINCT and self.definition.attribute not in attributes:
            return False
        if aspect in (Aspect.LOWEST, Aspect.GROWTH) and event.value is None:
            return False
        return all(attributes.get(key) in values for key, values in self._conditions.items())


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
