"""Bounds on what is read, so that a file named by mistake costs neither memory nor time.

A catalogue at its limits, with 10,000 goals of 25 values each, stays within them. At the bounds a file costs at most
some seconds and 150 MB, whatever it contains.
"""

from __future__ import annotations

FILE_BYTES_MAX = 16 * 1024 * 1024
"""Maximum size in bytes of one file, and of all files of a folder together."""
FILES_MAX = 1_000
"""Maximum number of files in a folder."""
ENTRIES_MAX = 10_000
"""Maximum number of entries of a folder that are listed, whether they are catalogue files or not."""
VALUES_MAX = 300_000
"""Maximum number of values (scalars, lists and mappings) in all files together."""
KEYS_MAX = 1_000
"""Maximum number of keys in one mapping. A catalogue needs 14."""
NESTING_MAX = 16
"""Levels of nested lists and mappings. A catalogue needs six; the bound keeps parsers from exhausting the stack."""
NUMBER_DIGITS_MAX = 100
"""Maximum length of a number in YAML; longer ones are text."""
