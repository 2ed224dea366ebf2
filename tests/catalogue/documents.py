"""Catalogue documents as plain data, and functions that write and load them."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from shared.catalogue.loader import load
from shared.catalogue.problem import CatalogueInvalid, Problem
from shared.domain.catalogue import Catalogue
from shared.domain.goal import AMOUNT_MAX

Mapping = dict[str, Any]

# Few enough that two documents drawn independently share challenges, goals and stats.
CHALLENGE_IDS = ["arena", "league", "dungeon \U0001f409"]
GOAL_IDS = ["win", "lose", "draw", "'; drop table goal", "no", "1"]
STATS = ["wins", "losses", "on"]
SCHEDULE_IDS = ["daily", "in winter"]


def goal(goal_id: str = "win", **differing: Any) -> Mapping:
    """Return a goal in document form; keys set to None are omitted."""
    reward = {"type": "WALLET", "id": "GEMS", "quantity": 10}
    written = {"id": goal_id, "name": "Win", "source": "stat", "stat": "wins", "count": "sum", "target": 3}
    return {key: value for key, value in {**written, "reward": reward, **differing}.items() if value is not None}


def document(*goals: Mapping, **further: Any) -> Mapping:
    """Return a document with one challenge of these goals."""
    return {"challenges": [{"id": "arena", "name": "Arena", "goals": list(goals)}], **further}


def loaded(content: Mapping) -> Catalogue:
    """Write the document to a file and return the catalogue loaded from it."""
    return loaded_text(json.dumps(content), "catalogue.json")


def loaded_text(text: str, name: str = "catalogue.yaml") -> Catalogue:
    """Return the catalogue loaded from a file with this name and text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, name)
        file.write_text(text, "utf-8")
        return load(file)


def problems_in(path: Path) -> tuple[Problem, ...]:
    """Return the problems of the catalogue at `path`; none if it loads."""
    try:
        load(path)
    except CatalogueInvalid as invalid:
        return invalid.problems
    return ()


def write_json(path: Path, content: object) -> Path:
    """Write the content as JSON and return the path."""
    path.write_text(json.dumps(content), "utf-8")
    return path


amounts = st.integers(1, 3) | st.just(AMOUNT_MAX)
texts = st.sampled_from(["Win", "null", "Gewinne \u2764", "two\twords: and a 'quote'"])


@st.composite
def goals(draw: st.DrawFn, goal_id: str, earlier: list[str]) -> Mapping:
    """Draw a valid goal that may require earlier ones."""
    written: Mapping = {"id": goal_id, "name": draw(st.sampled_from(["Win", "Lose"])), "target": draw(amounts)}
    written["source"] = draw(st.sampled_from(["login", "stat"]))
    if written["source"] == "stat":
        written["stat"] = draw(st.sampled_from(STATS))
        written["count"] = draw(st.sampled_from(["latest", "highest", "sum", "events", "days"]))
    else:
        written["count"] = draw(st.sampled_from(["events", "days"]))
    reward_type = draw(st.sampled_from(["ITEM", "WALLET"]))
    written["reward"] = {"type": reward_type, "id": draw(st.sampled_from(["GEMS", "BOX"])), "quantity": draw(amounts)}
    optional = {
        "description": texts,
        "default_assigned": st.booleans(),
        "requires": st.lists(st.sampled_from(earlier), unique=True) if earlier else st.just([]),
        "suspended": st.booleans(),
        "claim": st.sampled_from(["manual", "auto"]),
        "schedule": st.sampled_from(SCHEDULE_IDS),
        "weight": st.integers(1, 3),
    }
    return written | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def boards(draw: st.DrawFn, board_id: str) -> Mapping:
    """Draw a valid leaderboard."""
    written: Mapping = {"id": board_id, "name": "Board", "over": draw(st.sampled_from(["points", "login", "stat"]))}
    if written["over"] == "login":
        written["count"] = draw(st.sampled_from(["events", "days"]))
    elif written["over"] == "stat":
        written["stat"] = draw(st.sampled_from(STATS))
        written["count"] = draw(st.sampled_from(["sum", "events", "highest", "days"]))
    optional = {
        "description": texts,
        "period": st.sampled_from(["all_time", "day", "week", "month"]),
        "order": st.sampled_from(["ascending", "descending"]),
        "ranks": st.sampled_from(["shared", "strict"]),
    }
    return written | draw(st.fixed_dictionaries({}, optional=optional))


@st.composite
def schedules(draw: st.DrawFn) -> list[Mapping]:
    """Draw the schedules that goals may name."""
    written: list[Mapping] = [{"id": "daily", "every": "day"}, {"id": "in winter", "every": "week", "season": "winter"}]
    for schedule in written:
        optional = {"at": st.sampled_from(["05:00", "06:00"]), "claim_grace": st.just({"days": 9})}
        schedule.update(draw(st.fixed_dictionaries({}, optional=optional)))
    return draw(st.permutations(written))


@st.composite
def seasons(draw: st.DrawFn) -> list[Mapping]:
    """Draw the runs of the season that schedules name, and of another one."""
    ends = st.sampled_from(["2026-12-24T00:00:00Z", "2026-12-31T00:00:00Z"])
    runs: list[Mapping] = [{"id": "winter", "starts": "2026-12-01T00:00:00Z", "ends": draw(ends)}]
    further: Mapping = {"id": "summer", "starts": "2026-07-01T00:00:00Z", "ends": "2026-08-01T00:00:00Z"}
    return [*runs, further] if draw(st.booleans()) else runs


@st.composite
def pools(draw: st.DrawFn, challenge: Mapping) -> Mapping:
    """Return the challenge as a pool."""
    members = [
        {key: value for key, value in goal.items() if key not in ("requires", "default_assigned", "schedule")}
        for goal in challenge["goals"]
    ]
    for member in members:
        if draw(st.booleans()):
            member["from"] = draw(st.sampled_from(["2026-01-05", "2026-01-05T12:00:00+01:00"]))
    optional = {"no_repeat": st.integers(0, 2), "rerolls": st.integers(0, 2)}
    keys = {"select": draw(st.integers(1, len(members))), "schedule": "daily", "goals": members}
    return {**challenge, **keys, **draw(st.fixed_dictionaries({}, optional=optional))}


@st.composite
def documents(draw: st.DrawFn) -> Mapping:
    """Draw a valid document."""
    goal_ids = draw(st.lists(st.sampled_from(GOAL_IDS), min_size=1, unique=True))
    challenge_ids = draw(st.lists(st.sampled_from(CHALLENGE_IDS), min_size=1, max_size=len(goal_ids), unique=True))
    challenges: list[Mapping] = [{"id": each, "name": draw(st.sampled_from(["A", "B"]))} for each in challenge_ids]
    written = [draw(goals(goal_id, goal_ids[:index])) for index, goal_id in enumerate(goal_ids)]
    for index, challenge in enumerate(challenges):
        challenge["goals"] = written[index :: len(challenges)]
        if draw(st.booleans()):
            challenge["description"] = draw(texts)
    if draw(st.booleans()):
        challenges[-1] = draw(pools(challenges[-1]))
    content: Mapping = {"challenges": challenges, "schedules": draw(schedules()), "seasons": draw(seasons())}
    if draw(st.booleans()):
        content["stats"] = draw(st.lists(st.sampled_from(STATS), unique=True))
    board_ids = draw(st.lists(st.sampled_from(["best", "most"]), unique=True))
    if board_ids:
        content["leaderboards"] = [draw(boards(board_id)) for board_id in board_ids]
    return content


@st.composite
def neighbours(draw: st.DrawFn) -> tuple[Mapping, Mapping]:
    """Draw two valid documents that differ in at most one place."""
    one = draw(documents())
    other: Mapping = copy.deepcopy(one)
    challenge = draw(st.sampled_from(other["challenges"]))
    place = draw(st.integers(0, len(challenge["goals"]) - 1))
    changes = ["challenges", "goals", "goal", "field", "challenge", "stats", "leaderboards", "schedules", "seasons"]
    change = draw(st.sampled_from(changes))
    if change == "challenges":
        other["challenges"] = draw(st.permutations(other["challenges"]))
    elif change == "goals":
        challenge["goals"] = draw(st.permutations(challenge["goals"]))
    elif change == "goal":
        challenge["goals"][place] = draw(goals(challenge["goals"][place]["id"], []))
    elif change == "field":
        optional = st.sampled_from([("target", 7), ("name", "Other"), ("description", ""), ("default_assigned", True)])
        challenge["goals"][place].update([draw(optional)])
    elif change == "schedules":
        other["schedules"] = draw(schedules())
    elif change == "seasons":
        other["seasons"] = draw(seasons())
    elif change == "challenge":
        challenge["description"] = draw(texts)
    elif change == "leaderboards":
        other["leaderboards"] = [draw(boards("best")), *other.get("leaderboards", [])[1:]]
        other["leaderboards"] = list({board["id"]: board for board in other["leaderboards"]}.values())
    else:
        other["stats"] = draw(st.lists(st.sampled_from(STATS), unique=True))
    if change in ("goal", "field") and "select" in challenge:
        challenge.update(draw(pools(challenge)))
    return one, other
