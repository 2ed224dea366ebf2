"""Notices of the server."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Protocol

from psycopg.errors import Diagnostic


class Warned(Protocol):
    """A connection that notes warnings."""

    warned: bool


def noting_warnings(connection: weakref.ref[Warned]) -> Callable[[Diagnostic], None]:
    """Return a handler of notices that notes warnings on a connection. It does not keep the connection alive."""

    def note(notice: Diagnostic) -> None:
        noting = connection()
        if noting is not None and notice.severity_nonlocalized == "WARNING":
            noting.warned = True

    return note
