"""A valid request of each type of the challenge service, and for every field the values that must be refused."""

from __future__ import annotations

from typing import Any, NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from shared.domain.instant import DAY, SECOND
from shared.domain.leaderboard import PLAYERS_MAX
from shared.rpc.validation import CHALLENGE_IDS_MAX, SELECTED_MAX
from tests.support.bad_ids import bad_ids, bad_optional_ids
from tests.support.event_messages import timestamp
from tests.support.services import NOW

INVALID_ARGUMENT = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND

VALID: dict[str, dict[str, Any]] = {
    "InitializePlayerRequest": {"user_id": "player", "time_zone": "Europe/Paris"},
    "ListChallengesRequest": {"user_id": "player"},
    "GetChallengeRequest": {"user_id": "player", "challenge_id": "arena"},
    "SetGoalActiveRequest": {"user_id": "player", "challenge_id": "arena", "goal_id": "warm-up", "active": False},
    "ClaimRewardRequest": {"user_id": "player", "challenge_id": "arena", "goal_id": "warm-up", "request_id": "request"},
    "ClaimAllRequest": {"user_id": "player"},
    "ListClaimableRequest": {"user_id": "player"},
    "GetClaimRequest": {"user_id": "player", "grant_id": "6b0f6f3e-6a0b-5a53-9b0c-0f2d3c7a9d11"},
    "ListClaimsRequest": {"user_id": "player"},
    "GetRotationRequest": {"user_id": "player"},
    "SelectGoalsRequest": {"user_id": "player", "challenge_id": "arena", "goal_ids": ["champion"], "request_id": "one"},
    "SelectRandomGoalsRequest": {"user_id": "player", "challenge_id": "arena", "count": 1, "request_id": "one"},
    "RerollGoalRequest": {"user_id": "player", "challenge_id": "arena", "goal_id": "champion", "request_id": "one"},
    "SetPlayerAttributeRequest": {"user_id": "player", "attribute": "premium", "present": True},
    "GetPlayerStatsRequest": {"user_id": "player"},
    "GetPlayerTrendRequest": {"user_id": "player"},
    "ListLeaderboardRequest": {"leaderboard_id": "wins"},
    "GetPlayerRankRequest": {"leaderboard_id": "wins", "user_id": "player"},
    "GetChallengeReportRequest": {},
}
"""A valid request of each type, which would succeed or change something."""


class Bad(NamedTuple):
    """A value that must be refused, and the expected error."""

    problem: str
    value: Any
    code: grpc.StatusCode = INVALID_ARGUMENT
    reason: str = "INVALID_REQUEST"
    violation: str = ""
    """The field that the error names; empty: the field with the value."""


def _ids(ids: dict[str, str]) -> list[Bad]:
    return [Bad(problem, value) for problem, value in ids.items()]


REQUIRED_ID = _ids(bad_ids())
CHALLENGE_ID = [*REQUIRED_ID, Bad("unknown", "Arena", NOT_FOUND, "CHALLENGE_NOT_FOUND")]
GOAL_ID = [
    *REQUIRED_ID,
    Bad("unknown", "warm-up ", NOT_FOUND, "GOAL_NOT_FOUND"),
    Bad("of another challenge", "veteran", NOT_FOUND, "GOAL_NOT_FOUND"),
]
TIME_ZONE = [*_ids(bad_optional_ids(64)), Bad("unknown", "Mars/Olympus_Mons"), Bad("a path", "../Europe/Paris")]
NO_TIMESTAMPS = [
    Bad(problem, Timestamp(seconds=seconds, nanos=nanos))
    for problem, seconds, nanos in [
        ("after all years", 253_402_300_800, 0),
        ("after all numbers", 2**63 - 1, 0),
        ("before all years", -62_135_596_801, 0),
        ("before all numbers", -(2**63), 0),
        ("negative nanos", 0, -1),
        ("too many nanos", 0, 1_000_000_000),
    ]
]
LEADERBOARD_ID = [*REQUIRED_ID, Bad("unknown", "Wins", NOT_FOUND, "LEADERBOARD_NOT_FOUND")]
PERIOD_TIME = [
    *NO_TIMESTAMPS,
    *(
        Bad(problem, Timestamp(seconds=seconds), NOT_FOUND, "LEADERBOARD_PERIOD_NOT_FOUND")
        for problem, seconds in [
            ("long ago", 1),
            ("far ahead", NOW // SECOND + 10_000_000),
            ("year 1", -62_135_596_800),
            ("year 9999", 253_402_300_799),
        ]
    ),
]
PAGE_TOKEN = [
    Bad("foreign", "AAAAAAAAAAAAAAAA"),
    Bad("no token", "2"),
    Bad("NUL", "\0"),
    Bad("a megabyte", "A" * 1_000_000),
]
NOTHING: list[Bad] = []
"""For a field of which every value is valid."""

BAD: dict[str, list[Bad]] = {
    "InitializePlayerRequest.user_id": REQUIRED_ID,
    "InitializePlayerRequest.time_zone": TIME_ZONE,
    "InitializePlayerRequest.catalogue_version": _ids(bad_optional_ids(128)),
    "InitializePlayerRequest.omit_goals": NOTHING,
    "ListChallengesRequest.user_id": REQUIRED_ID,
    "ListChallengesRequest.active_only": NOTHING,
    "ListChallengesRequest.upcoming": NOTHING,
    "ListChallengesRequest.challenge_ids": [
        *(Bad(f"second is {bad.problem}", ["arena", bad.value], violation="challenge_ids[1]") for bad in REQUIRED_ID),
        Bad("too many", ["arena"] * (CHALLENGE_IDS_MAX + 1)),
        Bad("far too many", [str(number) for number in range(100_000)]),
    ],
    "ListChallengesRequest.page_size": [Bad("negative", -1), Bad("too great", 1_001), Bad("greatest", 2**31 - 1)],
    "ListChallengesRequest.page_token": PAGE_TOKEN,
    "ListChallengesRequest.catalogue_version": _ids(bad_optional_ids()),
    "GetChallengeRequest.user_id": REQUIRED_ID,
    "GetChallengeRequest.challenge_id": CHALLENGE_ID,
    "SetGoalActiveRequest.user_id": REQUIRED_ID,
    "SetGoalActiveRequest.challenge_id": CHALLENGE_ID,
    "SetGoalActiveRequest.goal_id": GOAL_ID,
    "SetGoalActiveRequest.active": NOTHING,
    "ClaimRewardRequest.user_id": REQUIRED_ID,
    "ClaimRewardRequest.challenge_id": CHALLENGE_ID,
    "ClaimRewardRequest.goal_id": GOAL_ID,
    "ClaimRewardRequest.period_start": [
        Bad(problem, Timestamp(seconds=seconds, nanos=nanos), NOT_FOUND, "OCCURRENCE_NOT_FOUND")
        for problem, seconds, nanos in [
            ("the epoch", 0, 0),
            ("year 1", -62_135_596_800, 0),
            ("year 9999", 253_402_300_799, 999_999_999),
        ]
    ]
    + NO_TIMESTAMPS,
    "ClaimRewardRequest.occurrence": [
        Bad("negative", -1),
        Bad("least", -(2**31)),
        Bad("second", 2, NOT_FOUND, "OCCURRENCE_NOT_FOUND"),
        Bad("greatest", 2**31 - 1, NOT_FOUND, "OCCURRENCE_NOT_FOUND"),
    ],
    "ClaimRewardRequest.request_id": _ids(bad_optional_ids()),
    "ClaimRewardRequest.wait": [
        Bad(problem, Duration(seconds=seconds, nanos=nanos))
        for problem, seconds, nanos in [
            ("negative", -1, 0),
            ("a little negative", 0, -1),
            ("a little too long", 10, 1),
            ("for ever", 2**63 - 1, 0),
            ("of two signs", 1, -5),
            ("of two other signs", -1, 5),
            ("with too many nanos", 0, 1_000_000_000),
        ]
    ],
    "ClaimAllRequest.user_id": REQUIRED_ID,
    "ClaimAllRequest.challenge_id": [
        *_ids(bad_optional_ids()),
        Bad("unknown", "Arena", NOT_FOUND, "CHALLENGE_NOT_FOUND"),
    ],
    "GetRotationRequest.user_id": REQUIRED_ID,
    "SelectGoalsRequest.user_id": REQUIRED_ID,
    "SelectGoalsRequest.challenge_id": CHALLENGE_ID,
    "SelectGoalsRequest.goal_ids": [
        *(Bad(f"second is {bad.problem}", ["champion", bad.value], violation="goal_ids[1]") for bad in REQUIRED_ID),
        *(Bad(bad.problem, ["champion", bad.value], bad.code, bad.reason) for bad in GOAL_ID if bad.code is NOT_FOUND),
        Bad("none", []),
        Bad("too many", ["champion"] * (SELECTED_MAX + 1)),
        Bad("far too many", [str(number) for number in range(30_000)]),
    ],
    "SelectGoalsRequest.replace": NOTHING,
    "SelectGoalsRequest.request_id": _ids(bad_optional_ids()),
    "SelectRandomGoalsRequest.user_id": REQUIRED_ID,
    "SelectRandomGoalsRequest.challenge_id": CHALLENGE_ID,
    "SelectRandomGoalsRequest.count": [
        *(Bad(name, count) for name, count in (("none", 0), ("negative", -1), ("the least", -(2**31)))),
        *(Bad(name, count) for name, count in (("too many", SELECTED_MAX + 1), ("the most", 2**31 - 1))),
    ],
    "SelectRandomGoalsRequest.replace": NOTHING,
    "SelectRandomGoalsRequest.exclude_active": NOTHING,
    "SelectRandomGoalsRequest.tag": _ids(bad_optional_ids()),
    "SelectRandomGoalsRequest.request_id": _ids(bad_optional_ids()),
    "RerollGoalRequest.user_id": REQUIRED_ID,
    "RerollGoalRequest.challenge_id": CHALLENGE_ID,
    "RerollGoalRequest.goal_id": GOAL_ID,
    "RerollGoalRequest.request_id": _ids(bad_optional_ids()),
    "SetPlayerAttributeRequest.user_id": REQUIRED_ID,
    "SetPlayerAttributeRequest.attribute": [
        *REQUIRED_ID,
        Bad("required by no reward", "gold", NOT_FOUND, "ATTRIBUTE_UNKNOWN"),
    ],
    "SetPlayerAttributeRequest.present": NOTHING,
    "ListClaimableRequest.user_id": REQUIRED_ID,
    "ListClaimableRequest.page_size": [Bad("negative", -1), Bad("too great", 1_001), Bad("greatest", 2**31 - 1)],
    "ListClaimableRequest.page_token": [
        Bad("foreign", "AAAAAAAAAAAAAAAAAAAAAAA="),
        Bad("not UTF-8", "AAAAAAAAAAAAAAAAAAAAAP8="),
        Bad("no token", "2"),
        Bad("NUL", "\0"),
        Bad("a megabyte", "A" * 1_000_000),
    ],
    "GetClaimRequest.user_id": REQUIRED_ID,
    "GetClaimRequest.grant_id": [
        *REQUIRED_ID,
        Bad("no UUID", "grant"),
        Bad("another spelling", "6B0F6F3E-6A0B-5A53-9B0C-0F2D3C7A9D11"),
        Bad("in braces", "{6b0f6f3e-6a0b-5a53-9b0c-0f2d3c7a9d11}"),
        Bad("unknown", "6b0f6f3e-6a0b-5a53-9b0c-0f2d3c7a9d11", NOT_FOUND, "CLAIM_NOT_FOUND"),
    ],
    "ListClaimsRequest.user_id": REQUIRED_ID,
    "ListClaimsRequest.states": [
        Bad("unspecified", [0], violation="states[0]"),
        Bad("second is unknown", [1, 99], violation="states[1]"),
        Bad("too many", [1] * 17),
    ],
    "ListClaimsRequest.page_size": [Bad("negative", -1), Bad("too great", 1_001), Bad("greatest", 2**31 - 1)],
    "ListClaimsRequest.page_token": PAGE_TOKEN,
    "GetPlayerStatsRequest.user_id": REQUIRED_ID,
    "GetPlayerTrendRequest.user_id": REQUIRED_ID,
    "GetPlayerTrendRequest.from_time": [
        *NO_TIMESTAMPS,
        Bad("tomorrow", timestamp(NOW + DAY)),
        Bad("too many days before today", timestamp(NOW - 365 * DAY)),
        Bad("the epoch", timestamp(0)),
        Bad("year 1", Timestamp(seconds=-62_135_596_800)),
    ],
    "GetPlayerTrendRequest.to_time": [*NO_TIMESTAMPS, Bad("year 1", Timestamp(seconds=-62_135_596_800))],
    "GetChallengeReportRequest.challenge_id": [
        *_ids(bad_optional_ids()),
        Bad("unknown", "Arena", NOT_FOUND, "CHALLENGE_NOT_FOUND"),
    ],
    "ListLeaderboardRequest.leaderboard_id": LEADERBOARD_ID,
    "ListLeaderboardRequest.period_time": PERIOD_TIME,
    "ListLeaderboardRequest.user_ids": [
        *(Bad(f"second is {bad.problem}", ["ana", bad.value], violation="user_ids[1]") for bad in REQUIRED_ID),
        Bad("too many", ["ana"] * (PLAYERS_MAX + 1)),
        Bad("far too many", [str(number) for number in range(100_000)]),
    ],
    "ListLeaderboardRequest.page_size": [Bad("negative", -1), Bad("too great", 501), Bad("greatest", 2**31 - 1)],
    "ListLeaderboardRequest.page_token": PAGE_TOKEN,
    "GetPlayerRankRequest.leaderboard_id": LEADERBOARD_ID,
    "GetPlayerRankRequest.user_id": REQUIRED_ID,
    "GetPlayerRankRequest.period_time": PERIOD_TIME,
    "GetPlayerRankRequest.neighbours": [Bad("negative", -1), Bad("too many", 51), Bad("greatest", 2**31 - 1)],
    "GetPlayerRankRequest.top_percent": [Bad("negative", -1), Bad("too great", 101), Bad("greatest", 2**31 - 1)],
}
