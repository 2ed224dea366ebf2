"""The frames and header blocks of HTTP/2."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from load_generator import frames
from load_generator.frames import NO_STATUS, Frame, Status, encoded, status_of

FRAMES = st.builds(
    Frame, st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**31 - 1), st.binary(max_size=70_000)
)


@given(st.lists(FRAMES, max_size=5), st.integers(1, 1_000))
def test_frames_round_trip_in_any_portions(sent: list[Frame], portion: int) -> None:
    wire = b"".join(frames.frame(*frame) for frame in sent)
    buffer = bytearray()
    received: list[Frame] = []
    for start in range(0, len(wire), portion):
        buffer += wire[start : start + portion]
        received += frames.take_frames(buffer)
    assert received == sent
    assert not buffer


@given(st.dictionaries(st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)))
def test_settings_round_trip(values: dict[int, int]) -> None:
    (frame,) = frames.take_frames(bytearray(frames.settings(values)))
    assert frames.read_settings(frame.payload) == values


@given(st.integers(0, 16), st.text(max_size=400))
def test_a_status_is_found_among_other_fields(code: int, message: str) -> None:
    fields = [("content-type", "application/grpc"), ("x-long", "y" * 300), ("grpc-status", str(code))]
    block = encoded([*fields, ("grpc-message", quote(message, errors="surrogatepass"))])
    # A table size update, and `:status: 200` by its index in the static table.
    assert status_of(b"\x20\x88" + block).code == code


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_a_message_round_trips(message: str) -> None:
    assert status_of(encoded([("grpc-status", "3"), ("grpc-message", quote(message))])) == Status(3, message)


def test_a_response_without_a_status_has_the_http_status() -> None:
    # `:status: 404` by its index in the static table.
    assert status_of(b"\x8d") == Status(NO_STATUS, "no grpc-status; HTTP status 404")
