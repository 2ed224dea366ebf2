"""The script, played: each step's call, then a look at all goals, held against what the step says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from challenge.v1 import challenge_pb2
from challenge.v1 import statistics_service_pb2 as statistics_rpc

from demo.client import Client
from demo.deeds import Outcome, perform
from demo.errors import OtherCatalogue, PlayerNotNew, Unexpected
from demo.picture import Changes, Picture
from demo.steps import Activate, Chapter, Claim, Step


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A step that went as it should."""

    number: int
    """From 1, of all steps of the script."""
    chapter: Chapter
    caption: str
    outcome: Outcome
    before: Picture
    after: Picture


class Performance:
    """One player's way through a script. The client's first call is made here."""

    def __init__(self, client: Client, script: Sequence[Chapter]) -> None:
        """Raises OtherCatalogue or PlayerNotNew if the script cannot be played, Unexpected if the first call fails."""
        self.script = script
        self.picture = Picture(client.list_challenges().accepted())
        """The goals as they are now."""
        self._client = client
        self._claims: dict[str, challenge_pb2.Claim] = {}
        self.statistics: statistics_rpc.PlayerStats | None = None
        """What the player has reached, when it was last read."""
        if missing := frozenset().union(*(chapter.goal_ids() for chapter in script)) - self.picture.goals.keys():
            raise OtherCatalogue(missing)
        if any(goal.progress for goal in self.picture.goals.values()):
            raise PlayerNotNew(client.player)

    @property
    def claims(self) -> Mapping[str, challenge_pb2.Claim]:
        """What was claimed so far, by goal id."""
        return self._claims

    @property
    def steps(self) -> int:
        """How many steps there are."""
        return sum(len(chapter.steps) for chapter in self.script)

    def play(self) -> Iterator[Moment]:
        """Step by step. Raises Unexpected, naming the step, when a service does something else than the script says."""
        steps = ((chapter, step) for chapter in self.script for step in chapter.steps)
        for number, (chapter, step) in enumerate(steps, start=1):
            caption = self._caption(step)
            before = self.picture
            try:
                outcome = perform(step, self._client, before, self._claims)
                self.picture = Picture(self._client.list_challenges().accepted())
                _check(step, outcome, Changes.between(before, self.picture))
            except Unexpected as error:
                raise Unexpected(f"step {number} of {self.steps}, “{caption}”: {error}") from None
            self._claims.update(outcome.claimed)
            self.statistics = outcome.statistics or self.statistics
            yield Moment(
                number=number, chapter=chapter, caption=caption, outcome=outcome, before=before, after=self.picture
            )

    def _caption(self, step: Step) -> str:
        if isinstance(step, Activate | Claim):
            return step.caption.format(goal=self.picture.goals[step.goal_id].name)
        return step.caption


def _check(step: Step, outcome: Outcome, seen: Changes) -> None:
    expected = Changes(
        moved=step.moves,
        activated=outcome.activated,
        completed=outcome.completed,
        claimed=frozenset(outcome.claimed),
    )
    if seen != expected:
        raise Unexpected(f"ListChallenges was to show {expected}; it shows {seen}")
