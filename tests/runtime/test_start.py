"""The start of a service."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import gc, runpy, sys
states = []
def look(event, arguments):
    if event == "import" and arguments[0] == "shared.runtime.service":
        states.append(gc.isenabled())
sys.addaudithook(look)
sys.argv = [{module!r}, "--help"]
try:
    runpy.run_module({module!r}, run_name="__main__")
except SystemExit as end:
    assert end.code == 0, end.code
assert states == [False], "the collector runs during imports"
assert gc.isenabled(), "the collector stays disabled"
"""


def test_the_collector_is_disabled_only_during_imports() -> None:
    program = PROGRAM.format(module="reward_dispatcher")
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
