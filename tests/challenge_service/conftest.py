"""Fixtures of this folder."""

from __future__ import annotations

from tests.support.arena import arena_game

__all__ = ["arena_game"]
