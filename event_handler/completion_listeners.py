"""Who is told what was completed: caches, boards, metrics. After the commit, so what they hear has happened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence

from shared.domain.events import CompletionKey, Outcome

log = logging.getLogger(__name__)

CompletionListener = Callable[[Sequence[CompletionKey]], None]
"""Told of completions in the writer's thread, before the callers are answered: it must be quick, and never waits."""


def tell(listeners: Iterable[CompletionListener], outcomes: Iterable[Outcome | None]) -> None:
    """Tell all listeners what was completed. One that fails is logged: the events are committed all the same."""
    completions = [completion for outcome in outcomes if outcome for completion in outcome.completions]
    if not completions:
        return
    for listener in listeners:
        try:
            listener(completions)
        except Exception:
            log.exception("a completion listener failed", extra={"completions": len(completions)})
