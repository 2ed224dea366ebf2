"""What `optimize` does, one step after the other, and a table of what came of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from admin.terminal import add, lines_of, progress_bars, show
from shared.cache.redis import CacheRefused, CacheUnavailable
from shared.domain.errors import ChallengeError
from shared.postgres.maintenance.maintenance import MaintenanceRefused

Progress = Callable[[int], object]
"""Told how much further a step is."""


class NotDone(Exception):
    """Why a step could not be done."""


class Step(NamedTuple):
    """One thing to do, or to be said about what need not or cannot be done."""

    what: str
    work: Callable[[Progress], str]
    """Does it and answers what came of it, or raises `NotDone`."""
    total: int | None = None
    """How far it goes; None if nobody knows."""
    only_says: bool = False
    """Whether it changes nothing."""


def said(what: str, why: str) -> Step:
    """Nothing is to be done."""
    return Step(what, lambda _: why, only_says=True)


def impossible(what: str, why: str) -> Step:
    """Something is to be done, and cannot be."""

    def fail(_: Progress) -> str:
        raise NotDone(why)

    return Step(what, fail, only_says=True)


def perform(steps: Iterable[Step], *, dry: bool) -> bool:
    """Do all steps, each after the one before it was, and show what came of them; whether nothing failed.

    A dry run changes nothing.
    """
    table = lines_of("step", "outcome", "seconds")
    done = True
    with progress_bars() as progress:
        for step in _as_far_as_known(steps):
            if dry and not step.only_says:
                add(table, step.what, "would be done", "")
                continue
            task = progress.add_task(step.what, total=step.total, visible=not step.only_says)
            started = time.monotonic()
            try:
                outcome = step.work(lambda further, task=task: progress.advance(task, further))  # type: ignore[misc]
            except _FAILURES as failure:
                done, outcome = False, f"not done: {text_of(failure)}"
            progress.update(task, total=1, completed=1)
            add(table, step.what, outcome, "" if step.only_says else f"{time.monotonic() - started:.2f}")
    show(table)
    return done


_FAILURES = (NotDone, MaintenanceRefused, CacheUnavailable, CacheRefused, ChallengeError)


def text_of(failure: Exception) -> str:
    """What a person is told of it."""
    return "Redis does not answer" if isinstance(failure, CacheUnavailable) else str(failure)


def _as_far_as_known(steps: Iterable[Step]) -> Iterator[Step]:
    try:
        yield from steps
    except _FAILURES as failure:
        yield impossible("find out what else to do", text_of(failure))
