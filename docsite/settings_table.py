"""The table in `docs/settings.md`: `make settings` brings it up to date with the settings classes."""

from __future__ import annotations

from pathlib import Path

from challenge_service.settings import ChallengeSettings
from event_handler.settings import EventHandlerSettings
from event_source.settings import EventSourceSettings
from reward_dispatcher.settings import DispatcherSettings
from shared.runtime.settings_report import markdown_table

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"
PROCESSES = (ChallengeSettings, EventHandlerSettings, DispatcherSettings, EventSourceSettings)


def with_current_table(page: str) -> str:
    """Return the page with the table of today's settings in place of the one that it has; the table stands last."""
    return page[: page.index("| Variable")] + markdown_table(*PROCESSES)


if __name__ == "__main__":
    PAGE.write_text(with_current_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
