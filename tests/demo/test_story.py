"""The demo's output when every step succeeds: in a pipe and on a terminal."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping
from pathlib import Path

from demo.script import POINTS, SCRIPT, goal_ids
from demo.week import POINTS_OF_A_DAY, POINTS_OF_A_WEEK, WEEK
from shared.catalogue.loader import load
from tests.demo.conftest import ROOT

COMMAND = [sys.executable, "-m", "demo", "--pace", "0"]
DEMO_S = 30
"""A demo without pauses takes a second."""

UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
STORY = (
    r"A new player",
    r"InitializePlayer: created, 7 goals active",
    r"ReportEvent: APPLIED, completes Welcome",
    r"Wins that match +ReportEvent: APPLIED",
    r"Warm-up: 1 of 3, in progress",
    r"Same win, sent again +ReportEvent: DUPLICATE",
    r"Warm-up: 2 of 3, in progress",
    r"Picks Champion of the Arena +SetGoalActive: active, at 2 of 10",
    r"Warm-up: 3 of 3, completed",
    rf"Claims High Score +ClaimReward: 1 SILVER_CHEST, [A-Z]+, grant (?P<grant>{UUID})",
    r"High Score: 1,000 of 1,000, claimed",
    r"Same claim, sent again +ClaimReward: the same grant (?P=grant)",
    r"ClaimReward: ALREADY_CLAIMED",
    r"Yesterday's matches arrive +ReportEvents: 9 APPLIED, completes 3 goals",
    r"Champion of the Arena: 10 of 10, locked",
    r"Wants Champion of the Arena +ClaimReward: GOAL_LOCKED",
    r"Reaches level 5 +ReportEvent: APPLIED, completes Seasoned",
    r"Champion of the Arena: 10 of 10, completed",
    r"Claims Champion of the Arena +ClaimReward: 1 CHAMPION_BANNER, [A-Z]+, grant",
    r"Reads the statistics +GetPlayerStats: 195 points, 2-day streak",
    r"Looks for a place among all +GetPlayerRank: (rank|not ranked yet|no ranking yet)",
    r"Monday\n",
    r"Comes back at 18:00 +GetRotation: Daily Duel until Tue 00:00 UTC",
    r"Picks Star of the Week +SetGoalActive: active",
    r"Wins two matches +ReportEvent: APPLIED, completes Daily Duel",
    r"Tuesday: a new day\n",
    r"Daily Duel starts again +GetRotation: Daily Duel until Wed 00:00 UTC",
    r"Daily Duel: 0 of 2, not started",
    rf"Claims yesterday's reward +ClaimReward: 25 COINS of Monday, [A-Z]+, grant {UUID}",
    r"Travels to Tokyo +GetRotation: today ends Wed 00:00 UTC as before, the next day Wed 15:00 UTC",
    r"Says Paris instead +InitializePlayer: not before Tue 18:00 UTC",
    r"Wednesday, in Tokyo since 15:00\n",
    r"Daily Duel until Thu 15:00 UTC",
    r"Wins three matches +ReportEvent: APPLIED, completes 2 goals",
    r"Claims the first tier of Pass of the Islands +ClaimReward: 50 COINS",
    r"Friday\n",
    r"Wins two matches +ReportEvent: APPLIED, completes 4 goals",
    r"Claims Star of the Week +ClaimReward: 1 STAR of Monday",
    r"Buys the premium track +SetPlayerAttribute: premium, for rewards of Pass of the Islands",
    r"Claims everything +ClaimAll: 6 new: 25 COINS, 25 COINS, 1 SUNGLASSES, 1 SAILBOAT, 1 CAPTAINS_HAT, 15 GEMS",
    r"Monday: a new week\n",
    r"Star of the Week: 0 of 8, not started",
    r"Reads the statistics +GetPlayerStats: 230 points, 0-day streak",
    r"15 of 15 goals completed, 20 rewards claimed, 1\d\d calls made",
    r"High Score +1 SILVER_CHEST +(?P=grant)",
    r"ReportEvent +20 +[\d.,]+ ms +[\d.,]+ ms",
)
"""Patterns that the output must match, in this order."""


def test_the_output_describes_every_step(targets: Mapping[str, str]) -> None:
    demo = subprocess.run(
        COMMAND,
        env={**os.environ, **targets},
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        timeout=DEMO_S,
        check=False,
    )
    assert (demo.returncode, demo.stderr) == (0, "")
    assert "\x1b" not in demo.stdout
    for end in range(1, len(STORY) + 1):
        assert re.search(".*".join(STORY[:end]), demo.stdout, re.DOTALL), (
            f"{STORY[end - 1]!r} is missing or out of order"
        )
    grants = re.findall(UUID, demo.stdout.partition("rewards claimed")[2])
    assert len(set(grants)) == len(grants) == 20


def test_the_script_has_every_goal_of_the_demo_catalogue() -> None:
    goals = load(ROOT / "catalogues" / "demo.yaml").goals
    assert goal_ids([*SCRIPT, *WEEK]) == goals.keys()
    assert sum(goal.points for goal in goals.values()) == POINTS + POINTS_OF_A_DAY + POINTS_OF_A_WEEK


def test_a_terminal_of_80_columns_shows_goals_that_move(targets: Mapping[str, str], tmp_path: Path) -> None:
    status, shown = _on_terminal(targets, tmp_path, columns=80, rows=24)
    assert status == 0
    assert "\x1b[1A" in shown, "the cursor never goes back up"
    lines = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown).splitlines()
    assert max(map(len, lines)) <= 80
    for words in ("Arena", "The Island", "Every Day", "GOAL_LOCKED", "15 of 15 goals completed"):
        assert any(words in line for line in lines), words


def _on_terminal(targets: Mapping[str, str], folder: Path, *, columns: int, rows: int) -> tuple[int, str]:
    """Return the exit status and the output of a demo on a terminal of this size."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    env = {"PATH": os.defpath, "LANG": "C.UTF-8", "TERM": "xterm-256color", **targets}
    with (folder / "stderr").open("w") as stderr:
        demo = subprocess.Popen(COMMAND, env=env, cwd=ROOT, stdin=theirs, stdout=theirs, stderr=stderr)
    os.close(theirs)
    written = b""
    try:
        while chunk := _read(ours):
            written += chunk
        return demo.wait(DEMO_S), written.decode()
    finally:
        demo.kill()
        demo.wait()
        os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:
        # On Linux the end of a terminal is an error (EIO).
        return b""
