"""Arrows point down only, and each library has one place that speaks to it."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.architecture.imports import imports, is_within, sources

# From the top down. A module imports its own package and what stands in lower rows, none of its own row.
LAYERS = [
    {"attack"},
    {"bench", "docsite"},
    {
        "challenge_service",
        "event_handler",
        "event_source",
        "reward_dispatcher",
        "admin",
        "demo",
        "devstack",
        "load_generator",
    },
    {"shared.wiring"},
    {"shared.operations"},
    {"shared.rpc", "shared.postgres", "shared.cache", "shared.catalogue", "shared.providers", "shared.callers"},
    {"shared.runtime"},
    {"shared.domain"},
]
LEVELS = {package: level for level, packages in enumerate(LAYERS) for package in packages}

# The packages that may use each library. The demo and the benchmark call the services as any game does, and the stack
# has a game that rewards are delivered to.
GAMES = {"attack", "demo", "bench", "devstack.game.grpc_server", "devstack.health"}
SERVICERS = {
    "challenge_service.servicer",
    "challenge_service.claim_servicer",
    "challenge_service.selection_servicer",
    "challenge_service.statistics_servicer",
    "challenge_service.leaderboard_servicer",
    "event_handler.servicer",
}
CALLERS = {"shared.runtime.outgoing_channel", "shared.providers.game_service", "event_source.handler_calls"}
GRPC = {"shared.rpc", *CALLERS, *SERVICERS, *GAMES}
OWNERS = {
    "grpc": GRPC,
    "grpc_health": GRPC,
    "grpc_reflection": GRPC,
    "grpc_status": GRPC,
    "psycopg": {"shared.postgres", "shared.runtime.address_checks", "bench.empty"},
    "psycopg_pool": {"shared.postgres"},
    "yoyo": {"shared.postgres"},
    "redis": {"shared.cache"},
    "urllib3": {"shared.providers", "shared.callers", "shared.runtime.bounded_http"},
    "yaml": {"shared.catalogue"},
    "confluent_kafka": {"event_source", "devstack.kafka", "bench.brokers"},
    "nats": {"event_source", "devstack.nats", "devstack.publish", "bench.brokers"},
    "pydantic": {"shared.catalogue", "devstack.game.fault_plan"},
    "opentelemetry": {"shared.runtime"},
    "cryptography": {"shared.runtime.pem_files", "shared.callers", "bench.certificates"},
    "jwt": {"shared.callers", "bench.certificates"},
}

# Modules of the standard library that read a clock, draw random numbers, or touch the world outside.
PINNED_DATA = {"tzdata"}
"""Packages of data alone, on which rules rely: the time zones, at the version that the database records."""
IMPURE = {
    "asyncio",
    "logging",
    "multiprocessing",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "signal",
    "socket",
    "subprocess",
    "sys",
    "tempfile",
    "threading",
    "time",
}


def package_of(module: str) -> str | None:
    """Return the package that a module lies in."""
    return next((package for package in LEVELS if is_within(module, package)), None)


def test_every_module_has_its_place() -> None:
    assert [module for module in sources() if package_of(module) is None and module != "shared"] == []


def test_imports_point_down_only() -> None:
    wrong = []
    for module, target in imports():
        ours, theirs = package_of(module), package_of(target)
        if ours is None or theirs is None or ours == theirs:
            continue
        if LEVELS[ours] >= LEVELS[theirs]:
            wrong.append(f"{module} imports {target}")
    assert wrong == []


@pytest.mark.parametrize("library", OWNERS)
def test_a_library_is_spoken_to_in_one_place(library: str) -> None:
    users = {module for module, target in imports() if is_within(target, library)}
    assert users, f"no module imports {library}"
    assert [user for user in sorted(users) if not any(is_within(user, owner) for owner in OWNERS[library])] == []


def test_the_load_generator_stands_alone() -> None:
    ours = [target for module, target in imports() if is_within(module, "load_generator") and package_of(target)]
    assert [target for target in ours if not is_within(target, "load_generator")] == []


def test_the_domain_is_pure() -> None:
    foreign = []
    for module, target in imports():
        if not is_within(module, "shared.domain") or is_within(target, "shared.domain"):
            continue
        root = target.split(".")[0]
        if root not in sys.stdlib_module_names | PINNED_DATA or root in IMPURE:
            foreign.append(f"{module} imports {target}")
    assert foreign == []


def test_no_rule_reads_a_clock_or_draws_lots() -> None:
    world = {"now", "utcnow", "today", "uuid1", "uuid4"}
    for module, tree in sources().items():
        if is_within(module, "shared.domain"):
            named = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
            imported = {target.split(".")[-1] for importer, target in imports() if importer == module}
            assert not (named | imported) & world, module
