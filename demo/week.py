"""A week, for services with a clock that callers set: days and a week pass, and goals start again."""

from __future__ import annotations

from collections.abc import Sequence

from demo.player import Player
from demo.script import COMPLETIONS, POINTS, Chapter, Step, activate, claim, report, wins

DAILY = "win-2-today"
WEEKLY = "win-8-this-week"
# The season pass: what starts again adds to it. It has two tiers, at 10 and 30 points.
ISLANDS = "islands-pass"
THREE_DUELS = "season-3-duels"

POINTS_OF_A_DAY = 5
POINTS_OF_A_WEEK = 20
MONDAY, TUESDAY, WEDNESDAY, FRIDAY, SUNDAY, NEXT_MONDAY = 0, 1, 2, 4, 6, 7


def _sleep(caption: str, day: int, *starts_again: str, goal_id: str = DAILY) -> Step:
    """Return the step that goes on another day, on which goals have started again."""
    return Step(caption, lambda player: player.sleep(day, goal_id), dict.fromkeys(starts_again, 0), goal_id)


def _claim_all(*goal_ids: str) -> Step:
    return Step("Claims everything", lambda player: player.claim_all(goal_ids))


def _read_statistics(player: Player) -> str:
    """Read the statistics after three completed days, one week and the season pass."""
    return player.read_statistics(POINTS + 3 * POINTS_OF_A_DAY + POINTS_OF_A_WEEK, 0, COMPLETIONS + 7)


WEEK: Sequence[Chapter] = (
    Chapter(
        "Monday",
        [
            _sleep("Comes back at 18:00", MONDAY),
            activate(DAILY),
            activate(WEEKLY),
            report(
                "Wins two matches",
                wins("monday", 2),
                moves={DAILY: 2, WEEKLY: 2, ISLANDS: 5, THREE_DUELS: 1},
            ),
        ],
    ),
    Chapter(
        "Tuesday: a new day",
        [
            _sleep("{goal} starts again", TUESDAY, DAILY),
            claim(DAILY, "Claims yesterday's reward", weekday="Monday"),
            Step("Travels to Tokyo", lambda player: player.change_time_zone("Asia/Tokyo", DAILY)),
            Step("Says Paris instead", lambda player: player.change_time_zone_again("Europe/Paris")),
            report("Wins one match", wins("tuesday"), moves={DAILY: 1, WEEKLY: 3}),
        ],
    ),
    Chapter(
        "Wednesday, in Tokyo since 15:00",
        [
            _sleep("{goal} starts again", WEDNESDAY, DAILY),
            report(
                "Wins three matches",
                wins("wednesday", 3),
                moves={DAILY: 2, WEEKLY: 6, ISLANDS: 10, THREE_DUELS: 2},
            ),
            claim(ISLANDS, "Claims the first tier of {goal}"),
        ],
    ),
    Chapter(
        "Friday",
        [
            _sleep("Has missed Thursday", FRIDAY, DAILY),
            report(
                "Wins two matches",
                wins("friday", 2),
                moves={DAILY: 2, WEEKLY: 8, ISLANDS: 30, THREE_DUELS: 3},
            ),
            claim(WEEKLY, weekday="Monday"),
        ],
    ),
    Chapter(
        "Sunday",
        [
            _sleep("Four rewards are left", SUNDAY, DAILY),
            Step("Buys the premium track", lambda player: player.buy("premium", ISLANDS)),
            _claim_all(DAILY, DAILY, ISLANDS, ISLANDS, THREE_DUELS),
        ],
    ),
    Chapter(
        "Monday: a new week",
        [
            _sleep("{goal} starts again", NEXT_MONDAY, WEEKLY, goal_id=WEEKLY),
            Step("Reads the statistics", _read_statistics),
        ],
    ),
)
