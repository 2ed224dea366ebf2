"""Names of processes: a process is reported as gone only if that is certain."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from shared.runtime.process_name import ProcessName

OWN = ProcessName()
OTHER = """
import time
from shared.runtime.process_name import ProcessName
print(ProcessName(), flush=True)
time.sleep(60)
"""


def test_a_process_is_known_to_be_gone_once_it_has_ended() -> None:
    process = subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert f":{process.pid}@" in name
        assert not OWN.knows_to_be_gone(name)
        process.kill()
        process.wait()
        assert OWN.knows_to_be_gone(name)


def test_an_earlier_process_with_the_same_id_is_known_to_be_gone() -> None:
    assert not OWN.knows_to_be_gone(str(OWN))
    assert OWN.knows_to_be_gone(str(ProcessName()))


@pytest.mark.parametrize("scope", ["00000000", "ffffffff"])
def test_a_process_of_another_machine_or_container_is_never_known_to_be_gone(scope: str) -> None:
    assert not OWN.knows_to_be_gone(re.sub(r"@[0-9a-f]+", f"@{scope}", str(ProcessName())))


@pytest.mark.parametrize("name", ["", "host:1", "host:1@", "host:-1@0.0", "bench", f"host:1@{'0' * 8}"])
def test_a_malformed_name_is_never_known_to_be_gone(name: str) -> None:
    assert not OWN.knows_to_be_gone(name)
