"""The schema of outages in a catalogue document: days on which players could not play, or their events were lost."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from shared.catalogue.fields import Form, Id
from shared.catalogue.time_fields import Date

OUTAGE_STATS_MAX = 100


class OutageForm(Form):
    """A day that is not missed without an event."""

    day: Date
    stats: Annotated[list[Id], Field(min_length=1, max_length=OUTAGE_STATS_MAX)] | None = None
    """The stats that are affected, with those derived from them; None for all stats and logins."""


def _as_mapping(value: object) -> object:
    return value if isinstance(value, dict) else {"day": value}


Outage = Annotated[OutageForm, BeforeValidator(_as_mapping)]
"""A mapping, or only the date."""
