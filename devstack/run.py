"""The composition of the stack, to be read from top to bottom, and a player's first minutes as commands to paste.

The commands initialize, list, log in, win matches, list, claim, and claim again. They are the only place in the stack
that knows ids of the demo catalogue.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NoReturn

from devstack import source
from devstack.errors import StartFailed
from devstack.health import is_serving, listens
from devstack.output import Lines, prefixed
from devstack.postgres import EmbeddedPostgres
from devstack.process import Child
from devstack.settings import DEMO_CATALOGUE, DevstackSettings
from devstack.supervisor import Supervisor
from devstack.valkey import EmbeddedValkey

BLUE, CYAN, GREEN, MAGENTA, YELLOW = 34, 36, 32, 35, 33

SERVING_S = 60
"""Limit in seconds. A service starts in 2 s; on a busy machine it takes longer."""
STOP_MARGIN_S = 10
"""Time in seconds for a service to stop beyond the grace for its calls: the last batch, the pool, telemetry."""


def run(settings: DevstackSettings, environment: Mapping[str, str]) -> NoReturn:
    """Start servers, migrate, start services, print commands to try. Ends by raising StopRequested or PartEnded."""
    with Supervisor() as supervisor:
        postgres, redis_url = _servers(supervisor, settings)
        env = {**environment, **settings.for_services(), "REDIS_URL": redis_url}
        database_url = _prepare_database(supervisor, postgres, env)
        env["DATABASE_URL"] = database_url

        if settings.needs_game:
            game_env = {"GAME_GRANT_LOG": str(settings.directory / "game" / "grants.jsonl"), **env}
            game = supervisor.start(_program("devstack.game", game_env, colour=GREEN, grace_s=0))
            for port in (settings.game.grpc_port, settings.game.http_port):
                game.wait_until(partial(listens, settings.reach_at, port), SERVING_S, supervisor.pause)

        challenge = supervisor.start(_program("challenge_service", env, colour=CYAN, grace_s=settings.grace_s))
        event = supervisor.start(_program("event_handler", env, colour=MAGENTA, grace_s=settings.grace_s))
        for service, port in ((challenge, settings.challenge.port), (event, settings.event.port)):
            service.wait_until(partial(is_serving, settings.reach_at, port), SERVING_S, supervisor.pause)
        _say(_welcome(settings, database_url, redis_url, _source(supervisor, settings, env)))
        supervisor.watch()


def run_servers(settings: DevstackSettings, environment: Mapping[str, str]) -> NoReturn:  # noqa: ARG001 - as `run`
    """Start Postgres and Valkey, without services, and print their URLs as shell commands.

    Ends by raising StopRequested or PartEnded.
    """
    with Supervisor() as supervisor:
        postgres, redis_url = _servers(supervisor, settings)
        database_url = postgres if isinstance(postgres, str) else postgres.url
        _say(f"export DATABASE_URL='{database_url}'\nexport REDIS_URL='{redis_url}'")
        supervisor.watch()


def _source(supervisor: Supervisor, settings: DevstackSettings, env: Mapping[str, str]) -> str:
    """Start a broker and the event source that reads it, if they are wanted; return what to print about them."""
    if settings.source is None:
        return ""
    broker = source.start_broker(supervisor, settings.directory)
    _say(f"# NATS, data in {broker.directory}")
    variables = {**env, **source.variables(settings, broker.url)}
    process = supervisor.start(_program("event_source", variables, colour=BLUE, grace_s=settings.grace_s))
    process.wait_until(partial(is_serving, settings.reach_at, settings.source_ports.port), SERVING_S, supervisor.pause)
    return source.guide(settings, broker.url, _relative(Path(sys.executable)))


def _servers(supervisor: Supervisor, settings: DevstackSettings) -> tuple[EmbeddedPostgres | str, str]:
    """Start the servers that no setting replaces; return the database, or its URL, and the URL of the cache."""
    database: EmbeddedPostgres | str
    if settings.database_url is None:
        database = supervisor.start(EmbeddedPostgres(settings.directory / "postgres-18"))
        _say(f"# PostgreSQL {database.version}, data in {database.data}")
    else:
        database = settings.database_url
    redis_url = settings.redis_url
    if redis_url is None:
        redis_url = supervisor.start(EmbeddedValkey(settings.directory / "valkey")).url
    return database, redis_url


def _prepare_database(supervisor: Supervisor, database: EmbeddedPostgres | str, env: Mapping[str, str]) -> str:
    """Make roles and tables, and return the address for the services. An external database keeps its own roles."""
    if isinstance(database, str):
        _finish(supervisor, "admin migrate", {**env, "DATABASE_URL": database})
        return database
    password = {"PGOPTIONS": f"-c challenge.password={database.password}"}
    _finish(supervisor, "admin roles", {**env, **password, "DATABASE_URL": database.url})
    _finish(supervisor, "admin migrate", {**env, "DATABASE_URL": database.url_of("owner")})
    return database.url_of("service")


def _finish(supervisor: Supervisor, arguments: str, env: Mapping[str, str]) -> None:
    command = supervisor.start(_program(arguments, env, colour=YELLOW, grace_s=0))
    supervisor.finish(command)
    if command.exit_status != 0:
        raise StartFailed(f"{arguments} failed; its last lines:\n{command.tail()}")


def _welcome(settings: DevstackSettings, database_url: str, redis_url: str, about_source: str) -> str:
    host, challenge, event = settings.reach_at, settings.challenge, settings.event
    demo = settings.catalogue.resolve() == DEMO_CATALOGUE.resolve()
    return f"""
challenge service  {host}:{challenge.port}, metrics http://{host}:{challenge.metrics_port}/metrics
event handler      {host}:{event.port}, metrics http://{host}:{event.metrics_port}/metrics
database           {database_url}
cache              {redis_url}
catalogue          {settings.catalogue}
{_rewards(settings)}{_clock(settings)}{about_source}

Ctrl-C stops everything. Paste these lines into another terminal, in this folder, one after the other.

{story(f"{host}:{challenge.port}", f"{host}:{event.port}", demo=demo)}
"""


def _rewards(settings: DevstackSettings) -> str:
    if not settings.needs_game:
        return f"rewards            items by {settings.item_provider}, currency by {settings.wallet_provider}"
    return f"""\
game               {settings.game_url}/ledger: the rewards it has given
                   curl -X PUT {settings.game_url}/faults -d '{{"errors": 0.5}}': makes it misbehave"""


def _clock(settings: DevstackSettings) -> str:
    if not settings.callers_set_time:
        return ""
    return "\nclock              calls may carry their instant: -H 'challenge-development-time: 2026-12-31T18:00:00Z'"


def _program(arguments: str, env: Mapping[str, str], *, colour: int, grace_s: float) -> Child:
    """Return `python -m ARGUMENTS` in the working directory, with its output on the terminal after its name.

    When it is stopped, its calls in flight have `grace_s` seconds to end.
    """
    name, *_ = words = arguments.split()
    return Child(
        name,
        [sys.executable, "-m", *words],
        output=Lines(prefixed(name, colour)),
        env=env,
        cwd=Path.cwd(),
        grace_s=grace_s + STOP_MARGIN_S,
    )


def _say(text: str) -> None:
    print(text, flush=True)


CHALLENGE = "combat"
GOAL = "win-3-matches"
STAT = "matches_won"
WINS = (2, 1)
"""Deltas of the two stat events; together they reach the goal's target."""

_NOW = "{now}"
_NANOSECONDS = "{nanoseconds}"
_SUBSTITUTIONS = {_NOW: "date -u +%Y-%m-%dT%H:%M:%SZ", _NANOSECONDS: "date +%s%N"}
"""Commands that the shell runs when a line is pasted: an event must be recent, and its id new."""


def story(challenge: str, event: str, *, demo: bool) -> str:
    """Return the story of a new player with the services at these addresses, for grpcurl if it is built or `buf curl`.

    Without the demo catalogue it has only the steps that work with every catalogue.
    """
    addresses = {"ChallengeService": challenge, "EventService": event}
    return "\n\n".join(
        f"# {number}. {caption}\n{_command(addresses[service], f'challenge.v1.{service}/{method}', quoted(request))}"
        for number, (caption, service, method, request) in enumerate(_steps(demo=demo), 1)
    )


def quoted(request: dict[str, object]) -> str:
    """Return the request as one shell word of JSON that includes command substitutions."""
    text = json.dumps(request).replace("'", "\\u0027")
    for placeholder, command in _SUBSTITUTIONS.items():
        text = text.replace(placeholder, f"'\"$({command})\"'")
    return f"'{text}'"


def _steps(*, demo: bool) -> Iterator[tuple[str, str, str, dict[str, object]]]:
    """Yield the caption, service, method and request of each call."""
    who: dict[str, object] = {"user_id": f"player-{secrets.token_hex(4)}"}

    def event(name: str, payload: dict[str, object]) -> dict[str, object]:
        return {"event_id": f"{name}-{_NANOSECONDS}", **who, "event_time": _NOW, **payload}

    yield "Initialize the player", "ChallengeService", "InitializePlayer", who
    yield "List the active goals", "ChallengeService", "ListChallenges", {**who, "active_only": True}
    yield "Log in", "EventService", "ReportEvent", {"event": event("login", {"logged_in": {}})}
    if not demo:
        return
    wins = [
        event(f"win-{number}", {"stat_updated": {"stat_code": STAT, "delta": delta}})
        for number, delta in enumerate(WINS, 1)
    ]
    yield "Win three matches", "EventService", "ReportEvents", {"events": wins}
    yield "See the progress", "ChallengeService", "ListChallenges", {**who, "active_only": True}
    claim = {**who, "challenge_id": CHALLENGE, "goal_id": GOAL}
    yield "Claim the reward, and wait for it", "ChallengeService", "ClaimReward", {**claim, "wait": "2s"}
    yield "Claim it again: ALREADY_EXISTS, and nothing is granted twice", "ChallengeService", "ClaimReward", claim


def _command(address: str, method: str, request: str) -> str:
    if grpcurl := find_tool("grpcurl"):
        return f"{grpcurl} -plaintext -d {request} {address} {method}"
    return f"{find_tool('buf')} curl --protocol grpc --http2-prior-knowledge http://{address}/{method} -d {request}"


FOLDERS = (Path(".tools/bin"), Path(sys.executable).parent)
"""The folders that `make tools` and the installation use."""


def find_tool(name: str) -> str | None:
    """Return the path of a tool from the working directory; None if it is not installed."""
    here = Path.cwd()
    for path in (here / folder / name for folder in FOLDERS):
        if path.is_file():
            return _relative(path)
    return shutil.which(name)


def _relative(path: Path) -> str:
    """Return a path as it is named from the working directory."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
