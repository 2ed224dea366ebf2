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
from bench.workplace import Ground, Workplace
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


def measure_stages(place: Workplace) -> Table:
    """Measure the CPU of each stage in one thread, and of whole calls in the service beside the empty handler."""
    table = Table(
        "stages",
        "ListChallenges by stage",
        f"CPU of one thread per list, the least of {PASSES} passes over {PLAYERS} players, one list at a time in this "
        "process. Stages overlap: each line says what it has in it. Then whole calls, saturated.",
    )
    with place.ground() as ground:
        _measure(place, table, ground)
    return table


def _measure(place: Workplace, table: Table, ground: Ground) -> None:
    ids = player_ids(PLAYERS)
    players: dict[str, Sequence[str]] = {
        "new": [f"new {player}" for player in ids],
        "with history": ground.play.players[:PLAYERS],
        "250 of 500": [f"halfway {player}" for player in ids],
        "500 of 500": [f"veteran {player}" for player in ids],
    }
    store_veterans(ground.url, ground.catalogue, players["250 of 500"], system_clock(), every=2)
    store_veterans(ground.url, ground.catalogue, players["500 of 500"], system_clock())
    place.say("stages: one thread")
    with place.on(place.cores.server), ThreadPoolExecutor(1) as thread:
        for stage, by_kind in thread.submit(_by_stage, ground, players).result().items():
            for kind, found_us in by_kind.items():
                table.add(f"{kind}: {stage}", found_us, Unit.MICROSECONDS)
    with (
        place.service(CHALLENGE_SERVICE, ground) as service,
        place.running(services.empty_handler(50_000)) as empty,
    ):
        for kind, listed in players.items():
            turns = place.in_turns(
                f"stages: calls, {kind}", listing(place, service, listed), listing(place, empty, listed)
            )
            table.add(f"{kind}: whole call", median([cpu_us(run) for run, _ in turns]), Unit.MICROSECONDS)
            table.add(f"{kind}: empty handler", median([cpu_us(run) for _, run in turns]), Unit.MICROSECONDS)


def _by_stage(ground: Ground, players: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    with opened(ground.url) as database:
        stages = _Stages(ground, database)
        collect_seldom()
        for kind, ids in players.items():
            views = [stages.view(player) for player in ids]
            pages = [stages.page(view) for view in views]
            raw = [list_request(player) for player in ids]
            for name, each_us in {
                "call, list kept": _least_us(stages.call_keeping, raw),
                "call, list not kept": _least_us(stages.call, raw),
                "of it reading and decoding": _least_us(stages.view, ids),
                "of that without decoding": _least_us(stages.execute, ids),
                "of it finding and encoding what differs": _least_us(stages.page, views),
                "of it joining the response": _least_us(stages.join, pages),
            }.items():
                found.setdefault(name, {})[kind] = each_us
    return found


class _Stages:
    """The stages of a list, each a function."""

    def __init__(self, ground: Ground, database: Database) -> None:
        live = LiveCatalogue(encode)
        live.take(ground.catalogue, system_clock())
        self._database, self._catalogue, self._encoded = database, ground.catalogue, live.current
        self._shown = shown_periods(ground.catalogue, system_clock())
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
