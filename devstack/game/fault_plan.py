"""The faults of the game in deliveries: what goes wrong, and how often."""

from __future__ import annotations

from enum import Enum, auto
from typing import Annotated, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.domain.claims import RefusalReason

DELAY_MAX_S = 600

FaultPlanInvalid: TypeAlias = ValidationError
Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A share of attempts."""


class Action(Enum):
    """The game's response to an attempt."""

    GIVE = auto()
    REFUSE = auto()
    FAIL = auto()
    """Respond with an error and give nothing."""
    NO_RESPONSE = auto()
    """Give the reward and never respond: the caller times out and must ask again."""
    GARBLED_RESPONSE = auto()
    """Give the reward and send a response that cannot be parsed."""


class FaultPlan(BaseModel):
    """The share of each fault. They add up to 1 at most; in all other cases the reward is given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    delay_s: float = Field(default=0.0, ge=0, le=DELAY_MAX_S, allow_inf_nan=False)
    """Pause before anything else, in seconds."""
    errors: Share = 0.0
    no_responses: Share = 0.0
    garbled_responses: Share = 0.0
    refusals: Share = 0.0
    reason: RefusalReason = RefusalReason.INVENTORY_FULL
    """The reason of refusals."""
    retry_after_s: int = Field(default=0, ge=0, le=DELAY_MAX_S)
    """The pause that errors ask for, in seconds; 0 for none."""

    @model_validator(mode="after")
    def _check_shares(self) -> Self:
        if self.errors + self.no_responses + self.garbled_responses + self.refusals > 1:
            raise ValueError("errors, no_responses, garbled_responses and refusals must add up to 1 at most")
        return self

    def action(self, chance: float) -> Action:
        """Return what to do with an attempt; `chance` is random, from 0 to less than 1."""
        for share, action in (
            (self.errors, Action.FAIL),
            (self.no_responses, Action.NO_RESPONSE),
            (self.garbled_responses, Action.GARBLED_RESPONSE),
            (self.refusals, Action.REFUSE),
        ):
            if chance < share:
                return action
            chance -= share
        return Action.GIVE
