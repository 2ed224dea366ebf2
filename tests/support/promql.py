"""PromQL, as far as tests look at it: the names of metrics in an expression, and what its brackets enclose."""

from __future__ import annotations

import re

_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_MATCHERS = re.compile(r"\{[^{}]*\}")
_RANGE = re.compile(r"\[[^\[\]]*\]")
_OFFSET = re.compile(r"\boffset\s+-?\w+")
_LABELS = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*(?!\s*\(|[A-Za-z0-9_:])")
_WORDS = {"and", "or", "unless", "bool", "by", "without", "on", "ignoring", "nan", "inf"}
_PAIRS = {")": "(", "}": "{", "]": "["}


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics that an expression reads. Raise `ValueError` if it cannot be read."""
    text = _STRING.sub('""', expression)
    if '"' in text.replace('""', ""):
        raise ValueError(f"an unclosed text: {expression}")
    _require_balanced(text)
    for pattern in (_MATCHERS, _RANGE, _OFFSET, _LABELS):
        text = pattern.sub(" ", text)
    names = {name for name in _NAME.findall(text) if name.lower() not in _WORDS}
    if not names:
        raise ValueError(f"no metric: {expression}")
    return names


def _require_balanced(text: str) -> None:
    opened: list[str] = []
    for character in text:
        if character in _PAIRS.values():
            opened.append(character)
        elif character in _PAIRS and (not opened or opened.pop() != _PAIRS[character]):
            raise ValueError(f"unbalanced {character}: {text}")
    if opened:
        raise ValueError(f"{opened[-1]} is not closed: {text}")
