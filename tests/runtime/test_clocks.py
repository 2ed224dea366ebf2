"""The clocks of a process and its database."""

from __future__ import annotations

from shared.domain.clock_comparison import ERROR_MAX, READINGS_MIN
from shared.domain.instant import DAY, HOUR, SECOND, Instant
from shared.runtime.clocks import Clocks

NOW = 1_700_000_000 * SECOND
ROUND_TRIP = 200


class World:
    """Three clocks that a test can set."""

    def __init__(self) -> None:
        self.process = self.database = NOW
        self.monotonic = 5 * SECOND
        self.round_trip = ROUND_TRIP
        self.clocks = Clocks(lambda: self.process, lambda: self.monotonic)

    def pass_by(self, duration: Instant) -> None:
        self.process += duration
        self.database += duration
        self.monotonic += duration

    def probe(self) -> None:
        """Compare the clocks a second later, in a round trip."""
        self.pass_by(SECOND)
        self.clocks.read(self._read_database)

    def _read_database(self) -> Instant:
        self.pass_by(self.round_trip // 2)
        time = self.database
        self.pass_by(self.round_trip // 2)
        return time


def test_the_difference_is_measured_at_the_middle_of_the_round_trip() -> None:
    world = World()
    world.database += 3 * SECOND
    world.probe()
    assert world.clocks.difference_s == 3.0
    assert world.clocks.database() == world.database
    assert world.clocks.agreed


def test_before_the_first_reading_the_process_uses_its_own_clock() -> None:
    world = World()
    assert not world.clocks.agreed
    assert not world.clocks.wait_until_compared(0)
    assert world.clocks.problem() is None
    assert world.clocks.database() == world.process
    assert not world.clocks.now().confirmed


def test_a_wrong_clock_makes_the_process_unhealthy_until_it_is_corrected() -> None:
    world = World()
    world.process += 10 * DAY
    for _ in range(READINGS_MIN):
        assert world.clocks.problem() is None
        world.probe()
        assert not world.clocks.agreed
    assert (
        world.clocks.problem() == "the clock of this process is 864000.0 s ahead of the database's: check NTP on both"
    )
    assert world.clocks.earliest() <= world.database
    world.process -= 10 * DAY
    world.probe()
    assert world.clocks.problem() is None
    assert world.clocks.agreed


def test_a_jump_of_the_process_clock_is_detected_before_the_next_reading() -> None:
    world = World()
    world.probe()
    world.process += 10 * DAY
    now = world.clocks.now()
    assert now.latest - now.earliest >= 10 * DAY
    assert abs(world.clocks.database() - world.database) <= ROUND_TRIP


def test_a_step_of_the_database_clock_pauses_only_irreversible_work() -> None:
    world = World()
    world.probe()
    world.database -= HOUR
    for _ in range(READINGS_MIN):
        world.probe()
        assert not world.clocks.agreed
    assert world.clocks.database_stepped
    assert world.clocks.problem() is None


def test_a_slow_round_trip_keeps_the_last_reading() -> None:
    world = World()
    world.probe()
    world.round_trip = 2 * ERROR_MAX + 2
    world.process += DAY
    for _ in range(READINGS_MIN):
        world.probe()
    assert world.clocks.agreed
    assert world.clocks.problem() is None
