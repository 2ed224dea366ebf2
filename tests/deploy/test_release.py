"""`python -m release` in a copy of the project: the version, the changelog and the record, or the reason against it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from release.__main__ import main
from release.changelog import with_unreleased_in
from shared.runtime.version import VERSION
from tests.support.service_process import PROJECT

FILES = (
    "CHANGELOG.md",
    "pyproject.toml",
    "shared/runtime/version.py",
    "deploy/chart/Chart.yaml",
    "deploy/last_release.txt",
)
NEXT = "99.0.0"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the current folder: a repository with the files that a release changes, and one change to be told."""
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, tmp_path / name)
    fragments = tmp_path / "changelog.d"
    fragments.mkdir()
    shutil.copy(PROJECT / "changelog.d" / "README", fragments)
    (fragments / "+flying.added").write_text("Players can fly.\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    git("init", "--quiet")
    commit("a first")
    return tmp_path


def git(*arguments: str) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    done = subprocess.run(["git", *identity, *arguments], capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout.strip()


def commit(message: str) -> None:
    git("add", "--all")
    git("commit", "--quiet", "--message", message)


def test_a_release_has_its_version_everywhere_and_its_changes_in_the_changelog(project: Path) -> None:
    commit_before = git("rev-parse", "HEAD")
    assert main([NEXT]) == 0
    assert f'VERSION = "{NEXT}"' in (project / "shared/runtime/version.py").read_text("utf-8")
    chart = yaml.safe_load((project / "deploy/chart/Chart.yaml").read_text("utf-8"))
    assert (chart["version"], chart["appVersion"]) == (NEXT, NEXT)
    assert (project / "deploy/last_release.txt").read_text("utf-8").split() == [commit_before]
    changelog = (project / "CHANGELOG.md").read_text("utf-8")
    assert changelog.index(f"## [{NEXT}]") < changelog.index("- Players can fly.") < changelog.index("## [0.1.0]")
    assert "Unreleased" not in changelog
    assert sorted(path.name for path in (project / "changelog.d").iterdir()) == ["README"]
    commit("a release")
    assert main(["99.0.1", "--check"]) == 1, "there are no further changes"


@pytest.mark.parametrize("version", ["1", "1.2", "v1.2.3", "1.2.3-rc1", "01.2.3", VERSION, "0.0.9"])
def test_a_wrong_version_is_refused(project: Path, version: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([version]) == 1
    assert version in capsys.readouterr().err
    assert git("status", "--porcelain") == ""
    assert (project / "changelog.d" / "+flying.added").exists()


def test_uncommitted_changes_are_refused(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "new").touch()
    assert main([NEXT]) == 1
    assert "not committed" in capsys.readouterr().err


def test_parts_of_the_same_name_are_joined() -> None:
    joined = with_unreleased_in(
        "# Log\n\n## [2.0.0] - today\n\n### Added\n\n- a\n\n### Fixed\n\n- b\n\n"
        "## [Unreleased]\n\n### Added\n\n- c\n\n### Removed\n\n- d\n\n## [1.0.0] - before\n\n- e\n",
        "2.0.0",
    )
    assert joined == (
        "# Log\n\n## [2.0.0] - today\n\n### Added\n\n- a\n- c\n\n### Fixed\n\n- b\n\n### Removed\n\n- d\n\n"
        "## [1.0.0] - before\n\n- e\n"
    )
