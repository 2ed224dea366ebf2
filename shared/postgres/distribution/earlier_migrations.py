"""Migrations that landed before there were distributed databases."""

from __future__ import annotations

from collections.abc import Sequence

from shared.postgres.connection import Connection
from shared.postgres.distribution.placement import placements

FIRST_ON_CLUSTERS = "0037"
"""The ways back of earlier migrations are not made for distributed tables."""


def problem_of_going_back(connection: Connection, names: Sequence[str]) -> str | None:
    """Return why one of these migrations cannot be taken back because tables are distributed; None if all can."""
    earlier = [name for name in names if name < FIRST_ON_CLUSTERS]
    if not earlier or not connection.on_citus or not placements(connection):
        return None
    return (
        f"migrations before {FIRST_ON_CLUSTERS} are not taken back where tables are distributed ({max(earlier)} is "
        "one): move the tables back to the coordinator first, by `admin distribute --back` (docs/citus.md)"
    )
