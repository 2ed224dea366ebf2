"""`python -m admin keys …`: makes preshared keys of callers."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from hashlib import sha256

import click

from admin.terminal import say
from shared.callers.callers_file import NAME
from shared.callers.live_callers import KEY_PREFIX
from shared.domain.access import Role

KEY_BYTES = 32


@click.group()
def keys() -> None:
    """Make keys of callers. Services know only their hashes, from the file that `CALLERS` names."""


def _name(_context: click.Context, _option: click.Parameter, text: str) -> str:
    if NAME.fullmatch(text) is None:
        raise click.BadParameter("is not 1 to 64 letters, digits and any of . _ / @ -")
    return text


@keys.command()
@click.argument("name", callback=_name, help="Name of the caller, for people.")
@click.option(
    "--role",
    "roles",
    multiple=True,
    required=True,
    type=click.Choice([str(role) for role in Role]),
    help="A role of the caller; may be repeated.",
)
def new(name: str, roles: Sequence[str]) -> None:
    """Print a new key for the caller NAME, and its entry in the file of callers. The key is stored nowhere."""
    key = KEY_PREFIX + secrets.token_urlsafe(KEY_BYTES)
    say(f"# The key, to be given to {name} and shown only now: {key}")
    say("[[keys]]")
    say(f"name = {json.dumps(name)}")
    say(f'sha256 = "{sha256(key.encode()).hexdigest()}"')
    say(f"roles = {json.dumps(list(dict.fromkeys(roles)))}")
