"""The composition of the stack, to be read from top to bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

from devstack.errors import StartFailed
from devstack.postgres import EmbeddedPostgres
from devstack.services import CYAN, GREEN, MAGENTA, YELLOW, program, wait_until_listening, wait_until_serving
from devstack.settings import DEMO_CATALOGUE, DevstackSettings
from devstack.story import Addresses, story
from devstack.supervisor import Supervisor
from devstack.valkey import EmbeddedValkey


def run(settings: DevstackSettings, environment: Mapping[str, str]) -> NoReturn:
    """Start servers, migrate, start services, print commands to try. Ends by raising StopRequested or PartEnded."""
    with Supervisor() as supervisor:
        database_url, redis_url = _servers(supervisor, settings)
        env = {**environment, **settings.for_services(), "DATABASE_URL": database_url, "REDIS_URL": redis_url}

        migrate = supervisor.start(program("admin migrate", env, colour=YELLOW, grace_s=0))
        supervisor.finish(migrate)
        if migrate.exit_status != 0:
            raise StartFailed(f"the migrations failed; their last lines:\n{migrate.tail()}")

        if settings.needs_game:
            books = str(settings.directory / "game" / "books.jsonl")
            game = supervisor.start(program("devstack.game", {"GAME_BOOKS": books, **env}, colour=GREEN, grace_s=0))
            for port in (settings.game.grpc_port, settings.game.http_port):
                wait_until_listening(game, settings.reach_at, port, supervisor.pause)

        challenge = supervisor.start(program("challenge_service", env, colour=CYAN, grace_s=settings.grace_s))
        event = supervisor.start(program("event_handler", env, colour=MAGENTA, grace_s=settings.grace_s))
        wait_until_serving(challenge, settings.reach_at, settings.challenge.port, supervisor.pause)
        wait_until_serving(event, settings.reach_at, settings.event.port, supervisor.pause)
        _say(_welcome(settings, database_url, redis_url))
        supervisor.watch()


def serve(settings: DevstackSettings, environment: Mapping[str, str]) -> NoReturn:  # noqa: ARG001 - as `run`
    """Start the servers alone and print their URLs as shell commands. Ends by raising StopRequested or PartEnded."""
    with Supervisor() as supervisor:
        database_url, redis_url = _servers(supervisor, settings)
        _say(f"export DATABASE_URL='{database_url}'\nexport REDIS_URL='{redis_url}'")
        supervisor.watch()


def _servers(supervisor: Supervisor, settings: DevstackSettings) -> tuple[str, str]:
    """Start the servers that no setting replaces, and return the URLs of the database and of the cache."""
    database_url, redis_url = settings.database_url, settings.redis_url
    if database_url is None:
        postgres = supervisor.start(EmbeddedPostgres(settings.directory / "postgres-18"))
        _say(f"# PostgreSQL {postgres.version}, data in {postgres.data}")
        database_url = postgres.url
    if redis_url is None:
        redis_url = supervisor.start(EmbeddedValkey(settings.directory / "valkey")).url
    return database_url, redis_url


def _welcome(settings: DevstackSettings, database_url: str, redis_url: str) -> str:
    host, challenge, event = settings.reach_at, settings.challenge, settings.event
    addresses = Addresses(f"{host}:{challenge.port}", f"{host}:{event.port}")
    demo = settings.catalogue.resolve() == DEMO_CATALOGUE.resolve()
    return f"""
challenge service  {addresses.challenge}, metrics http://{host}:{challenge.metrics_port}/metrics
event handler      {addresses.event}, metrics http://{host}:{event.metrics_port}/metrics
database           {database_url}
cache              {redis_url}
catalogue          {settings.catalogue}
{_rewards(settings)}

Ctrl-C stops everything. Paste these lines into another terminal, in this folder, one after the other.

{story(addresses, demo=demo)}
"""


def _rewards(settings: DevstackSettings) -> str:
    if not settings.needs_game:
        return f"rewards            items by {settings.item_provider}, currency by {settings.wallet_provider}"
    return f"""\
game               {settings.game_url}/ledger: the rewards it has given
                   curl -X PUT {settings.game_url}/mood -d '{{"errors": 0.5, "silence": 0.2}}': makes it misbehave"""


def _say(text: str) -> None:
    print(text, flush=True)
