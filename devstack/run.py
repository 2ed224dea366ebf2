"""The stack, put together: read it from top to bottom."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

from devstack.errors import StartFailed
from devstack.output import Lines, prefixed
from devstack.postgres import EmbeddedPostgres
from devstack.process import Child
from devstack.services import CYAN, MAGENTA, YELLOW, Service
from devstack.settings import DEMO_CATALOGUE, DevstackSettings
from devstack.story import Addresses, story
from devstack.supervisor import Supervisor
from devstack.valkey import EmbeddedValkey

EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - recognised, not bound


def run(settings: DevstackSettings, environment: Mapping[str, str]) -> NoReturn:
    """Servers, migrations, services; then the commands to try them with. Ends by StopRequested or PartEnded."""
    with Supervisor() as supervisor:
        database_url, redis_url = _servers(supervisor, settings)
        env = {
            **environment,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "CATALOGUE": str(settings.catalogue),
            "BIND_ADDRESS": settings.bind_address,
            "CHALLENGE_PORT": str(settings.challenge.port),
            "CHALLENGE_METRICS_PORT": str(settings.challenge.metrics_port),
            "EVENT_PORT": str(settings.event.port),
            "EVENT_METRICS_PORT": str(settings.event.metrics_port),
        }
        _migrate(supervisor, env)
        services = [
            supervisor.start(Service(module, env, colour=colour, grace_s=settings.grace_s))
            for module, colour in (("challenge_service", CYAN), ("event_handler", MAGENTA))
        ]
        for service in services:
            service.wait_until_serving(supervisor.pause)
        _say(_welcome(settings, database_url, redis_url))
        supervisor.watch()


def serve(settings: DevstackSettings, environment: Mapping[str, str]) -> NoReturn:  # noqa: ARG001 - as `run`
    """The servers alone; prints their addresses as shell commands. Ends by StopRequested or PartEnded."""
    with Supervisor() as supervisor:
        database_url, redis_url = _servers(supervisor, settings)
        _say(f"export DATABASE_URL='{database_url}'\nexport REDIS_URL='{redis_url}'")
        supervisor.watch()


def _servers(supervisor: Supervisor, settings: DevstackSettings) -> tuple[str, str]:
    """Start what no setting replaces; the URLs of the database and of the cache."""
    database_url, redis_url = settings.database_url, settings.redis_url
    if database_url is None:
        postgres = supervisor.start(EmbeddedPostgres(settings.directory / "postgres-18"))
        _say(f"postgres: PostgreSQL {postgres.version}, data in {postgres.data}")
        database_url = postgres.url
    if redis_url is None:
        redis_url = supervisor.start(EmbeddedValkey(settings.directory / "valkey")).url
        _say("valkey: an empty cache")
    return database_url, redis_url


def _migrate(supervisor: Supervisor, env: Mapping[str, str]) -> None:
    migrate = Child(
        "migrate",
        [sys.executable, "-m", "admin", "migrate"],
        output=Lines(prefixed("migrate", YELLOW)),
        env=env,
        cwd=Path.cwd(),
    )
    supervisor.start(migrate)
    supervisor.finish(migrate)
    if migrate.exit_status != 0:
        raise StartFailed(f"the migrations failed; the last lines:\n{migrate.tail()}")


def _welcome(settings: DevstackSettings, database_url: str, redis_url: str) -> str:
    host = "127.0.0.1" if settings.bind_address in EVERY_ADDRESS else settings.bind_address
    addresses = Addresses(f"{host}:{settings.challenge.port}", f"{host}:{settings.event.port}")
    demo = settings.catalogue.resolve() == DEMO_CATALOGUE.resolve()
    return f"""
challenge service  {addresses.challenge}  metrics http://{host}:{settings.challenge.metrics_port}/metrics
event handler      {addresses.event}  metrics http://{host}:{settings.event.metrics_port}/metrics
database           {database_url}
cache              {redis_url}
catalogue          {settings.catalogue}

Paste these lines into another terminal, in this folder, one after the other. Ctrl-C stops everything.

{story(addresses, demo=demo)}
"""


def _say(text: str) -> None:
    print(text, flush=True)
