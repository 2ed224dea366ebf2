"""Numbers that operators type, with their bounds."""

from __future__ import annotations

import argparse
from collections.abc import Callable


def whole_number(minimum: int, maximum: int) -> Callable[[str], int]:
    """What reads a whole number of these bounds, both allowed, and says what is wrong with another text.

    `argparse` has `choices` for that, but its message names every one of them, be it ten millions.
    """

    def read(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
        if not minimum <= number <= maximum:
            raise argparse.ArgumentTypeError(f"{text} is not between {minimum:,} and {maximum:,}")
        return number

    return read
