"""Arguments and options that several commands take."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar, cast

import click

from admin.terminal import printable
from shared.cache.keys import PREFIX_PATTERN
from shared.domain.acceptance import ID_LENGTH_MAX, id_problem
from shared.domain.instant import Instant, to_instant
from shared.domain.operator_acts import Acting
from shared.runtime.clock import system_clock

REASON_LENGTH_MAX = 500

_F = TypeVar("_F", bound=Callable[..., Any])


def identifier(length_max: int = ID_LENGTH_MAX) -> Callable[[str], str]:
    """Return a check of texts: not empty, not too long, no control characters."""

    def check(text: str) -> str:
        # Bytes that are not UTF-8 arrive as lone surrogates.
        problem = id_problem(text, length_max) or (None if text.isprintable() else _encoding_problem(text))
        if problem is not None:
            raise click.BadParameter(problem)
        return text

    return check


def _encoding_problem(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return "is not UTF-8"
    return None


def redis_prefix(text: str) -> str:
    """Return a prefix of keys in Redis."""
    if PREFIX_PATTERN.fullmatch(text) is None:
        raise click.BadParameter(f"{text!r} is not up to 64 letters, digits and any of _ . : -")
    return text


def audit_text(length_max: int) -> Callable[[str], str]:
    """Return a check of texts for the audit: identifiers of visible characters and spaces only."""
    is_identifier = identifier(length_max)

    def check(text: str) -> str:
        hidden = [character for character in is_identifier(text) if not character.isprintable()]
        if hidden:
            raise click.BadParameter(f"contains a character that is not visible: {printable(hidden[0])}")
        return text

    return check


def _user_name_if_any() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return None


def user_name() -> str:
    """Return the name of the user who runs the command."""
    name = _user_name_if_any()
    if name is None:
        raise click.UsageError(f"give --operator: user id {os.getuid()} has no name here")
    return name


def instant(text: str) -> Instant:
    """Return the instant of a date or time in ISO 8601, in UTC unless it names another zone."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no date or time such as 2026-11-25 or 2026-11-25T12:00Z") from None
    return to_instant(moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC))


def count_option(
    name: str, least: int, most: int, default: int | None, text: str, metavar: str = "N"
) -> Callable[[_F], _F]:
    """Return an option for a whole number between two bounds, both allowed."""
    return click.option(
        name,
        type=click.IntRange(least, most),
        default=default,
        show_default=default is not None,
        metavar=metavar,
        help=text,
    )


player = click.argument("player", type=identifier(), help="The player's id.")
dry_run = click.option("--dry-run", is_flag=True, help="Only say what would change.")
reason = click.option(
    "--reason", required=True, type=audit_text(REASON_LENGTH_MAX), metavar="TEXT", help="Why, for the audit."
)
optional_reason = click.option(
    "--reason", type=audit_text(REASON_LENGTH_MAX), metavar="TEXT", help="Why, for the audit."
)


def _operator_option(default: Callable[[], str | None]) -> Callable[[_F], _F]:
    return click.option(
        "--operator",
        # Called only if the option is not given.
        default=default,
        show_default="your user name",
        type=audit_text(ID_LENGTH_MAX),
        metavar="NAME",
        help="Name of the operator, for the audit.",
    )


operator = _operator_option(user_name)


def acts(command: _F) -> _F:
    """Add --operator and --reason, neither of them required; the command receives them as `acting`."""

    @wraps(command)
    def acting(*arguments: Any, operator: str | None, reason: str | None, **options: Any) -> Any:
        return command(*arguments, acting=Acting(system_clock(), operator, reason), **options)

    return _operator_option(_user_name_if_any)(optional_reason(cast("_F", acting)))


def exactly_one(name: str, value: str | None, *, every: bool) -> None:
    """Raise `UsageError` unless either `value` or `--all` was given."""
    if (value is not None) == every:
        raise click.UsageError(f"give either {name} or --all")
