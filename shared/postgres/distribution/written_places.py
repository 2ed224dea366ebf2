"""Places that transactions write on a cluster: rows on the coordinator, or rows of players on their nodes.

Citus commits on the node first if a transaction has written rows on one node alone: of those on the coordinator it does
not know. So what is written in both places is committed in two phases, which a copy into a distributed table brings
about.
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

DISTRIBUTED = (
    "player",
    "tally",
    "distinct_value",
    "player_attribute",
    "assignment",
    "selection",
    "completion",
    "settled_completion",
    "standing",
    "carried_completion",
    "started_challenge",
    "event_seen",
)
"""Tables that are distributed by `user_id`, all of a player's rows on one node. All are placed as the first."""

WRITING_FUNCTIONS = (
    "analyze_leaderboard_mark",
    "analyze_leaderboard_ranking",
    "analyze_settled_completion",
    "delete_old_audits",
    "drop_event_seen_partitions",
    "drop_settled_grant_partitions",
    "erase_player",
    "make_event_seen_partition",
    "make_settled_grant_partition",
    "stage_import_rows",
    "store_import_rows",
)
"""Functions that statements call and that write, wherever that is."""

_COMMENT = re.compile(rb"--.*")
_WRITTEN = re.compile(
    rb"\b(?:INSERT INTO|(?<!FOR )(?<!KEY )(?<!DO )UPDATE|DELETE FROM|MERGE INTO|TRUNCATE) (?:ONLY )?(\w+)"
)
_CALLED = re.compile(rb"\b(?:" + "|".join(WRITING_FUNCTIONS).encode() + rb")\(")


class Written(NamedTuple):
    """The places that something writes."""

    on_coordinator: bool = False
    on_nodes: bool = False

    def with_that_of(self, other: Written) -> Written:
        """Return the places that either writes."""
        return Written(self.on_coordinator or other.on_coordinator, self.on_nodes or other.on_nodes)


NOTHING = Written()
ANYWHERE = Written(on_coordinator=True, on_nodes=True)

COMMIT_IN_TWO_PHASES = (
    b"commit_in_two_phases",
    b"INSERT INTO started_challenge"
    b" SELECT * FROM (SELECT ''::text, ''::text) AS none WHERE pg_current_xact_id()::text = ''",
)
"""Name and text of a statement that copies no row. It takes a tenth of a millisecond."""


@cache
def written_by(text: bytes) -> Written:
    """Return the places that a statement writes."""
    text = _COMMENT.sub(b"", text)
    if _CALLED.search(text):
        return ANYWHERE
    tables = {name.decode() for name in _WRITTEN.findall(text)}
    return Written(on_coordinator=not tables <= set(DISTRIBUTED), on_nodes=not tables.isdisjoint(DISTRIBUTED))
