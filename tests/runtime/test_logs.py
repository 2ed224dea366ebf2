"""The form of log lines."""

from __future__ import annotations

import json
import logging
import sys
from datetime import datetime
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from shared.runtime.logs import JsonFormatter
from shared.runtime.tracing import Tracing, current_ids


def line(
    *, worker: int | None = None, personal: bool = False, message: str = "serving", **extra: Any
) -> dict[str, Any]:
    record = logging.getLogger("shared.example").makeRecord(
        "shared.example", logging.INFO, "example.py", 1, message, (), extra.pop("exc_info", None), extra=extra
    )
    text = JsonFormatter(worker=worker, personal=personal).format(record)
    assert "\n" not in text
    parsed: dict[str, Any] = json.loads(text)
    return parsed


def test_a_line_has_time_level_logger_and_message() -> None:
    shown = line(port=50051)
    assert datetime.fromisoformat(shown["time"]).utcoffset() is not None
    assert shown["time"].endswith("Z")
    assert (shown["level"], shown["logger"], shown["message"]) == ("INFO", "shared.example", "serving")
    assert shown["port"] == 50051
    assert "worker" not in shown


def test_a_line_of_a_worker_has_its_index() -> None:
    assert line(worker=0)["worker"] == 0


def test_a_line_of_a_traced_call_names_its_trace() -> None:
    traced = Tracing(TracerProvider(shutdown_on_exit=False), sample_ratio=1)
    formatter = JsonFormatter(worker=None, personal=False)
    formatter.trace_ids = current_ids
    record = logging.makeLogRecord({"msg": "serving"})
    with traced.span("challenge.v1.EventService/ReportEvent", parent=True) as span:
        inside = json.loads(formatter.format(record))
    assert {name: inside[name] for name in ("trace_id", "span_id")} == span.ids
    assert "trace_id" not in json.loads(formatter.format(record))


def test_a_traceback_is_part_of_its_log_line() -> None:
    try:
        raise ValueError("no\nsuch thing")
    except ValueError:
        shown = line(exc_info=sys.exc_info())
    assert shown["exception"].startswith("Traceback")
    assert "no\nsuch thing" in shown["exception"]


def test_player_ids_are_omitted_by_default() -> None:
    assert "user_id" not in line(user_id="player-1")
    assert line(user_id="player-1", personal=True)["user_id"] == "player-1"


def test_extra_fields_cannot_replace_standard_fields() -> None:
    shown = line(time="yesterday", level="NONE", worker=None)
    assert shown["level"] == "INFO"
    assert shown["time"] != "yesterday"


def test_every_log_line_is_valid_json() -> None:
    assert line(message="\ud800 \x00 \u202e", thing=object())["message"] == "\ud800 \x00 \u202e"
