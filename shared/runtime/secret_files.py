"""Secrets from files: the name of a setting with the suffix _FILE names the file in which its text stands.

Container platforms mount secrets as files, and an environment is shown by many tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from shared.runtime.file_watch import FileRefused, read_small

SUFFIX = "_FILE"


def secret_text(name: str, environ: Mapping[str, str]) -> str:
    """Return the text of a secret setting, without surrounding space; empty if it is not set.

    Raise ValueError, with the end of a sentence that begins with the name, if it is set in both ways or the file cannot
    be read.
    """
    text, file = environ.get(name, "").strip(), environ.get(name + SUFFIX, "").strip()
    if not file:
        return text
    if text:
        raise ValueError(f"and {name}{SUFFIX} are both set: set one of them")
    try:
        contents = read_small(Path(file)).decode().strip()
    except FileRefused as refusal:
        raise ValueError(f"is read from {name}{SUFFIX}, but {refusal}") from None
    except UnicodeDecodeError:
        raise ValueError(f"is read from {name}{SUFFIX}, but {file} is not UTF-8") from None
    if not contents:
        raise ValueError(f"is read from {name}{SUFFIX}, but {file} is empty")
    return contents
