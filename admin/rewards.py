"""`python -m admin rewards …`: looks at grants and acts on them."""

from __future__ import annotations

import argparse
import getpass
import sys
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

from admin import reward_tables
from admin.numbers import whole_number
from admin.opening import open_database
from shared.domain.acceptance import id_problem
from shared.domain.catalogue import PRIORITY_FIRST, PRIORITY_LAST
from shared.domain.claims import ClaimState
from shared.domain.grant_changes import Act, ActRefused, GrantStatus, buried, prioritised, refunded, rerouted, retried
from shared.domain.instant import Instant
from shared.operations.rewards import grant_admin
from shared.operations.rewards.grant_admin import Change, OperatorAction
from shared.postgres.rewards.grant_admin import list_grants
from shared.runtime.clock import system_clock
from shared.runtime.reward_settings import PROVIDERS

DEADLINE_S = 30.0
LISTED_DEFAULT, LISTED_MAX = 50, 100_000


def register(families: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `rewards` and its commands."""
    family = families.add_parser(
        "rewards", help="look at grants, and act on them", description="Commands on grants of claimed rewards."
    )
    commands = family.add_subparsers(title="commands", metavar="COMMAND", required=True)

    listing = commands.add_parser("list", help="list grants, the oldest claims first")
    listing.add_argument(
        "--state",
        type=ClaimState,
        choices=list(ClaimState),
        action="append",
        default=[],
        help="of this state; may be given several times",
    )
    listing.add_argument("--provider", help="of this provider")
    listing.add_argument("--player", help="of this player")
    listing.add_argument(
        "--limit",
        type=whole_number(1, LISTED_MAX),
        default=LISTED_DEFAULT,
        metavar="N",
        help="so many at most (default: %(default)s)",
    )
    listing.add_argument("--ids", action="store_true", help="print nothing but grant ids, for xargs")
    listing.set_defaults(run=_list)

    showing = commands.add_parser("show", help="show a grant, and what operators did to it")
    showing.add_argument("grant", type=UUID, metavar="GRANT", help="a grant's id")
    showing.set_defaults(run=_show)

    reporting = commands.add_parser(
        "report",
        help="count grants, and compare them with claims",
        epilog="Exit status: 0 every claim has its grant and every grant its claim, 1 not so.",
    )
    reporting.set_defaults(run=_report)

    retry = _act(commands, Act.RETRY, "deliver at once, with all attempts before it", lambda _: _now(retried))
    bury = _act(commands, Act.BURY, "do not deliver until it is retried", lambda _: _now(buried))
    refund = _act(commands, Act.REFUND, "undo the claim; the goal is claimable again", lambda _: _now(refunded))
    prioritise = _act(commands, Act.PRIORITISE, "move it in the queue", lambda arguments: partial(_to, arguments.to))
    reroute = _act(
        commands,
        Act.REROUTE,
        "give it to another provider, if none was asked yet",
        lambda arguments: partial(_by, arguments.to),
    )
    priorities = range(PRIORITY_FIRST, PRIORITY_LAST + 1)
    prioritise.add_argument("--to", type=int, choices=priorities, required=True, help="1 is delivered first")
    reroute.add_argument("--to", choices=PROVIDERS, required=True, help="the provider")
    for parser in (retry, bury, refund, prioritise, reroute):
        parser.add_argument("--reason", required=True, type=_reason, help="why, for the audit")
        parser.add_argument("--operator", default=getpass.getuser(), help="who, for the audit; you if not given")
        parser.add_argument("--dry-run", action="store_true", help="say what would become of it, and store nothing")
        parser.add_argument("grants", type=UUID, nargs="+", metavar="GRANT", help="a grant's id")


def _act(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    act: Act,
    explanation: str,
    change: Callable[[argparse.Namespace], Change],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(act.value, help=explanation)
    parser.set_defaults(run=lambda arguments: _perform(arguments, act, change(arguments)))
    return parser


def _now(change: Callable[[GrantStatus, Instant], GrantStatus]) -> Change:
    now = system_clock()
    return lambda grant: change(grant, now)


def _to(priority: int, grant: GrantStatus) -> GrantStatus:
    return prioritised(grant, priority)


def _by(provider: str, grant: GrantStatus) -> GrantStatus:
    return rerouted(grant, provider)


def _reason(text: str) -> str:
    problem = id_problem(text, 500)
    if problem is not None:
        raise argparse.ArgumentTypeError(problem)
    return text


def _perform(arguments: argparse.Namespace, act: Act, change: Change) -> int:
    action = OperatorAction(act, change, arguments.operator, arguments.reason)
    refused = 0
    with open_database("rewards") as database:
        for grant_id in arguments.grants:
            try:
                after = grant_admin.perform(
                    database, grant_id, action, system_clock(), time.monotonic() + DEADLINE_S, dry=arguments.dry_run
                )
            except ActRefused as refusal:
                refused += 1
                print(f"{grant_id}: not done: {refusal}", file=sys.stderr)
                continue
            done = "would be" if arguments.dry_run else "is"
            print(f"{grant_id}: {done} {after.state}, priority {after.priority}, provider {after.provider}")
    return 1 if refused else 0


def _list(arguments: argparse.Namespace) -> int:
    with open_database("rewards") as database:
        grants = database.autocommit(
            lambda connection: list_grants(
                connection, arguments.state, arguments.provider, arguments.player, arguments.limit
            ),
            time.monotonic() + DEADLINE_S,
        )
    if arguments.ids:
        for grant in grants:
            print(grant.grant_id)
    else:
        reward_tables.show_list(grants)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    with open_database("rewards") as database:
        found = grant_admin.show(database, arguments.grant, time.monotonic() + DEADLINE_S)
    if found is None:
        print("there is no such grant", file=sys.stderr)
        return 1
    reward_tables.show_grant(*found)
    return 0


def _report(_: argparse.Namespace) -> int:
    with open_database("rewards") as database:
        report = grant_admin.report(database, time.monotonic() + DEADLINE_S)
    reward_tables.show_report(report)
    return 0 if report.agrees else 1
