"""The steps of a script: each makes a call, checks the response, and describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeAlias

from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc

from demo.client import Client, Refusal, Reply
from demo.errors import DemoFailed, Unexpected
from demo.view import View

NO_RANKING = "RANKING_UNAVAILABLE"
"""Reason of the error until the players are ranked for the first time."""

Claims: TypeAlias = Mapping[str, challenge_pb2.Claim]
"""Claims by goal id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something in the game that becomes an event. The same happening is the same event, however often it is sent."""

    name: str
    """The event's id."""
    stat: str | None = None
    """None: a login."""
    delta: int | None = None
    value: int | None = None
    days_ago: int = 0

    def to_event(self, client: Client) -> event_rpc.Event:
        """Return the event that the client's player reports."""
        event = event_rpc.Event(event_id=self.name, user_id=client.player)
        event.event_time.FromDatetime(client.now - timedelta(days=self.days_ago))
        if self.stat is None:
            event.logged_in.SetInParent()
        else:
            event.stat_updated.MergeFrom(event_rpc.StatUpdated(stat_code=self.stat, delta=self.delta, value=self.value))
        return event


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The reply to a step's call, and how the player's goals must change with it."""

    reply: Reply[Any]
    words: str
    style: str = "default"
    """A rich style."""
    activated: frozenset[str] = frozenset()
    completed: frozenset[str] = frozenset()
    claimed: Claims = field(default_factory=dict)
    """The new claim."""


@dataclass(frozen=True)
class Step:
    """One call. `{goal}` in a caption stands for the name of the goal that the step is about."""

    caption: str
    moves: Mapping[str, int] = field(default_factory=dict, kw_only=True)
    """The goals whose shown progress changes, by id, and their new progress. No other goal moves."""

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:
        """Make the call; `view` and `claims` are the state before. Raise Unexpected if the response is not right."""
        raise NotImplementedError


@dataclass(frozen=True)
class Initialize(Step):
    """Stores the player, which activates all default goals."""

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:  # noqa: ARG002
        reply = client.call(client.challenges.InitializePlayer, rpc.InitializePlayerRequest(user_id=client.player))
        response = reply.accepted()
        if not response.created:
            raise player_not_new(client.player)
        _expect("the active goals", sorted(view.active), sorted(goal.goal_id for goal in response.goals))
        _expect("new_assignments", len(view.active), response.new_assignments)
        return Outcome(reply=reply, words=f"created, {len(response.goals)} goals active")


@dataclass(frozen=True)
class ListActive(Step):
    """Lists the active goals."""

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:  # noqa: ARG002
        request = rpc.ListChallengesRequest(user_id=client.player, active_only=True)
        reply = client.call(client.challenges.ListChallenges, request)
        listed = View(reply.accepted())
        _expect("the active goals", sorted(view.active), sorted(listed.goals))
        words = f"{len(listed.listed.challenges)} challenges, {len(listed.goals)} active goals"
        return Outcome(reply=reply, words=words)


@dataclass(frozen=True)
class Report(Step):
    """Reports events in one call: `ReportEvent` for one, `ReportEvents` for several."""

    events: Sequence[Happening]
    again: bool = field(default=False, kw_only=True)
    """They were reported before, and must not count a second time."""

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:  # noqa: ARG002
        events = [happening.to_event(client) for happening in self.events]
        reply: Reply[Any]
        if len(events) == 1:
            reply = one = client.call(client.events.ReportEvent, event_rpc.ReportEventRequest(event=events[0]))
            results = [one.accepted().result]
        else:
            reply = many = client.call(client.events.ReportEvents, event_rpc.ReportEventsRequest(events=events))
            results = list(many.accepted().results)
        verdict = "DUPLICATE" if self.again else "APPLIED"
        _expect("the results", [event.event_id for event in events], [result.event_id for result in results])
        for result in results:
            given = event_rpc.Verdict.Name(result.verdict).removeprefix("VERDICT_")
            _expect(f"event {result.event_id}", verdict, f"{given} {result.reason}".rstrip())
        completed = [completion.goal_id for result in results for completion in result.completions]
        words = verdict if len(results) == 1 else f"{len(results)} {verdict}"
        if len(completed) == 1:
            words += f", completes {view.goals[completed[0]].name}"
        elif completed:
            words += f", completes {len(completed)} goals"
        style = "yellow" if self.again else "default"
        return Outcome(reply=reply, words=words, style=style, completed=frozenset(completed))


@dataclass(frozen=True)
class Activate(Step):
    """Activates a goal that is not active."""

    goal_id: str

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:  # noqa: ARG002
        challenge_id = view.goals[self.goal_id].challenge_id
        request = rpc.SetGoalActiveRequest(
            user_id=client.player, challenge_id=challenge_id, goal_id=self.goal_id, active=True
        )
        reply = client.call(client.challenges.SetGoalActive, request)
        goal = reply.accepted().goal
        _expect("the goal", (self.goal_id, True), (goal.goal_id, goal.active))
        words = f"active, at {goal.progress:,} of {goal.target:,}" if goal.progress else "active"
        completed = {self.goal_id} if goal.state == challenge_pb2.GOAL_STATE_COMPLETED else frozenset()
        return Outcome(reply=reply, words=words, activated=frozenset({self.goal_id}), completed=frozenset(completed))


@dataclass(frozen=True)
class Claim(Step):
    """Claims a goal's reward."""

    goal_id: str
    request_id: str = field(default="", kw_only=True)
    again: bool = field(default=False, kw_only=True)
    """It was claimed before under this `request_id`: the response must be the same grant."""
    refused: str = field(default="", kw_only=True)
    """The reason with which the claim must be refused. Empty: it is granted."""
    wait_s: float = field(default=0.0, kw_only=True)
    """Seconds to wait until the reward has reached the player, at most 10."""

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:
        goal = view.goals[self.goal_id]
        request = rpc.ClaimRewardRequest(
            user_id=client.player, challenge_id=goal.challenge_id, goal_id=goal.goal_id, request_id=self.request_id
        )
        if self.wait_s:
            request.wait.FromTimedelta(timedelta(seconds=self.wait_s))
        reply = client.call(client.challenges.ClaimReward, request)
        if self.refused:
            reason = reply.outcome.reason if isinstance(reply.outcome, Refusal) else "no error"
            _expect("the reason of ClaimReward's error", self.refused, reason)
            return Outcome(reply=reply, words=self.refused, style="red")
        claim = reply.accepted().claim
        if self.again:
            _expect("the grant", claims[goal.goal_id].grant_id, claim.grant_id)
            return Outcome(reply=reply, words=f"the same grant {claim.grant_id}", style="yellow")
        _expect("the reward", reward_words(goal.reward), reward_words(claim.reward))
        if claim.grant_id in {"", *(earlier.grant_id for earlier in claims.values())}:
            raise Unexpected(f"the grant id {claim.grant_id!r} is not new")
        state = challenge_pb2.ClaimState.Name(claim.state).removeprefix("CLAIM_STATE_")
        words = f"{reward_words(claim.reward)}, {state}, grant {claim.grant_id}"
        return Outcome(reply=reply, words=words, claimed={goal.goal_id: claim})


@dataclass(frozen=True)
class ReadStatistics(Step):
    """Reads the statistics, which must count every completed goal and every claimed reward."""

    points: int
    login_streak: int
    """In days."""

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:
        request = statistics_rpc.GetPlayerStatsRequest(user_id=client.player)
        reply = client.call(client.statistics.GetPlayerStats, request)
        stats = reply.accepted().stats
        _expect("the completed goals", len(view.done), stats.total.completed)
        _expect("the claimed rewards", len(claims), stats.total.claimed)
        _expect("the points", self.points, stats.total.points)
        _expect("the login streak", self.login_streak, stats.current_login_streak)
        by_challenge = sum(challenge.achievement.points for challenge in stats.challenges)
        _expect("the points of all challenges", self.points, by_challenge)
        return Outcome(reply=reply, words=f"{stats.total.points:,} points, {stats.current_login_streak}-day streak")


@dataclass(frozen=True)
class ReadRank(Step):
    """Reads the player's rank on a leaderboard, which may not have ranked the player yet."""

    leaderboard_id: str

    def perform(self, client: Client, view: View, claims: Claims) -> Outcome:  # noqa: ARG002
        request = leaderboard_rpc.GetPlayerRankRequest(leaderboard_id=self.leaderboard_id, user_id=client.player)
        reply = client.call(client.leaderboards.GetPlayerRank, request)
        if isinstance(reply.outcome, Refusal) and reply.outcome.reason == NO_RANKING:
            return Outcome(reply=reply, words="no ranking yet")
        response = reply.accepted()
        if not response.on_board:
            return Outcome(reply=reply, words="not ranked yet")
        _expect("the player", client.player, response.entry.user_id)
        return Outcome(reply=reply, words=f"rank {response.entry.rank:,} of {response.state.size:,}")


@dataclass(frozen=True)
class Chapter:
    """Steps that belong together."""

    title: str
    steps: Sequence[Step]

    def goal_ids(self) -> frozenset[str]:
        """Return the ids of all goals that the chapter names."""
        about = {step.goal_id for step in self.steps if isinstance(step, Activate | Claim)}
        return frozenset(about.union(*(step.moves for step in self.steps)))


def reward_words(reward: challenge_pb2.Reward) -> str:
    """Return a reward such as `1,000 COINS`."""
    return f"{reward.quantity:,} {reward.reward_id}"


def player_not_new(player: str) -> DemoFailed:
    """Return the error for a player who has played before."""
    return DemoFailed(f"{player} has played before: leave out --player for a new one, or name another")


def _expect(subject: str, expected: object, given: object) -> None:
    if given != expected:
        raise Unexpected(f"{subject}: expected {expected}, got {given}")
