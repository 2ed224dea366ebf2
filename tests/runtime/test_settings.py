"""Settings: reading them from the environment, and printing them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.runtime.logs import JsonFormatter
from shared.runtime.secret import Hider, Secret, SecretAddress, masked
from shared.runtime.settings import load, prefixed, setting, variable_name
from shared.runtime.settings_groups import DatabaseSettings, ServerSettings
from shared.runtime.settings_report import describe, markdown_table, text_table, unknown_variables
from shared.runtime.start_refused import SettingsInvalid


@dataclass(frozen=True, kw_only=True)
class Example:
    """One field of each type."""

    name: str = setting("NAME", help="A name.")
    count: int = setting("COUNT", default=3, unit="things", minimum=1, maximum=10, help="A number.")
    ratio: float = setting("RATIO", default=0.5, minimum=0, maximum=1, help="A share.")
    on: bool = setting("ON", default=False, help="Whether.")
    folder: Path = setting("FOLDER", default=Path("data"), help="Where.")
    limit: int | None = setting("LIMIT", minimum=0, help="A limit, if there is one.")
    key: Secret | None = setting("KEY", help="A key.")
    store: SecretAddress | None = setting("STORE", help="Where.")
    server: ServerSettings = prefixed("EXAMPLE_", port=4_000, metrics_port=4_001)


def test_values_come_from_the_environment_or_defaults() -> None:
    example = load(
        Example,
        {"NAME": "a", "COUNT": "7", "ON": "yes", "FOLDER": "elsewhere", "LIMIT": "0", "EXAMPLE_THREADS": "5"},
    )
    assert (example.name, example.count, example.ratio, example.on) == ("a", 7, 0.5, True)
    assert (example.folder, example.limit, example.key) == (Path("elsewhere"), 0, None)
    assert (example.server.port, example.server.metrics_port, example.server.threads) == (4_000, 4_001, 5)


def test_all_problems_are_reported_together() -> None:
    environ = {
        "COUNT": "eleven",
        "RATIO": "1.5",
        "ON": "maybe",
        "LIMIT": "-1",
        "EXAMPLE_PORT": "70000",
        "EXAMPLE_WORKERS": "0",
    }
    with pytest.raises(SettingsInvalid) as raised:
        load(Example, environ)
    assert raised.value.problems == (
        "NAME is not set: A name.",
        "COUNT is 'eleven', must be a whole number",
        "RATIO is 1.5, must be at most 1",
        "ON is 'maybe', must be true or false",
        "LIMIT is -1, must be at least 0",
        "EXAMPLE_PORT is 70000, must be at most 65,535",
        "EXAMPLE_WORKERS is 0, must be at least 1",
    )


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "1e999"])
def test_a_number_must_be_finite(text: str) -> None:
    with pytest.raises(SettingsInvalid, match="RATIO"):
        load(Example, {"NAME": "a", "RATIO": text})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(Example, {"NAME": "a", "COUNT": "", "LIMIT": " "}).count == 3
    with pytest.raises(SettingsInvalid, match="NAME is not set"):
        load(Example, {"NAME": ""})


def test_secrets_are_masked_wherever_settings_are_shown() -> None:
    settings = load(Example, {"NAME": "a", "KEY": "hunter2", "STORE": "postgresql://me:hunter2@db/x"})
    record = logging.makeLogRecord({"msg": "settings %s", "args": (settings,), "key": settings.key})
    shown = [text_table(Example, settings), repr(settings), JsonFormatter(worker=None, personal=True).format(record)]
    for text in shown:
        assert "hunter2" not in text
        assert "***" in text
    assert "postgresql://me:***@db/x" in shown[0]
    assert settings.key is not None
    assert settings.store is not None
    assert (settings.key.reveal(), settings.store.reveal()) == ("hunter2", "postgresql://me:hunter2@db/x")


def test_equal_secrets_are_equal() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), SecretAddress("a")}) == 2


@given(st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S"]), min_size=8))
def test_passwords_in_urls_are_never_shown(password: str) -> None:
    encoded = quote(password, safe="")
    assert masked(f"postgresql://player:{encoded}@db:5432/x?sslmode=require") == (
        "postgresql://player:***@db:5432/x?sslmode=require"
    )
    assert masked(f"redis://:{encoded}@cache:6379/0") == "redis://:***@cache:6379/0"
    assert masked(f"postgresql://db/x?password={encoded}&user=a") == "postgresql://db/x?password=***&user=a"


@pytest.mark.parametrize("password", ["a/b", "a@b", "a?b#c", "a:b"])
def test_a_password_with_characters_invalid_in_urls_is_masked(password: str) -> None:
    assert masked(f"redis://me:{password}@cache:6379/0") == "redis://me:***@cache:6379/0"


@pytest.mark.parametrize("quoted", ["hunter2", "'hunter 2'", r"'hunt\'er2'"])
def test_passwords_in_connection_strings_are_never_shown(quoted: str) -> None:
    assert masked(f"host=db password={quoted} user=a") == "host=db password=*** user=a"


def test_each_variable_is_shown_with_value_default_unit_and_meaning() -> None:
    rows = {row.name: row for row in describe(Example, load(Example, {"NAME": "a", "COUNT": "7"}))}
    count = rows["COUNT"]
    assert (count.value, count.default, count.unit) == ("7", "3", "things")
    assert count.meaning == "A number. 1 to 10."
    assert rows["NAME"].default == "required"
    assert rows["EXAMPLE_PORT"].default == "4000"


def test_the_markdown_table_has_each_variable_once() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Other:
        database: DatabaseSettings
        server: ServerSettings = prefixed("EXAMPLE_", port=4_000, metrics_port=4_001)

    lines = markdown_table(Example, Other).splitlines()
    names = [line.split("`")[1] for line in lines[2:]]
    assert len(names) == len(set(names))
    assert {"NAME", "EXAMPLE_PORT", "DATABASE_URL"} <= set(names)
    assert {line.count("|") for line in lines} == {5}


def test_a_default_for_an_unknown_field_raises() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Misspelt:
        server: ServerSettings = prefixed("EXAMPLE_", prot=4_000)

    with pytest.raises(TypeError, match="ServerSettings has no prot"):
        load(Misspelt, {})


def test_a_message_can_name_the_variable_behind_a_field() -> None:
    assert variable_name(Example, "server.metrics_port") == "EXAMPLE_METRICS_PORT"


def test_a_port_that_kubernetes_sets_gets_a_hint() -> None:
    with pytest.raises(SettingsInvalid) as refused:
        load(Example, {"NAME": "a", "EXAMPLE_PORT": "tcp://10.0.0.7:4000"})
    (problem,) = refused.value.problems
    assert problem.startswith("EXAMPLE_PORT is 'tcp://10.0.0.7:4000', must be a whole number; Kubernetes sets ")
    assert "enableServiceLinks" in problem


def test_misspelt_variables_are_named_with_the_correct_name() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Service:
        database: DatabaseSettings
        server: ServerSettings = prefixed("CHALLENGE_", port=4_000, metrics_port=4_001)

    environ = {
        "DATABASE_URL": "postgresql://",
        "DATABASE_POOLSIZE": "5",
        "DATABASE_COLOUR": "blue",
        "CHALLENGE_PROT": "1",
        "CHALLENGE_SERVICE_HOST": "10.0.0.7",
        "CHALLENGE_SERVICE_PORT_GRPC": "4000",
        "CHALLENGE_PORT_4000_TCP_ADDR": "10.0.0.7",
        "EVENT_PORT": "for another process",
        "PATH": "/bin",
    }
    assert list(map(str, unknown_variables(Service, environ))) == [
        "CHALLENGE_PROT is not a setting: CHALLENGE_PORT?",
        "DATABASE_COLOUR is not a setting",
        "DATABASE_POOLSIZE is not a setting: DATABASE_POOL_SIZE?",
    ]


def test_secrets_in_messages_of_libraries_are_masked() -> None:
    settings = load(
        Example, {"NAME": "a", "KEY": "hunter2+", "STORE": "postgresql://me:p%2Fss-word@db/x?password=third-one"}
    )
    formatter = JsonFormatter(worker=None, personal=True, hide=Hider(settings))
    record = logging.makeLogRecord(
        {
            "msg": "no entry for %s with p/ss-word",
            "args": ("redis://:other@h",),
            "cause": ["key hunter2+", {"x": "p%2Fss-word"}],
            "exc_info": (ValueError, ValueError("wrong: third-one, p/ss-word"), None),
        }
    )
    line = formatter.format(record)
    for secret in ("hunter2", "ss-word", "third-one", "other"):
        assert secret not in line
    assert "no entry for redis://:***@h with ***" in line


def test_a_password_equal_to_the_user_name_masks_no_other_words() -> None:
    settings = load(Example, {"NAME": "a", "STORE": "postgresql://challenge:challenge@db/x"})
    assert Hider(settings)("the challenge goes on") == "the challenge goes on"
