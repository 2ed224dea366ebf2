"""A player's actions: each makes a call, checks the response, and returns the words that describe it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from challenge.v1 import challenge_pb2
from challenge.v1 import challenge_service_pb2 as rpc
from challenge.v1 import event_service_pb2 as event_rpc
from challenge.v1 import leaderboard_service_pb2 as leaderboard_rpc
from challenge.v1 import statistics_service_pb2 as statistics_rpc
from google.protobuf.timestamp_pb2 import Timestamp

from demo.client import Client, DemoFailed, Refusal

NO_RANKING = "RANKING_UNAVAILABLE"
"""Reason of the error until the players are ranked for the first time."""

_COMPLETED = (challenge_pb2.GOAL_STATE_COMPLETED, challenge_pb2.GOAL_STATE_CLAIMED)


class Player:
    """The player, and the goals as last listed. Every method raises DemoFailed if a response is not right."""

    def __init__(self, client: Client) -> None:
        """List the goals. Raise DemoFailed if the player has played before."""
        self._client = client
        to_monday = timedelta(days=7 - client.now.weekday())
        self._monday = (client.now + to_monday).replace(hour=18, minute=0, second=0, microsecond=0)
        self.claims: list[challenge_pb2.Claim] = []
        """All claims so far."""
        self.completed: set[str] = set()
        """The goals that were completed when they were listed, by id."""
        self.challenges = self.list_challenges()
        if any(goal.progress for goal in self.goals.values()):
            raise self._not_new()

    def list_challenges(self) -> rpc.ListChallengesResponse:
        """List all challenges, keep them, note the goals that are completed, and return the challenges."""
        request = rpc.ListChallengesRequest(user_id=self._client.player)
        self.challenges = self._client.call(self._client.challenges.ListChallenges, request).accepted()
        self.completed |= {goal.goal_id for goal in self.goals.values() if goal.state in _COMPLETED}
        return self.challenges

    @property
    def goals(self) -> Mapping[str, challenge_pb2.Goal]:
        """All goals by id, in the catalogue's order."""
        return _goals(self.challenges)

    def initialize(self) -> str:
        """Store the player, which activates all default goals."""
        request = rpc.InitializePlayerRequest(user_id=self._client.player)
        response = self._client.call(self._client.challenges.InitializePlayer, request).accepted()
        if not response.created:
            raise self._not_new()
        _expect("the active goals", self._active(), [goal.goal_id for goal in response.goals])
        _expect("new_assignments", len(response.goals), response.new_assignments)
        return f"created, {len(response.goals)} goals active"

    def list_active(self) -> str:
        """List the active goals."""
        request = rpc.ListChallengesRequest(user_id=self._client.player, active_only=True)
        response = self._client.call(self._client.challenges.ListChallenges, request).accepted()
        listed = list(_goals(response))
        _expect("the active goals", self._active(), listed)
        return f"{len(response.challenges)} challenges, {len(listed)} active goals"

    def report(self, *events: event_rpc.Event, days_ago: int = 0, again: bool = False) -> str:
        """Report events by one call; those that were reported before must not count a second time."""
        sent = []
        for event in events:
            sent.append(event_rpc.Event(user_id=self._client.player))
            sent[-1].MergeFrom(event)
            sent[-1].event_time.FromDatetime(self._client.now - timedelta(days=days_ago))
        stub = self._client.events
        if len(sent) == 1:
            request = event_rpc.ReportEventRequest(event=sent[0])
            results = [self._client.call(stub.ReportEvent, request).accepted().result]
        else:
            several = event_rpc.ReportEventsRequest(events=sent)
            results = list(self._client.call(stub.ReportEvents, several).accepted().results)
        verdict = "DUPLICATE" if again else "APPLIED"
        _expect("the results", [event.event_id for event in sent], [result.event_id for result in results])
        for result in results:
            given = event_rpc.Verdict.Name(result.verdict).removeprefix("VERDICT_")
            _expect(f"event {result.event_id}", verdict, f"{given} {result.reason}".rstrip())
        completed = [completion.goal_id for result in results for completion in result.completions]
        words = verdict if len(results) == 1 else f"{len(results)} {verdict}"
        if len(completed) == 1:
            return f"{words}, completes {self.goals[completed[0]].name}"
        return f"{words}, completes {len(completed)} goals" if completed else words

    def activate(self, goal_id: str) -> str:
        """Activate a goal that is not active."""
        request = rpc.SetGoalActiveRequest(
            user_id=self._client.player, challenge_id=self.goals[goal_id].challenge_id, goal_id=goal_id, active=True
        )
        goal = self._client.call(self._client.challenges.SetGoalActive, request).accepted().goal
        _expect("the goal", (goal_id, True), (goal.goal_id, goal.active))
        return f"active, at {goal.progress:,} of {goal.target:,}" if goal.progress else "active"

    def claim(
        self, goal_id: str, request_id: str = "", *, refused: str = "", wait_s: float = 0.0, weekday: str = ""
    ) -> str:
        """Claim a goal's reward, and wait for up to `wait_s` until it has reached the player.

        The claim must be `refused` for this reason, if there is one. With the `request_id` of an earlier claim, it must
        be that claim. With a `weekday` the reward must be of a period that began on that day.
        """
        goal = self.goals[goal_id]
        request = rpc.ClaimRewardRequest(
            user_id=self._client.player, challenge_id=goal.challenge_id, goal_id=goal_id, request_id=request_id
        )
        if wait_s:
            request.wait.FromTimedelta(timedelta(seconds=wait_s))
        reply = self._client.call(self._client.challenges.ClaimReward, request)
        if refused:
            reason = reply.outcome.reason if isinstance(reply.outcome, Refusal) else "no error"
            _expect("the reason of ClaimReward's error", refused, reason)
            return refused
        claim = reply.accepted().claim
        earlier = {each.grant_id for each in self.claims if each.goal_id == goal_id}
        if request_id and earlier:
            _expect("the grant", earlier, {claim.grant_id})
            return f"the same grant {claim.grant_id}"
        for each in (claim, *reply.accepted().further_claims):
            self._take(each)
        state = challenge_pb2.ClaimState.Name(claim.state).removeprefix("CLAIM_STATE_")
        if weekday:
            _expect("the first day of the period", weekday, f"{claim.period_start.ToDatetime():%A}")
        return f"{reward_words(claim.reward)}{weekday and f' of {weekday}'}, {state}, grant {claim.grant_id}"

    def claim_all(self, goal_ids: Sequence[str]) -> str:
        """Claim all rewards that can be claimed, which must be those of these goals."""
        request = rpc.ClaimAllRequest(user_id=self._client.player)
        results = self._client.call(self._client.challenges.ClaimAll, request).accepted().results
        made = [result for result in results if result.newly_claimed]
        _expect("the goals of the new claims", list(goal_ids), [result.goal_id for result in made])
        new = [claim for result in made for claim in (result.claim, *result.further_claims)]
        for claim in new:
            self._take(claim)
        return f"{len(new)} new: {', '.join(reward_words(claim.reward) for claim in new)}"

    def buy(self, attribute: str, goal_id: str) -> str:
        """Buy an attribute, as the game reports it. A reward of the goal is withheld until then."""
        request = rpc.SetPlayerAttributeRequest(user_id=self._client.player, attribute=attribute, present=True)
        response = self._client.call(self._client.challenges.SetPlayerAttribute, request).accepted()
        _expect("the attributes", (True, [attribute]), (response.changed, list(response.attributes)))
        goal = self.goals[goal_id]
        _expect("the withheld rewards until now", [2], list(goal.withheld_rewards))
        return f"{attribute}, for rewards of {goal.name}"

    def sleep(self, day: int, goal_id: str) -> str:
        """Go on at 18:00 UTC of a day of next week, counted from Monday; return how long the goal's period lasts."""
        self._client.now = self._monday + timedelta(days=day)
        return f"{self.goals[goal_id].name} until {_moment(self._rotation(goal_id).current.end_time)}"

    def change_time_zone(self, time_zone: str, goal_id: str) -> str:
        """Change the player's time zone, which must leave the goal's current period as it is."""
        before = self._rotation(goal_id)
        self._client.call(
            self._client.challenges.InitializePlayer,
            rpc.InitializePlayerRequest(user_id=self._client.player, time_zone=time_zone, omit_goals=True),
        ).accepted()
        after = self._rotation(goal_id)
        _expect("the current period", before.current, after.current)
        return f"today ends {_moment(after.current.end_time)} as before, the next day {_moment(after.next.end_time)}"

    def change_time_zone_again(self, time_zone: str) -> str:
        """Change the time zone once more, which must be refused for a while."""
        request = rpc.InitializePlayerRequest(user_id=self._client.player, time_zone=time_zone, omit_goals=True)
        response = self._client.call(self._client.challenges.InitializePlayer, request).accepted()
        _expect("a refusal of the time zone", True, response.HasField("time_zone_refused"))
        return f"not before {_moment(response.time_zone_refused.next_change_time)}"

    def read_statistics(self, points: int, login_streak: int, completions: int) -> str:
        """Read the statistics, which must count every completed and every claimed goal, as often as each was."""
        request = statistics_rpc.GetPlayerStatsRequest(user_id=self._client.player)
        stats = self._client.call(self._client.statistics.GetPlayerStats, request).accepted().stats
        _expect("the completed goals", completions, stats.total.completed)
        claimed = {(each.goal_id, each.period_start.ToNanoseconds(), each.occurrence) for each in self.claims}
        _expect("the claimed goals", len(claimed), stats.total.claimed)
        _expect("the points", points, stats.total.points)
        _expect("the login streak", login_streak, stats.current_login_streak)
        by_challenge = sum(challenge.achievement.points for challenge in stats.challenges)
        _expect("the points of all challenges", points, by_challenge)
        return f"{stats.total.points:,} points, {stats.current_login_streak}-day streak"

    def read_rank(self, leaderboard_id: str) -> str:
        """Read the player's rank on a leaderboard, which may not have ranked the player yet."""
        request = leaderboard_rpc.GetPlayerRankRequest(leaderboard_id=leaderboard_id, user_id=self._client.player)
        reply = self._client.call(self._client.leaderboards.GetPlayerRank, request)
        if isinstance(reply.outcome, Refusal) and reply.outcome.reason == NO_RANKING:
            return "no ranking yet"
        response = reply.accepted()
        if not response.on_board:
            return "not ranked yet"
        _expect("the player", self._client.player, response.entry.user_id)
        return f"rank {response.entry.rank:,} of {response.state.size:,}"

    def _rotation(self, goal_id: str) -> rpc.Rotation:
        """Return the periods of a goal."""
        request = rpc.GetRotationRequest(user_id=self._client.player)
        schedules = self._client.call(self._client.challenges.GetRotation, request).accepted().schedules
        return next(each for each in schedules if each.schedule_id == self.goals[goal_id].schedule_id)

    def _take(self, claim: challenge_pb2.Claim) -> None:
        """Add a new claim, whose reward must be that of its goal, or of its tier."""
        reward = rewards_of(self.goals[claim.goal_id], claim.occurrence)[claim.reward_number - 1]
        _expect("the reward", reward_words(reward), reward_words(claim.reward))
        if claim.grant_id in {"", *(earlier.grant_id for earlier in self.claims)}:
            raise DemoFailed(f"the grant id {claim.grant_id!r} is not new")
        self.claims.append(claim)

    def _active(self) -> list[str]:
        return [goal_id for goal_id, goal in self.goals.items() if goal.active]

    def _not_new(self) -> DemoFailed:
        return DemoFailed(f"{self._client.player} has played before: leave out --player for a new one, or name another")


def rewards_of(goal: challenge_pb2.Goal, occurrence: int) -> Sequence[challenge_pb2.Reward]:
    """Return all rewards of an occurrence or a tier of a goal."""
    return goal.tiers[occurrence - 1].rewards if goal.tiers else [goal.reward, *goal.further_rewards]


def reward_words(reward: challenge_pb2.Reward) -> str:
    """Return a reward such as `1,000 COINS`."""
    return f"{reward.quantity:,} {reward.reward_id}"


def _moment(instant: Timestamp) -> str:
    """Return an instant such as `Wed 15:00 UTC`."""
    return f"{instant.ToDatetime():%a %H:%M} UTC"


def _goals(listed: rpc.ListChallengesResponse) -> dict[str, challenge_pb2.Goal]:
    return {goal.goal_id: goal for challenge in listed.challenges for goal in challenge.goals}


def _expect(subject: str, expected: object, given: object) -> None:
    if given != expected:
        raise DemoFailed(f"{subject}: expected {expected}, got {given}")
