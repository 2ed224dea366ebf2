"""The player mix once more, by another load generator: ghz, which others know and can repeat."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

from bench import ghz
from bench.figures import Table, Unit, at_most
from bench.processes import ROOT
from bench.services import CHALLENGE_SERVICE, EVENT_HANDLER
from bench.workplace import LOAD_CATALOGUE, Workplace

PLAYERS = 1_000
"""Of the profiles' 10,000, so many arrive beforehand."""
P95_MS = 25.0


def measure_ghz(place: Workplace) -> Table:
    """Latency of each profile of the mix; nothing where ghz is not built."""
    table = Table("ghz", "The player mix by ghz", "")
    if not ghz.is_built():
        table.conditions = "Left out: `make tools` builds ghz where Go is."
        return table
    seconds = 2 * place.terms.seconds
    table.conditions = (
        f"The profiles in {ghz.MIX.relative_to(ROOT)} at the same time for {seconds:g} s, after {PLAYERS:,} players "
        "have arrived and logged in. Both services on one core; ghz has the others, with Postgres, and takes more of "
        "them than our own generator."
    )
    with (
        tempfile.TemporaryDirectory(prefix="ghz-", dir=place.directory) as name,
        place.service(CHALLENGE_SERVICE, (url := place.empty_database()), LOAD_CATALOGUE) as challenges,
        place.service(EVENT_HANDLER, url, LOAD_CATALOGUE) as events,
    ):
        ports = {"log_in": events.port, "report_event": events.port}
        place.say("ghz: players arrive")
        for arrival in ("initialize_player", "log_in"):
            path = ghz.PROFILES / f"{arrival}.json"
            content = ghz.profile(path, ports.get(arrival, challenges.port), calls=PLAYERS)
            ghz.play({arrival: content}, Path(name), place.cores.others)
        place.say(f"ghz: the player mix for {seconds:g} s")
        profiles = {
            path.stem: ghz.profile(path, ports.get(path.stem, challenges.port), seconds=seconds)
            for path in sorted(ghz.MIX.glob("*.json"))
        }
        played = ghz.play(profiles, Path(name), place.cores.others)
    for told in played.reports:
        percentiles = {share: told.percentiles_ms.get(share, math.nan) for share in (50, 95, 99)}
        note = f"{told.calls:,} calls; p50 {percentiles[50]:.1f}, p99 {percentiles[99]:.1f} ms"
        table.add(f"latency of {told.name}, p95", percentiles[95], Unit.MILLISECONDS, at_most(P95_MS), note)
    failed = [f"{told.name}: {count} {code}" for told in played.reports for code, count in told.failed.items()]
    count = sum(sum(told.failed.values()) for told in played.reports)
    table.add("failed calls", count, target=at_most(0), note="; ".join(failed))
    table.add("cores that ghz took", played.busy, note="near all that it has: it is what was measured")
    return table
