"""`python -m admin player erase` of several players: each has a receipt, and a run can be repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from admin import erase_list, erasure
from shared.operations.operators.erase_player import Receipt, erase_player
from tests.admin.site import Site, admin
from tests.support.services import rows

Captured = pytest.CaptureFixture[str]

WHY = ("--reason", "as asked for", "--operator", "ada")
LEFT = "SELECT DISTINCT user_id FROM tally ORDER BY user_id"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ERASE_LIST_KEY", "a secret of the operators")


def written(folder: Path, *lines: str) -> str:
    file = folder / "players.txt"
    file.write_text("\n".join(lines) + "\n", "utf-8")
    return str(file)


def erase(site: Site, *arguments: str) -> int:
    return admin("player", "erase", *arguments, "--list", str(site.catalogue_file.parent / "erased.jsonl"), *WHY)


def left(site: Site) -> set[str]:
    return {user_id for (user_id,) in rows(site.database_url, LEFT)}


def listed(site: Site) -> list[str]:
    lines = (site.catalogue_file.parent / "erased.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["pseudonym"] for line in lines]


def test_all_players_of_a_file_and_of_the_command_are_erased_once(site: Site, tmp_path: Path, capsys: Captured) -> None:
    before = left(site)
    file = written(tmp_path, "player 3", "", "player 4\r", "player 3", "player 5")
    assert erase(site, "player 1", "player 5", "--ids", file) == 0
    assert before - left(site) == {f"player {number}" for number in (1, 3, 4, 5)}
    output = capsys.readouterr()
    receipts = [json.loads(line) for line in output.out.splitlines()]
    assert [receipt["erased_as"] for receipt in receipts] == listed(site)
    assert len(receipts) == len(set(listed(site))) == 4
    assert all(receipt["rows"]["tally"] for receipt in receipts)
    assert "4 players were erased, 0 had been before, 0 were not" in output.err


def test_a_byte_order_mark_belongs_to_no_id(site: Site, tmp_path: Path) -> None:
    before = left(site)
    file = tmp_path / "players.txt"
    file.write_text("player 1\nplayer 2\n", "utf-8-sig")
    assert erase(site, "--ids", str(file)) == 0
    assert before - left(site) == {"player 1", "player 2"}


def test_those_who_are_refused_are_named_and_keep_no_others(site: Site, tmp_path: Path, capsys: Captured) -> None:
    assert admin("points", "adjust", "player 1", "+5", *WHY) == 0
    rows(
        site.database_url,
        "INSERT INTO reward_outbox (user_id, goal_id, period_start, occurrence, claim_number, grant_id, state,"
        " provider, reward_type, reward_id, quantity, priority, attempts, lease_token, due_time, create_time)"
        " VALUES ('player 4', 'win', 'epoch', 1, 1, gen_random_uuid(), 'PENDING', 'game', 'ITEM', 'hat', 1, 5, 0, 0,"
        " now(), now()) RETURNING 1",
    )
    before = left(site)
    assert erase(site, "--ids", written(tmp_path, "player 3", "unknown player", "player 4", "player 5")) == 1
    assert before - left(site) == {"player 3", "player 5"}
    error = capsys.readouterr().err
    assert "unknown player: not erased: nothing is stored of the player" in error
    assert "player 4: not erased: 1 grants may still be delivered" in error
    assert "2 players were erased, 0 had been before, 2 were not" in error


def test_a_run_that_was_stopped_goes_on_where_it_was(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    file = written(tmp_path, *(f"player {number}" for number in range(8)))
    done: list[Receipt] = []

    def stopped(*arguments: object) -> Receipt:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(erase_player(*arguments))  # type: ignore[arg-type]
        return done[-1]

    with monkeypatch.context() as patch:
        patch.setattr(erasure, "erase_player", stopped)
        with pytest.raises(SystemExit):
            erase(site, "--ids", file)
    assert len(left(site) & {f"player {number}" for number in range(8)}) == 5
    capsys.readouterr()
    assert erase(site, "--ids", file) == 0
    output = capsys.readouterr()
    assert len(output.out.splitlines()) == 5
    assert "5 players were erased, 3 had been before, 0 were not" in output.err
    assert len(listed(site)) == 8
    assert not left(site) & {f"player {number}" for number in range(8)}


@pytest.mark.parametrize("line", ["x" * 300, "with a\ttab", "\udcff"])
def test_a_wrong_line_is_named_before_anything_is_erased(
    site: Site, tmp_path: Path, line: str, capsys: Captured
) -> None:
    before = left(site)
    file = tmp_path / "players.txt"
    file.write_bytes(b"player 1\n" + line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(SystemExit):
        erase(site, "--ids", str(file))
    assert "line 2 " in capsys.readouterr().err
    assert left(site) == before


def test_the_number_of_ids_is_bounded(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(erase_list, "IDS_MAX", 3)
    before = left(site)
    with pytest.raises(SystemExit):
        erase(site, "--ids", written(tmp_path, *(f"player {number}" for number in range(4))))
    assert "more than 3 ids" in capsys.readouterr().err
    assert left(site) == before
    assert erase(site, "--ids", written(tmp_path, "")) == 0
