"""The script: a player's first two days with the goals of `catalogues/demo.yaml`, down to every number that moves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from challenge.v1.event_service_pb2 import Event, LoggedIn, StatUpdated

from demo.player import Player

WELCOME = "first-login"
SEE_YOU_AGAIN = "log-in-on-2-days"
WINNING_HABIT = "win-on-2-days"
WARM_UP = "win-3-matches"
HIGH_SCORE = "score-1000"
REGULAR = "play-5-matches"
CHAMPION = "win-10-matches"
SEASONED = "reach-level-5"
TREASURE_HUNTER = "open-3-chests"
LONG_WAY = "walk-5000-metres"
VOLCANO = "climb-the-volcano"

POINTS = 195
"""Points of the goals that the script completes: all but those that start again."""
COMPLETIONS = 11


class Step(NamedTuple):
    """One action. `{goal}` in the caption stands for the name of the goal that the step is about."""

    caption: str
    act: Callable[[Player], str]
    moves: Mapping[str, int] = {}
    """The goals whose shown progress changes, by id, and their new progress. No other goal moves."""
    goal_id: str = ""


class Chapter(NamedTuple):
    """Steps that belong together."""

    title: str
    steps: Sequence[Step]


def goal_ids(script: Sequence[Chapter]) -> frozenset[str]:
    """Return the ids of all goals that a script names."""
    steps = [step for chapter in script for step in chapter.steps]
    return frozenset({step.goal_id for step in steps if step.goal_id}.union(*(step.moves for step in steps)))


def report(caption: str, *events: Event, moves: Mapping[str, int] | None = None, **options: Any) -> Step:
    """Return the step that reports events by one call."""
    return Step(caption, lambda player: player.report(*events, **options), moves or {})


def activate(goal_id: str, at: int = 0) -> Step:
    """Return the step that activates a goal, which then shows the progress `at`."""
    return Step("Picks {goal}", lambda player: player.activate(goal_id), {goal_id: at} if at else {}, goal_id)


def claim(goal_id: str, caption: str = "Claims {goal}", **options: Any) -> Step:
    """Return the step that claims the reward of a goal."""
    return Step(caption, lambda player: player.claim(goal_id, **options), goal_id=goal_id)


def _login(name: str) -> Event:
    return Event(event_id=name, logged_in=LoggedIn())


def _stat(name: str, stat: str, *, delta: int | None = None, value: int | None = None) -> Event:
    return Event(event_id=name, stat_updated=StatUpdated(stat_code=stat, delta=delta, value=value))


def _match(name: str, score: int) -> Event:
    return _stat(name, "match_score", value=score)


def wins(name: str, matches: int = 1) -> Event:
    """Return the event of won matches."""
    return _stat(name, "matches_won", delta=matches)


def _level(level: int) -> Event:
    return _stat(f"level-{level}", "player_level", value=level)


FIRST_WIN = wins("win-1")
OFFLINE_SCORES = (720, 455, 980, 610, 875, 390, 1_040, 660)
OFFLINE_MATCHES = [_match(f"offline-match-{n}", score) for n, score in enumerate(OFFLINE_SCORES, 1)]

SCRIPT = (
    Chapter(
        "A new player",
        [
            Step("Starts the game", Player.initialize),
            Step("Looks at the goals", Player.list_active),
            report("Logs in", _login("login"), moves={WELCOME: 1, SEE_YOU_AGAIN: 1}),
            claim(WELCOME, "Claims {goal} and waits for it", wait_s=2.0),
        ],
    ),
    Chapter(
        "Into the arena",
        [
            activate(REGULAR),
            report("Plays for 640 points", _match("match-1", 640), moves={HIGH_SCORE: 640, REGULAR: 1}),
            report("Wins that match", FIRST_WIN, moves={WARM_UP: 1}),
            report("Same win, sent again", FIRST_WIN, again=True),
            report("Reaches level 2", _level(2), moves={SEASONED: 2}),
            report("Plays for 1,180 points", _match("match-2", 1_180), moves={HIGH_SCORE: 1_000, REGULAR: 2}),
            report("Wins that match", wins("win-2"), moves={WARM_UP: 2}),
            activate(CHAMPION, at=2),
            report("Plays for 910 points", _match("match-3", 910), moves={REGULAR: 3}),
            report("Wins that match", wins("win-3"), moves={WARM_UP: 3, CHAMPION: 3}),
        ],
    ),
    Chapter(
        "A reward is granted once",
        [
            claim(HIGH_SCORE, request_id="claim-1"),
            claim(HIGH_SCORE, "Same claim, sent again", request_id="claim-1"),
            claim(HIGH_SCORE, "Tries to claim it twice", refused="ALREADY_CLAIMED"),
        ],
    ),
    Chapter(
        "Out on the island",
        [
            activate(TREASURE_HUNTER),
            activate(LONG_WAY),
            activate(VOLCANO),
            report("Walks 1,900 metres", _stat("walk-1", "metres_walked", delta=1_900), moves={LONG_WAY: 1_900}),
            report("Walks 3,400 metres", _stat("walk-2", "metres_walked", delta=3_400), moves={LONG_WAY: 5_000}),
            report("Stands 812 metres high", _stat("summit", "altitude", value=812), moves={VOLCANO: 800}),
            report("Opens a chest", _stat("chest-1", "chests_opened", delta=1), moves={TREASURE_HUNTER: 1}),
            report(
                "Opens two more",
                *(_stat(f"chest-{number}", "chests_opened", delta=1) for number in (2, 3)),
                moves={TREASURE_HUNTER: 3},
            ),
            claim(VOLCANO),
        ],
    ),
    Chapter(
        "Yesterday was offline",
        [
            activate(WINNING_HABIT, at=1),
            report("Yesterday's login arrives", _login("offline-login"), days_ago=1, moves={SEE_YOU_AGAIN: 2}),
            report(
                "Yesterday's matches arrive",
                *OFFLINE_MATCHES,
                wins("offline-wins", 7),
                days_ago=1,
                moves={REGULAR: 5, CHAMPION: 10, WINNING_HABIT: 2},
            ),
        ],
    ),
    Chapter(
        "First things first",
        [
            report("Reaches level 4", _level(4), moves={SEASONED: 4}),
            claim(CHAMPION, "Wants {goal}", refused="GOAL_LOCKED"),
            report("Reaches level 5", _level(5), moves={SEASONED: 5}),
            claim(CHAMPION),
        ],
    ),
    Chapter(
        "The harvest",
        [
            claim(goal_id)
            for goal_id in (WARM_UP, REGULAR, SEASONED, TREASURE_HUNTER, LONG_WAY, SEE_YOU_AGAIN, WINNING_HABIT)
        ],
    ),
    Chapter(
        "Looking back",
        [
            Step("Reads the statistics", lambda player: player.read_statistics(POINTS, 2, COMPLETIONS)),
            Step("Looks for a place among all", lambda player: player.read_rank("champions")),
        ],
    ),
)
