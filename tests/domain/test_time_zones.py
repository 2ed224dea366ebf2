"""Only the pinned time zone data is read, whatever the system has."""

from __future__ import annotations

import subprocess
import sys
from datetime import date, datetime
from pathlib import Path

import pytest
import tzdata

from shared.domain.instant import to_datetime, to_day
from shared.domain.time_zones import TIME_ZONES_VERSION, day_exists, instant_of, local_day, zone_names

PARIS_IN_SUMMER = """
from shared.domain.time_zones import instant_of, local_day
assert instant_of(local_day(1783080000000000, "Europe/Paris"), 0, "Europe/Paris") == 1783029600000000
"""


def test_the_systems_time_zones_are_not_read(tmp_path: Path) -> None:
    # A system whose Paris is a file of junk.
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Paris").write_bytes(b"junk")
    environment = {"PYTHONTZPATH": str(tmp_path), "PYTHONPATH": ":".join(sys.path)}
    subprocess.run([sys.executable, "-c", PARIS_IN_SUMMER], env=environment, check=True, timeout=60)


def test_every_name_of_the_package_is_a_zone() -> None:
    assert tzdata.IANA_VERSION == TIME_ZONES_VERSION
    assert {"UTC", "Europe/Paris", "Pacific/Kiritimati"} <= zone_names()
    day = to_day(date(2026, 7, 1))
    assert all(local_day(instant_of(day, 720, zone), zone) == day for zone in zone_names())


@pytest.mark.parametrize("name", ["Mars/Olympus_Mons", "../zones", "europe/paris", ""])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="there is no time zone"):
        local_day(0, name)


def test_a_skipped_time_is_the_end_of_its_gap_and_a_repeated_one_the_first() -> None:
    spring, autumn = to_day(date(2026, 3, 29)), to_day(date(2026, 10, 25))
    shown = [to_datetime(instant_of(day, 150, "Europe/Berlin")) for day in (spring, autumn)]
    assert shown == [datetime.fromisoformat("2026-03-29T01:00Z"), datetime.fromisoformat("2026-10-25T00:30Z")]


def test_a_date_may_not_exist() -> None:
    skipped = to_day(date(2011, 12, 30))
    assert [day_exists(day, "Pacific/Apia") for day in (skipped - 1, skipped, skipped + 1)] == [True, False, True]
    assert day_exists(skipped, "UTC")
