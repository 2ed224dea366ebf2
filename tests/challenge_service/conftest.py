"""Fixtures of this folder."""

from __future__ import annotations

from tests.support.sample_catalogue import sample_game

__all__ = ["sample_game"]
