"""The script, played: each step's call, then a look at all goals, which must have changed as the step says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from challenge.v1 import challenge_pb2

from demo.client import Client
from demo.errors import DemoFailed, Unexpected
from demo.steps import Activate, Chapter, Claim, Outcome, Step, player_not_new
from demo.view import Changes, View


@dataclass(frozen=True, kw_only=True)
class Moment:
    """A step that went as the script says."""

    number: int
    """Counts all steps of the script from 1."""
    chapter: Chapter
    caption: str
    outcome: Outcome
    before: View
    after: View


class Performance:
    """One player's way through a script. The client's first call is made here."""

    def __init__(self, client: Client, script: Sequence[Chapter]) -> None:
        """Raise DemoFailed if the script cannot be played."""
        self.script = script
        self.view = client.look()
        """The goals as they are now."""
        self.claims: dict[str, challenge_pb2.Claim] = {}
        """All claims so far by goal id."""
        self._client = client
        if missing := frozenset().union(*(chapter.goal_ids() for chapter in script)) - self.view.goals.keys():
            goals = ", ".join(sorted(missing))
            raise DemoFailed(f"the services' catalogue lacks {goals}: the script plays catalogues/demo.yaml")
        if any(goal.progress for goal in self.view.goals.values()):
            raise player_not_new(client.player)

    @property
    def steps(self) -> int:
        """The number of steps."""
        return sum(len(chapter.steps) for chapter in self.script)

    def play(self) -> Iterator[Moment]:
        """Yield each step after it was played. Raise Unexpected, naming the step, if a service deviates."""
        steps = ((chapter, step) for chapter in self.script for step in chapter.steps)
        for number, (chapter, step) in enumerate(steps, start=1):
            caption, before = self._caption(step), self.view
            try:
                outcome = step.perform(self._client, before, self.claims)
                self.view = self._client.look()
                _check(step, outcome, Changes.between(before, self.view))
            except Unexpected as error:
                raise Unexpected(f"step {number} of {self.steps}, “{caption}”: {error}") from None
            self.claims.update(outcome.claimed)
            yield Moment(
                number=number, chapter=chapter, caption=caption, outcome=outcome, before=before, after=self.view
            )

    def _caption(self, step: Step) -> str:
        if isinstance(step, Activate | Claim):
            return step.caption.format(goal=self.view.goals[step.goal_id].name)
        return step.caption


def _check(step: Step, outcome: Outcome, seen: Changes) -> None:
    expected = Changes(step.moves, outcome.activated, outcome.completed, frozenset(outcome.claimed))
    if seen != expected:
        raise Unexpected(f"ListChallenges must show: {expected}; it shows: {seen}")
