"""Libraries that not every deployment uses are loaded where they are used: they cost memory, and time at a start."""

from __future__ import annotations

import subprocess
import sys

import pytest

RARELY_NEEDED = ("cryptography", "jwt", "opentelemetry", "pydantic", "redis", "urllib3", "yaml")


@pytest.mark.parametrize("service", ["challenge_service", "event_handler"])
def test_a_service_does_not_load_what_it_may_not_need(service: str) -> None:
    program = f"import sys, {service}.__main__; print(*(name for name in {RARELY_NEEDED} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
