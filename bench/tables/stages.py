"""`ListChallenges` by stage: where the CPU of a list goes."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import grpc

from bench import services
from bench.database import opened
from bench.figures import Table, Unit
from bench.load import median
from bench.players import player_ids, store_veterans
from bench.services import CHALLENGE_SERVICE
from bench.tables.calls import cpu_us
from bench.tables.lists import list_request, listing
from bench.workbench import Setup, Workbench
from challenge_service import responses
from challenge_service.__main__ import CONTRACT, encode
from challenge_service.servicer import ChallengeServicer
from shared.domain.current_periods import shown_periods
from shared.domain.errors import Overloaded
from shared.domain.progress import PlayerView
from shared.operations.catalogue.live_catalogue import LiveCatalogue
from shared.operations.goals.view_player import view_player, view_player_unless
from shared.postgres.database import Database
from shared.rpc.call_layers import unary_method
from shared.rpc.call_telemetry import CallTelemetry
from shared.rpc.method_access import access_of
from shared.rpc.method_router import Refusal
from shared.rpc.request_limits import RequestParser
from shared.runtime.clock import system_clock
from shared.runtime.interpreter import collect_seldom
from shared.runtime.telemetry import Telemetry

PLAYERS = 40
PASSES = 10
KEPT_BYTES = 64 * 1024 * 1024
_FAR_S = 1e6


def measure_stages(bench: Workbench) -> Table:
    """Measure the CPU of each stage in one thread, and of calls of the service compared with the empty handler."""
    table = Table(
        "stages",
        "ListChallenges by stage",
        f"CPU of one thread per list, the least of {PASSES} passes over {PLAYERS} players, one list at a time in this "
        "process. A whole call contains the parts, and `read and decode` contains `read only`. Then calls of the "
        "service and of the empty handler, saturated.",
    )
    with bench.setup() as setup:
        _measure(bench, table, setup)
    return table


def _measure(bench: Workbench, table: Table, setup: Setup) -> None:
    ids = player_ids(PLAYERS)
    players: dict[str, Sequence[str]] = {
        "new": [f"new {player}" for player in ids],
        "with history": setup.play.players[:PLAYERS],
        "250 of 500": [f"halfway {player}" for player in ids],
        "500 of 500": [f"veteran {player}" for player in ids],
    }
    store_veterans(setup.url, setup.catalogue, players["250 of 500"], system_clock(), every=2)
    store_veterans(setup.url, setup.catalogue, players["500 of 500"], system_clock())
    bench.say("stages: one thread")
    with bench.on(bench.cores.server), ThreadPoolExecutor(1) as thread:
        for stage, by_kind in thread.submit(_by_stage, setup, players).result().items():
            for kind, found_us in by_kind.items():
                table.add(f"{kind}: {stage}", found_us, Unit.MICROSECONDS)
    with (
        bench.service(CHALLENGE_SERVICE, setup) as service,
        bench.running(services.empty_handler(50_000)) as empty,
    ):
        for kind, listed in players.items():
            pairs = bench.alternating(
                f"stages: calls, {kind}", listing(bench, service, listed), listing(bench, empty, listed)
            )
            table.add(f"{kind}: call of the service", median([cpu_us(run) for run, _ in pairs]), Unit.MICROSECONDS)
            table.add(
                f"{kind}: call of the empty handler", median([cpu_us(run) for _, run in pairs]), Unit.MICROSECONDS
            )


def _by_stage(setup: Setup, players: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    with opened(setup.url) as database:
        stages = _Stages(setup, database)
        collect_seldom()
        for kind, ids in players.items():
            views = [stages.view(player) for player in ids]
            pages = [stages.page(view) for view in views]
            raw = [list_request(player) for player in ids]
            for name, each_us in {
                "whole call, list in cache": _least_us(stages.call_keeping, raw),
                "whole call, list not in cache": _least_us(stages.call, raw),
                "part: read and decode": _least_us(stages.view, ids),
                "part: read only": _least_us(stages.execute, ids),
                "part: find and encode what differs": _least_us(stages.page, views),
                "part: join the response": _least_us(stages.join, pages),
            }.items():
                found.setdefault(name, {})[kind] = each_us
    return found


class _Stages:
    """The stages of a list, each a function."""

    def __init__(self, setup: Setup, database: Database) -> None:
        live = LiveCatalogue(encode)
        live.take(setup.catalogue, system_clock())
        self._database, self._catalogue, self._encoded = database, setup.catalogue, live.current
        self._shown = shown_periods(setup.catalogue, system_clock())
        self.call = call_of(ChallengeServicer(database, live, system_clock))
        self.call_keeping = call_of(ChallengeServicer(database, live, system_clock, kept_lists_bytes=KEPT_BYTES))

    def view(self, player: str) -> PlayerView:
        return view_player(self._database, player, time.monotonic() + _FAR_S, self._shown)

    def execute(self, player: str) -> None:
        view_player_unless(self._database, player, time.monotonic() + _FAR_S, self._shown, lambda _: True)

    def page(self, view: PlayerView) -> Any:
        goals = self._encoded.without(self._shown.hidden)
        challenges = goals.challenges(self._catalogue.challenges, view, active_only=False)
        return responses.page_of(challenges, 0)[0]

    def join(self, page: Any) -> bytes:
        return responses.list_response(page, "", self._catalogue.version, b"")


class _Context:
    """A call without deadline, credentials or trace."""

    def time_remaining(self) -> None:
        return None

    def is_active(self) -> bool:
        return True

    def invocation_metadata(self) -> tuple[()]:
        return ()


def call_of(servicer: ChallengeServicer, short_name: str = "ListChallenges") -> Callable[[bytes], bytes]:
    """Return the function that gRPC calls in a call's thread for the method of this name, layers included."""
    name = f"{CONTRACT.full_name}/{short_name}"
    method = CONTRACT.methods_by_name[short_name]
    calls = CallTelemetry(Telemetry())
    refusal = Refusal(name, Overloaded("too many calls at once"), calls.of_method(name))
    parse = cast("Callable[[bytes], Any]", RequestParser(method).parse)
    layered = unary_method(name, getattr(servicer, short_name), parse, refusal, calls, access_of(method))
    context = cast("grpc.ServicerContext", _Context())
    return lambda raw: layered(raw, context)


def _least_us(work: Callable[[Any], object], items: Sequence[Any]) -> float:
    """Return the CPU of this thread for one item, in microseconds: that of the fastest pass over all."""
    passes = []
    for _ in range(PASSES):
        began = time.thread_time()
        for item in items:
            work(item)
        passes.append(1e6 * (time.thread_time() - began) / len(items))
    return min(passes)
