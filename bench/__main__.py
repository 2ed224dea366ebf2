"""`python -m bench`: measure, and print the report."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from bench import machine
from bench.database import Databases, connected
from bench.figures import Table
from bench.tables.batches import measure_batches
from bench.tables.events import measure_events
from bench.tables.lists import measure_lists
from bench.terminal import Terminal
from bench.workplace import Terms, Workplace

TABLES: dict[str, Callable[[Workplace], Table]] = {
    "lists": measure_lists,
    "events": measure_events,
    "batches": measure_batches,
}
