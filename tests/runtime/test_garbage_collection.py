"""The pace of the garbage collector."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import weakref
from shared.runtime.interpreter import NEW_OBJECTS_MAX, collect_seldom

class Circle:
    def __init__(self):
        self.itself = self

collect_seldom()
circle = weakref.ref(Circle())
kept = [[] for _ in range(NEW_OBJECTS_MAX // 2)]
assert circle() is not None, "collected too early"
kept += [[] for _ in range(NEW_OBJECTS_MAX)]
assert circle() is None, "not collected"
"""


def test_circles_are_collected_after_many_new_objects() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
