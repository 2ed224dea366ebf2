"""The number of examples by which a law is tried that takes long for each of them."""

from __future__ import annotations

import pytest


def examples(each_run: int, slow: int) -> pytest.MarkDecorator:
    """Parametrize `examples`: few in each run of the tests, other ones each time, and many in the slow suite."""
    return pytest.mark.parametrize("examples", [each_run, pytest.param(slow, marks=pytest.mark.slow)])
