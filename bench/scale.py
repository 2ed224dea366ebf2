"""The scale on which a report is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from load_generator.plan import RunLength


@dataclass(frozen=True, kw_only=True)
class Scale:
    """The size of the measurements."""

    seconds: float
    """Length of each measured interval."""
    rounds: int
    """Number of rounds in which things that are compared are measured alternately."""
    players: int
    """Number of players with a history."""
    ranked: int
    """Number of players on a long leaderboard."""
    mix_s: float
    """Seconds for which the table `mix` plays a whole game."""
    soak_s: float
    """Seconds for which the table `soak` does."""
    pruned: int
    """Number of tallies of past periods."""
    simulated: int
    """Number of players of the table `capacity`."""
    complete_players: int
    """Number of those who have completions, standings and claims."""
    completions: int
    """Completions of each of these."""
    claims: int
    """Number of the completions that are claimed."""
    play_days: int
    """Days on which they played."""
    catalogue: Path
    """The catalogue of the table `capacity`."""

    @property
    def long_run(self) -> RunLength:
        """The usual length: an interval after a warm-up that opens connections, prepares plans and fills caches."""
        return RunLength(warm_up_s=min(1.0, self.seconds / 4), measured_s=self.seconds)

    @property
    def short_run(self) -> RunLength:
        """Half as long, for a run that is repeated in every round."""
        return RunLength(warm_up_s=min(0.5, self.seconds / 4), measured_s=self.seconds / 2)
