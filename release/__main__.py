"""`python -m release VERSION`: write the version, the changelog and the record of a release into the working tree.

`make release` runs it between its checks and its builds. Nothing is committed: whoever releases looks at it first.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from release.changelog import UNRELEASED, with_unreleased_in

VERSION_FILE = Path("shared/runtime/version.py")
CHART = Path("deploy/chart/Chart.yaml")
CHANGELOG = Path("CHANGELOG.md")
FRAGMENTS = Path("changelog.d")
RECORD = Path("deploy/last_release.txt")
_VERSION = re.compile(r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)")


class Refused(Exception):
    """The release cannot be made; the message says why."""


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare a release in the current folder, or only check whether it can be; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m release", description="Prepare a release.")
    parser.add_argument("version", help="version of the release, such as 1.2.0")
    parser.add_argument("--check", action="store_true", help="only say whether it can be made")
    arguments = parser.parse_args(argv)
    try:
        commit = check(arguments.version)
        if not arguments.check:
            prepare(arguments.version, commit)
    except Refused as refusal:
        sys.stderr.write(f"{refusal}\n")
        return 1
    return 0


def check(version: str) -> str:
    """Return the commit that would be released; raise `Refused` if it cannot be."""
    if _VERSION.fullmatch(version) is None:
        raise Refused(f"{version!r} is not a version such as 1.2.0")
    before = current_version()
    if _numbers(version) <= _numbers(before):
        raise Refused(f"{version} is not newer than {before}")
    if changed := _git("status", "--porcelain"):
        raise Refused(f"the working tree has changes that are not committed:\n{changed}")
    if not any(FRAGMENTS.glob("+*")) and UNRELEASED not in CHANGELOG.read_text("utf-8"):
        raise Refused(f"nothing is to be released: {FRAGMENTS} has no changes")
    return _git("rev-parse", "HEAD")


def prepare(version: str, commit: str) -> None:
    """Write everything that has the version, and collect the changes."""
    _replace(VERSION_FILE, r'^VERSION = ".*"$', f'VERSION = "{version}"')
    _replace(CHART, r"^version: .*$", f"version: {version}")
    _replace(CHART, r"^appVersion: .*$", f"appVersion: {version}")
    RECORD.write_text(f"{commit}\n", "utf-8")
    # Only the changelog as it is after towncrier has the heading of the version.
    subprocess.run([sys.executable, "-m", "towncrier", "build", "--yes", "--version", version], check=True)
    CHANGELOG.write_text(with_unreleased_in(CHANGELOG.read_text("utf-8"), version), "utf-8")


def current_version() -> str:
    """Return the version of the last release."""
    found = re.search(r'^VERSION = "(.*)"$', VERSION_FILE.read_text("utf-8"), re.MULTILINE)
    if found is None:
        raise Refused(f"{VERSION_FILE} has no version")
    return found[1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))


def _replace(file: Path, pattern: str, line: str) -> None:
    text, count = re.subn(pattern, line, file.read_text("utf-8"), flags=re.MULTILINE)
    if count != 1:
        raise Refused(f"{file} has {count} lines like {line}")
    file.write_text(text, "utf-8")


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)  # noqa: S607
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
