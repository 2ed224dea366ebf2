"""Settings that must not be shown: their text is only had by asking for it."""

from __future__ import annotations

import re

MASK = "***"
# scheme://user:password@host, up to the last @, because people put characters into passwords that a URL does not allow;
# and the password=… of a connection string or URL query.
_URL_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):\S*@")
_NAMED_PASSWORD = re.compile(r"(password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]+)", re.IGNORECASE)


class Secret:
    """Text that is shown as asterisks wherever it is printed, logged or part of an error."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and other._text == self._text

    def __hash__(self) -> int:
        return hash((type(self), self._text))


class SecretAddress(Secret):
    """A URL or connection string that is shown without the password that it may contain."""

    __slots__ = ()

    def __str__(self) -> str:
        return masked(self._text)


def masked(text: str) -> str:
    """Return the text without the password that a URL or connection string in it may contain."""
    return _NAMED_PASSWORD.sub(rf"\1{MASK}", _URL_PASSWORD.sub(rf"\1:{MASK}@", text))
