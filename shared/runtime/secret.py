"""Settings that must not be shown: their text is only had by asking for it."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from urllib.parse import unquote

MASK = "***"
# scheme://user:password@host, up to the last @, because people put characters into passwords that a URL does not allow;
# and the password=… of a connection string or URL query.
_URL_PASSWORD = re.compile(r"(?<=://)([^/?#@:]*):\S*@")
_URL_PARTS = re.compile(r"://([^/?#@:]*):(\S*)@")
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


class Hider:
    """Masks the secrets of a settings object wherever a library repeats them in a message or an exception."""

    def __init__(self, settings: object) -> None:
        words = sorted({word for secret in _secrets(settings) for word in _words(secret)}, key=len, reverse=True)
        self._secrets = re.compile("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in words)) if words else None

    def __call__(self, text: str) -> str:
        """Return the text without secrets."""
        text = masked(text)
        return text if self._secrets is None else self._secrets.sub(MASK, text)


def _secrets(settings: object) -> Iterator[Secret]:
    if isinstance(settings, Secret):
        yield settings
    elif dataclasses.is_dataclass(settings):
        for field in dataclasses.fields(settings):
            yield from _secrets(getattr(settings, field.name))


def _words(secret: Secret) -> Iterator[str]:
    """Yield the texts that must not be shown. Of an address this is the password, unless everybody knows it."""
    if not isinstance(secret, SecretAddress):
        yield secret.reveal()
        return
    text = secret.reveal()
    for user, password in _URL_PARTS.findall(text):
        if password and password != user:
            yield from {password, unquote(password)}
    for _, password in _NAMED_PASSWORD.findall(text):
        yield from {password, password.strip("'"), unquote(password)}
