"""Secrets that stand in files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.runtime.secret import Secret, SecretAddress
from shared.runtime.settings import load, setting
from shared.runtime.settings_report import unknown_variables
from shared.runtime.start_refused import SettingsInvalid


@dataclass(frozen=True, kw_only=True)
class Example:
    """Secrets, and a setting that is none."""

    url: SecretAddress = setting("DATABASE_URL", help="Where.")
    key: Secret | None = setting("REWARD_KEY", help="A key.")
    name: str = setting("REWARD_NAME", default="n", help="A name.")


def problem(environ: dict[str, str]) -> str:
    with pytest.raises(SettingsInvalid) as invalid:
        load(Example, environ)
    return str(invalid.value)


def test_a_secret_is_read_from_the_file_that_its_variable_names(tmp_path: Path) -> None:
    url, key = tmp_path / "url", tmp_path / "key"
    url.write_text("postgresql://u:pw@host/db\n")
    key.write_text(" k e y \n")
    loaded = load(Example, {"DATABASE_URL_FILE": str(url), "REWARD_KEY_FILE": str(key)})
    assert loaded.url == SecretAddress("postgresql://u:pw@host/db")
    assert loaded.key == Secret("k e y")


def test_a_file_that_cannot_be_used_is_named_and_its_text_is_not(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("\n")
    for contents, reason in ((b"\n", "is empty"), (b"\xff", "is not UTF-8")):
        file.write_bytes(contents)
        assert problem({"DATABASE_URL_FILE": str(file)}).endswith(f"but {file} {reason}")
    file.write_text("s3cret")
    both = problem({"DATABASE_URL_FILE": str(file), "DATABASE_URL": "postgresql:///x"})
    assert both == "DATABASE_URL and DATABASE_URL_FILE are both set: set one of them"
    assert "No such file" in problem({"DATABASE_URL_FILE": str(tmp_path / "none")})
    assert problem({}) == "DATABASE_URL is not set: Where."


def test_only_secrets_have_such_variables() -> None:
    environ = {"DATABASE_URL_FILE": "a", "REWARD_KEY_FILE": "b", "REWARD_NAME_FILE": "c"}
    assert [unknown.name for unknown in unknown_variables(Example, environ)] == ["REWARD_NAME_FILE"]
