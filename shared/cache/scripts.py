"""Lua scripts that Redis runs atomically."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import NoScriptError

_FOLDER = Path(__file__).with_name("lua")

Argument = str | bytes | int


class Script:
    """One script. Redis caches it after its first run."""

    def __init__(self, name: str) -> None:
        """Load the script from the file `lua/<name>.lua`."""
        self._text = (_FOLDER / f"{name}.lua").read_text(encoding="utf-8")
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: redis.Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run the script and return its result."""
        try:
            return client.evalsha(self._digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return client.eval(self._text, len(keys), *keys, *arguments)
