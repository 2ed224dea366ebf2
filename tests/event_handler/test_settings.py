"""Settings of the event handler that depend on what players may still claim."""

from __future__ import annotations

import re

import pytest

from event_handler.settings import EventHandlerSettings
from shared.runtime.settings import load
from shared.runtime.start_refused import SettingsInvalid

REQUIRED = {"DATABASE_URL": "postgresql://host/game", "CATALOGUE": "catalogue.yaml"}


@pytest.mark.parametrize(("text", "days"), [("", 0), ("0", 0), ("400", 400), ("36500", 36_500)])
def test_completions_are_kept_for_ever_or_for_as_long_as_anything_may_change(text: str, days: int) -> None:
    loaded = load(EventHandlerSettings, {**REQUIRED, "COMPLETION_RETENTION_D": text})
    assert loaded.events.completion_retention_d == days


@pytest.mark.parametrize("text", ["1", "399", "+399", "3_99", "-1", "36501", "a year"])
def test_a_retention_in_which_rewards_can_be_claimed_is_refused(text: str) -> None:
    for name in ("COMPLETION_RETENTION_D", "CLAIM_RETENTION_D", "AUDIT_RETENTION_D"):
        with pytest.raises(SettingsInvalid, match=f"{name} is '?{re.escape(text)}"):
            load(EventHandlerSettings, {**REQUIRED, name: text})


@pytest.mark.parametrize("text", ["1", "6", "+6", "0_6", "-7", "7.5", "36501"])
def test_packing_of_periods_that_may_be_current_is_refused(text: str) -> None:
    with pytest.raises(SettingsInvalid, match=f"COMPLETION_PACK_D is '?{re.escape(text)}"):
        load(EventHandlerSettings, {**REQUIRED, "COMPLETION_PACK_D": text})
    assert load(EventHandlerSettings, {**REQUIRED, "COMPLETION_PACK_D": "7"}).events.completion_pack_d == 7
