"""The format in which players are exported and imported: JSON, one object a line.

A line names the table in `table`; the other keys are its columns. Columns that have a default may be missing.
"""

from __future__ import annotations

import json

FORMAT = 1
HEADER = "export"
"""The table of the first line of an export."""


def header(user_id: str) -> str:
    """Return the first line of an export."""
    return json.dumps({"table": HEADER, "format": FORMAT, "user_id": user_id})


def line_of(table: str, content: str) -> str:
    """Return the line of a row, whose columns are given as a JSON object."""
    return json.dumps({"table": table, **json.loads(content)})
