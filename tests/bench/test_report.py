"""The report as a process, with few players and short intervals."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.services import ROOT
from load_generator.usage import family
from tests.support.waiting import wait_until

COMMAND = [sys.executable, "-m", "bench", "--players", "60", "--seconds", "0.3"]


@pytest.fixture
def interrupted(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a report that takes a while, with its output in a file."""
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen([*COMMAND, "claims"], cwd=ROOT, stdout=output, stderr=output, start_new_session=True)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_short_report_measures_and_finds_nothing_wrong(tmp_path: Path, server_folder: Path) -> None:
    report_file = tmp_path / "report.json"
    # A folder of pytest's cannot be entered by Postgres' account.
    data = server_folder / "bench"
    done = subprocess.run(
        [*COMMAND, "--json", str(report_file), "--data", str(data / "new"), "events", "batches"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(report_file.read_text())
    assert report["facts"]["command"].startswith("python -m bench --players 60")
    events, batches = report["tables"]
    figures = {figure["figure"]: figure for figure in events["figures"]}
    assert figures["rate, saturated"]["measured"] > 0
    assert figures["CPU per call, saturated"]["measured"] > 0
    assert figures["acknowledged events that the ledger lacks"]["met"] is True
    for table in (events, batches):
        assert table["title"] in done.stdout
        assert table["figures"][-1]["figure"] == "time taken"


@pytest.mark.slow
def test_capacity_is_reckoned_from_players_of_any_catalogue(tmp_path: Path, server_folder: Path) -> None:
    report_file = tmp_path / "report.json"
    done = subprocess.run(
        [
            *COMMAND,
            *(
                "--json",
                str(report_file),
                "--data",
                str(server_folder / "bench"),
                "--catalogue",
                "catalogues/demo.yaml",
            ),
            *("--simulated", "1000", "--complete-players", "400", "capacity"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [table] = json.loads(report_file.read_text())["tables"]
    figures = {figure["figure"]: figure for figure in table["figures"]}
    assert figures["WAL, compressed relative to uncompressed"]["met"] is True
    assert figures["bytes a score in Valkey"]["measured"] > 50
    assert [row["million players"] for row in table["grid"]] == [1, 10, 100]


@pytest.mark.slow
def test_ctrl_c_ends_all_started_processes(interrupted: subprocess.Popen[bytes]) -> None:
    # Postgres alone has about ten processes; there are more once the servers under test run as well.
    started = wait_until(lambda: found if len(found := family(interrupted.pid)) > 15 else None, 60)
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(60) == 130
    wait_until(lambda: not any(process.is_running() for process in started or ()))


def test_an_unusable_data_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    command = [*COMMAND, "--data", str(file / "folder"), "events"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith(f"--data {file / 'folder'}: Not a directory")


def test_an_unknown_table_is_named_before_anything_starts() -> None:
    done = subprocess.run([*COMMAND, "lists", "nonsense"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "unknown table nonsense" in done.stderr
