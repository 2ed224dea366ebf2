"""Invalid ids, and valid ids that are hard to handle."""

from __future__ import annotations

from shared.domain.acceptance import EVENT_ID_LENGTH_MAX, ID_LENGTH_MAX

MALFORMED = {
    "NUL": "a\0b",
    "only NUL": "\0",
    "line break": "a\nb",
    "terminal escape": "\x1b[31m",
    "delete": "a\x7f",
    "control character of the second kind": "a\x85b",
}


def bad_ids(length_max: int = ID_LENGTH_MAX) -> dict[str, str]:
    """Return ids that a required field refuses, by their fault."""
    return {"missing": "", **bad_optional_ids(length_max)}


def bad_optional_ids(length_max: int = ID_LENGTH_MAX) -> dict[str, str]:
    """Return ids that an optional field refuses, by their fault."""
    return {
        "one character too long": "x" * (length_max + 1),
        "too long, in wide characters": "\U0001f3ae" * (length_max + 1),
        "a megabyte": "x" * 1_000_000,
        **MALFORMED,
    }


STRANGE = [
    "it's",
    'say "hi"',
    "a:b::c",
    "{a,b}",
    '{"a","b"}',
    "back\\slash \\x00 \\\\",
    "NULL",
    " leading and trailing ",
    " ",
    "100% %s %(id)s $1 ${HOME} {0}",
    "'; DROP TABLE player; --",
    "' OR '1'='1",
    "\U0001f3c6\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\u0645\u0631\u062d\u0628\u0627 \u202e right to left",
    "Zo\u00eb",
    "Zoe\u0308",
    "zo\u00eb",
    "\ufeff\u2028\u200b\uffff",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "%00",
    "\u4e2d" * EVENT_ID_LENGTH_MAX,
]
"""Valid ids, stored unchanged. They are distinct, even if some look alike."""
