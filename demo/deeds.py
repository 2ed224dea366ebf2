"""The player's deeds, one function for each kind of step: make the call, hold the answer against the step, word it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from challenge.v1 import challenge_pb2
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc

from demo.client import Client, Refusal, Reply
from demo.errors import PlayerNotNew, Unexpected
from demo.picture import Picture
from demo.steps import Activate, Claim, Initialize, ListActive, ReadRank, ReadStatistics, Report, Step
from demo.words import claim_word, reward_words, verdict_word

NO_RANKING = "RANKING_UNAVAILABLE"
"""Without Redis, until the database has ranked its players for the first time."""


class Tone(Enum):
    """What kind of answer it is."""

    DONE = auto()
    REPEATED = auto()
    REFUSED = auto()


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a call answered, and what the player's goals must look like after it."""

    reply: Reply[Any]
    words: str
    tone: Tone = Tone.DONE
    activated: frozenset[str] = frozenset()
    completed: frozenset[str] = frozenset()
    claimed: Mapping[str, challenge_pb2.Claim] = field(default_factory=dict)
    """The claim that is new, by goal id."""
    statistics: statistics_rpc.PlayerStats | None = None
    """What the player has reached, if that was read."""


def perform(step: Step, client: Client, picture: Picture, claims: Mapping[str, challenge_pb2.Claim]) -> Outcome:
    """Do what the step says; `picture` and `claims`, by goal id, are how things are before.

    Raises Unexpected if the answer is not the step's.
    """
    match step:
        case Initialize():
            return _initialize(client, picture)
        case ListActive():
            return _list_active(client, picture)
        case Report():
            return _report(step, client, picture)
        case Activate():
            return _activate(step, client, picture)
        case Claim() if step.refused:
            return _claim_in_vain(step, client, picture)
        case Claim():
            return _claim(step, client, picture, claims)
        case ReadStatistics():
            return _read_statistics(step, client, picture, claims)
        case ReadRank():
            return _read_rank(step, client)
    raise TypeError(f"no such kind of step: {step!r}")


def _initialize(client: Client, picture: Picture) -> Outcome:
    reply = client.initialize()
    response = reply.accepted()
    if not response.created:
        raise PlayerNotNew(client.player)
    _expect("the active goals", sorted(picture.active), sorted(goal.goal_id for goal in response.goals))
    _expect("new_assignments", len(picture.active), response.new_assignments)
    return Outcome(reply=reply, words=f"created, {len(response.goals)} goals active")


def _list_active(client: Client, picture: Picture) -> Outcome:
    reply = client.list_challenges(active_only=True)
    listed = Picture(reply.accepted())
    _expect("the active goals", sorted(picture.active), sorted(listed.goals))
    return Outcome(reply=reply, words=f"{len(listed.listed.challenges)} challenges, {len(listed.goals)} active goals")


def _report(step: Report, client: Client, picture: Picture) -> Outcome:
    reply: Reply[Any]
    if len(step.events) == 1:
        reply = one = client.report_one(step.events[0])
        results = [one.accepted().result]
    else:
        reply = several = client.report_all(step.events)
        results = list(several.accepted().results)
    verdict = verdict_word(event_rpc.VERDICT_DUPLICATE if step.again else event_rpc.VERDICT_APPLIED)
    _expect("the results", [event.name for event in step.events], [result.event_id for result in results])
    for result in results:
        _expect(f"event {result.event_id}", verdict, f"{verdict_word(result.verdict)} {result.reason}".rstrip())
    completed = [completion.goal_id for result in results for completion in result.completions]
    words = verdict if len(results) == 1 else f"{len(results)} {verdict}"
    if len(completed) == 1:
        words += f", completes {picture.goals[completed[0]].name}"
    elif completed:
        words += f", completes {len(completed)} goals"
    tone = Tone.REPEATED if step.again else Tone.DONE
    return Outcome(reply=reply, words=words, tone=tone, completed=frozenset(completed))


def _activate(step: Activate, client: Client, picture: Picture) -> Outcome:
    reply = client.activate(picture.goals[step.goal_id].challenge_id, step.goal_id)
    goal = reply.accepted().goal
    _expect("the goal", (step.goal_id, "active"), (goal.goal_id, "active" if goal.active else "inactive"))
    already = f", at {goal.progress:,} of {goal.target:,}" if goal.progress else ""
    completed = {step.goal_id} if goal.state == challenge_pb2.GOAL_STATE_COMPLETED else frozenset()
    return Outcome(
        reply=reply, words=f"active{already}", activated=frozenset({step.goal_id}), completed=frozenset(completed)
    )


def _claim(step: Claim, client: Client, picture: Picture, claims: Mapping[str, challenge_pb2.Claim]) -> Outcome:
    goal = picture.goals[step.goal_id]
    reply = client.claim(goal.challenge_id, goal.goal_id, step.request_id, wait_s=step.wait_s)
    claim = reply.accepted().claim
    if step.again:
        _expect("the grant", claims[goal.goal_id].grant_id, claim.grant_id)
        return Outcome(reply=reply, words=f"the same grant {claim.grant_id}", tone=Tone.REPEATED)
    _expect("the reward", reward_words(goal.reward), reward_words(claim.reward))
    if claim.grant_id in {"", *(earlier.grant_id for earlier in claims.values())}:
        raise Unexpected(f"the grant id {claim.grant_id!r} is not a new one")
    words = f"{reward_words(claim.reward)}, {claim_word(claim)}, grant {claim.grant_id}"
    return Outcome(reply=reply, words=words, claimed={goal.goal_id: claim})


def _claim_in_vain(step: Claim, client: Client, picture: Picture) -> Outcome:
    reply = client.claim(picture.goals[step.goal_id].challenge_id, step.goal_id, step.request_id)
    if not isinstance(reply.answer, Refusal):
        raise Unexpected(f"{reply.method} granted what was to be refused with {step.refused}")
    if reply.answer.reason != step.refused:
        raise Unexpected(f"{reply.method} was to be refused with {step.refused}, but answered {reply.answer}")
    return Outcome(reply=reply, words=step.refused, tone=Tone.REFUSED)


def _read_statistics(
    step: ReadStatistics, client: Client, picture: Picture, claims: Mapping[str, challenge_pb2.Claim]
) -> Outcome:
    reply = client.read_statistics()
    stats = reply.accepted().stats
    _expect("the completed goals", len(picture.done), stats.total.completed)
    _expect("the claimed rewards", len(claims), stats.total.claimed)
    _expect("the points", step.points, stats.total.points)
    _expect("the login streak", step.login_streak, stats.current_login_streak)
    words = f"{stats.total.points:,} points, {stats.current_login_streak}-day streak"
    return Outcome(reply=reply, words=words, statistics=stats)


def _read_rank(step: ReadRank, client: Client) -> Outcome:
    reply = client.read_rank(step.leaderboard_id)
    if isinstance(reply.answer, Refusal) and reply.answer.reason == NO_RANKING:
        return Outcome(reply=reply, words="no ranking yet")
    response = reply.accepted()
    if not response.on_board:
        return Outcome(reply=reply, words="not ranked yet")
    _expect("the player", client.player, response.entry.user_id)
    return Outcome(reply=reply, words=f"rank {response.entry.rank:,} of {response.state.size:,}")


def _expect(what: str, expected: object, answered: object) -> None:
    if answered != expected:
        raise Unexpected(f"{what}: expected {expected}, but it is {answered}")
