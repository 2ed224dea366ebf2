"""The script: a player's first two days with the goals of `catalogues/demo.yaml`, down to every number that moves."""

from __future__ import annotations

from demo.steps import Activate, Chapter, Claim, Happening, Initialize, ListActive, ReadRank, ReadStatistics, Report

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

POINTS_OF_ALL_GOALS = 195
CHAMPIONS = "champions"


def _login(name: str, *, days_ago: int = 0) -> Happening:
    return Happening(name=name, days_ago=days_ago)


def _match(name: str, score: int, *, days_ago: int = 0) -> Happening:
    return Happening(name=name, stat="match_score", value=score, days_ago=days_ago)


def _wins(name: str, matches: int = 1, *, days_ago: int = 0) -> Happening:
    return Happening(name=name, stat="matches_won", delta=matches, days_ago=days_ago)


def _level(level: int) -> Happening:
    return Happening(name=f"level-{level}", stat="player_level", value=level)


def _walk(name: str, metres: int) -> Happening:
    return Happening(name=name, stat="metres_walked", delta=metres)


def _chest(name: str) -> Happening:
    return Happening(name=name, stat="chests_opened", delta=1)


FIRST_WIN = _wins("win-1")
OFFLINE_SCORES = (720, 455, 980, 610, 875, 390, 1_040, 660)
OFFLINE_MATCHES = [_match(f"offline-match-{n}", score, days_ago=1) for n, score in enumerate(OFFLINE_SCORES, 1)]
OFFLINE_WINS = _wins("offline-wins", 7, days_ago=1)

SCRIPT = (
    Chapter(
        "A new player",
        [
            Initialize("Starts the game"),
            ListActive("Looks at the goals"),
            Report("Logs in", [_login("login")], moves={WELCOME: 1, SEE_YOU_AGAIN: 1}),
            Claim("Claims {goal} and waits for it", WELCOME, wait_s=2.0),
        ],
    ),
    Chapter(
        "Into the arena",
        [
            Activate("Picks {goal}", REGULAR),
            Report("Plays for 640 points", [_match("match-1", 640)], moves={HIGH_SCORE: 640, REGULAR: 1}),
            Report("Wins that match", [FIRST_WIN], moves={WARM_UP: 1}),
            Report("Same win, sent again", [FIRST_WIN], again=True),
            Report("Reaches level 2", [_level(2)], moves={SEASONED: 2}),
            Report("Plays for 1,180 points", [_match("match-2", 1_180)], moves={HIGH_SCORE: 1_000, REGULAR: 2}),
            Report("Wins that match", [_wins("win-2")], moves={WARM_UP: 2}),
            Activate("Picks {goal}", CHAMPION, moves={CHAMPION: 2}),
            Report("Plays for 910 points", [_match("match-3", 910)], moves={REGULAR: 3}),
            Report("Wins that match", [_wins("win-3")], moves={WARM_UP: 3, CHAMPION: 3}),
        ],
    ),
    Chapter(
        "A reward is granted once",
        [
            Claim("Claims {goal}", HIGH_SCORE, request_id="claim-1"),
            Claim("Same claim, sent again", HIGH_SCORE, request_id="claim-1", again=True),
            Claim("Tries to claim it twice", HIGH_SCORE, refused="ALREADY_CLAIMED"),
        ],
    ),
    Chapter(
        "Out on the island",
        [
            Activate("Picks {goal}", TREASURE_HUNTER),
            Activate("Picks {goal}", LONG_WAY),
            Activate("Picks {goal}", VOLCANO),
            Report("Walks 1,900 metres", [_walk("walk-1", 1_900)], moves={LONG_WAY: 1_900}),
            Report("Walks 3,400 metres", [_walk("walk-2", 3_400)], moves={LONG_WAY: 5_000}),
            Report(
                "Stands 812 metres high",
                [Happening(name="summit", stat="altitude", value=812)],
                moves={VOLCANO: 800},
            ),
            Report("Opens a chest", [_chest("chest-1")], moves={TREASURE_HUNTER: 1}),
            Report("Opens two more", [_chest("chest-2"), _chest("chest-3")], moves={TREASURE_HUNTER: 3}),
            Claim("Claims {goal}", VOLCANO),
        ],
    ),
    Chapter(
        "Yesterday was offline",
        [
            Activate("Picks {goal}", WINNING_HABIT, moves={WINNING_HABIT: 1}),
            Report("Yesterday's login arrives", [_login("offline-login", days_ago=1)], moves={SEE_YOU_AGAIN: 2}),
            Report(
                "Yesterday's matches arrive",
                [*OFFLINE_MATCHES, OFFLINE_WINS],
                moves={REGULAR: 5, CHAMPION: 10, WINNING_HABIT: 2},
            ),
        ],
    ),
    Chapter(
        "First things first",
        [
            Report("Reaches level 4", [_level(4)], moves={SEASONED: 4}),
            Claim("Wants {goal}", CHAMPION, refused="GOAL_LOCKED"),
            Report("Reaches level 5", [_level(5)], moves={SEASONED: 5}),
            Claim("Claims {goal}", CHAMPION),
        ],
    ),
    Chapter(
        "The harvest",
        [
            Claim("Claims {goal}", goal_id)
            for goal_id in (WARM_UP, REGULAR, SEASONED, TREASURE_HUNTER, LONG_WAY, SEE_YOU_AGAIN, WINNING_HABIT)
        ],
    ),
    Chapter(
        "Looking back",
        [
            ReadStatistics("Reads the statistics", points=POINTS_OF_ALL_GOALS, login_streak=2),
            ReadRank("Looks for a place among all", CHAMPIONS),
        ],
    ),
)
