"""The scheduling of a service's threads."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import os, threading
from shared.runtime.interpreter import use_batch_scheduling

use_batch_scheduling()
policies = []
thread = threading.Thread(target=lambda: policies.append(os.sched_getscheduler(threading.get_native_id())))
thread.start()
thread.join()
print(policies == [os.SCHED_BATCH])
"""


@pytest.mark.skipif(not hasattr(os, "SCHED_BATCH"), reason="the system has no such policy")
def test_woken_threads_do_not_preempt_others() -> None:
    ran = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    assert ran.stdout == "True\n"
