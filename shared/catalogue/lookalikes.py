"""Ids that are easily confused with others. They are valid, but ids are permanent, so their author should know."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from shared.catalogue.problem import Problem
from shared.domain.catalogue import Catalogue
from shared.domain.goal import Source

_EMOJI_JOINER = "\u200d"
_EMOJI_PARTS = {"So", "Sk", "Mn"}
"""Categories of the characters that a zero-width joiner combines to one emoji."""
_BLANKS = {"\u034f", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}
"""Characters that are shown as nothing although they are neither spaces nor format characters."""
_EMOJI_STYLES = {"\ufe0e", "\ufe0f"}
_SPACES = {"Zs", "Zl", "Zp"}


def lookalikes(catalogue: Catalogue) -> Iterator[Problem]:
    """Yield a warning for each id with invisible peculiarities, and for each that looks like another of its kind."""
    for kind, ids in _ids(catalogue):
        seen: dict[str, str] = {}
        for text in dict.fromkeys(ids):
            place = f"{kind} {text!a}"
            for peculiarity in _peculiarities(text):
                yield Problem(place, f"{peculiarity}, and ids are permanent")
            first = seen.setdefault(_appearance(text), text)
            if first != text:
                yield Problem(place, f"looks like {kind} {first!a}, but is another one")


def lookalikes_of_record(catalogue: Catalogue, recorded: Mapping[str, Iterable[str]]) -> Iterator[Problem]:
    """Yield a warning for each id that looks like another one of its kind that an earlier catalogue had.

    `recorded` has the ids of earlier catalogues by kind, such as `goal`. What players have done is stored under the
    earlier id.
    """
    for kind, ids in _ids(catalogue):
        present = dict.fromkeys(ids)
        earlier = {_appearance(text): text for text in sorted(recorded.get(kind, ())) if text not in present}
        for text in present if earlier else ():
            other = earlier.get(_appearance(text))
            if other is not None:
                yield Problem(
                    f"{kind} {text!a}", f"looks like {kind} {other!a} of an earlier catalogue, but is another one"
                )


def _ids(catalogue: Catalogue) -> Iterator[tuple[str, Iterable[str]]]:
    """Yield the ids of each kind, such as `goal`, that players or events name."""
    goals = catalogue.goals.values()
    yield "challenge", catalogue.challenge_by_id
    yield "goal", catalogue.goals
    yield "leaderboard", catalogue.leaderboard_by_id
    yield "stat", sorted(stat.code for stat in catalogue.wanted if stat.source is Source.STAT)
    yield "tag", (tag for goal in goals for tag in goal.tags)
    yield "schedule", (schedule.id for schedule in catalogue.schedules)
    yield "season", (season.id for season in catalogue.seasons)
    yield "attribute of players", catalogue.player_attributes
    yield "reward", (reward.id for goal in goals for reward in goal.all_rewards)


def _peculiarities(text: str) -> Iterator[str]:
    """Yield what makes an id hard to tell from another one."""
    if text != text.strip():
        yield "begins or ends with a space"
    if not unicodedata.is_normalized("NFC", text):
        yield "is not in Unicode's normal form NFC"
    for position, character in enumerate(text):
        if _is_invisible(text, position):
            yield f"contains the invisible character U+{ord(character):04X}"
            break
        if character != " " and unicodedata.category(character) in _SPACES:
            yield f"contains the unusual space U+{ord(character):04X}"
            break


def _is_invisible(text: str, position: int) -> bool:
    character = text[position]
    if character == _EMOJI_JOINER:
        neighbours = text[position - 1 : position] + text[position + 1 : position + 2]
        return len(neighbours) < 2 or not {unicodedata.category(each) for each in neighbours} <= _EMOJI_PARTS
    return character in _BLANKS or unicodedata.category(character) == "Cf"


def _appearance(text: str) -> str:
    """Return what remains of a text without the differences that are hard to see."""
    visible = (
        character
        for character in unicodedata.normalize("NFKC", text)
        if unicodedata.category(character) != "Cf" and character not in _BLANKS | _EMOJI_STYLES
    )
    return " ".join("".join(visible).split())
