"""Completions and claims of one transaction, for those who count what is committed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Achieved(NamedTuple):
    """The ids of challenges, once for each completion or claim."""

    completed: Sequence[str]
    claimed_by_call: Sequence[str]
    claimed_automatically: Sequence[str]
