"""`python -m admin distribute`: distributes the tables of players over the nodes of a Citus cluster."""

from __future__ import annotations

import click

from admin.arguments import acts, count_option, dry_run
from admin.opening import database_address, stop
from admin.terminal import say
from shared.domain.operator_acts import Acting
from shared.postgres.distribution import distribute as distribution
from shared.postgres.distribution.placement import LOCAL
from shared.postgres.maintenance.maintenance import MaintenanceRefused, maintenance

SHARDS_DEFAULT, SHARDS_MAX = 4, 1_024
"""The default is two nodes with two shards each: a batch takes longer the more shards it touches."""


@click.command()
@count_option("--shards", 1, SHARDS_MAX, SHARDS_DEFAULT, "Number of shards of each table, which stays for good.")
@click.option("--back", is_flag=True, help="Move all tables back to the coordinator instead.")
@dry_run
@acts
def distribute(shards: int, back: bool, dry_run: bool, acting: Acting) -> None:
    """Distribute the tables of players over the nodes of a Citus cluster: docs/citus.md.

    In one transaction, for which writers wait. What is distributed already is left alone.
    """
    if back and dry_run:
        stop("--back has no --dry-run")
    try:
        with maintenance(database_address()) as session:
            if back:
                names = session.do(lambda connection: distribution.gather(connection, acting))
                for name in names:
                    say(f"on the coordinator: {name}")
                if not names:
                    say("nothing to do")
                return
            plan = session.do(distribution.distribution_plan)
            if dry_run:
                for name in plan.to_distribute:
                    say(f"would distribute: {name}")
                for name in plan.local:
                    say(f"stays on the coordinator: {name}" + (f" ({LOCAL[name]})" if name in LOCAL else ""))
                names = plan.to_distribute
            else:
                names = session.do(lambda connection: distribution.distribute(connection, shards, acting))
                for name in names:
                    say(f"distributed: {name}")
    except (MaintenanceRefused, distribution.DistributionRefused) as refusal:
        stop(str(refusal))
    if not names:
        say("nothing to do")
