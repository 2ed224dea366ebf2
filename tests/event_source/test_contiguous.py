"""A partition is committed up to the first message that is not settled, whatever the order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from event_source.contiguous import Contiguous


@given(
    st.sets(st.integers(0, 200), min_size=1).flatmap(
        lambda offsets: st.tuples(
            st.just(sorted(offsets)), st.permutations(sorted(offsets)), st.integers(0, len(offsets))
        )
    )
)
def test_the_position_is_behind_the_longest_settled_beginning(example: tuple[list[int], list[int], int]) -> None:
    offsets, order, settled_number = example
    tracker = Contiguous()
    for offset in offsets:
        tracker.take(offset)
    for number, offset in enumerate(order[:settled_number]):
        tracker.settle(offset)
        settled = set(order[: number + 1])
        beginning = [each for index, each in enumerate(offsets) if settled.issuperset(offsets[: index + 1])]
        assert tracker.position == (beginning[-1] + 1 if beginning else offsets[0])
        assert len(tracker) == len(offsets) - len(beginning)


@given(
    st.lists(
        st.one_of(st.tuples(st.just("take"), st.integers(0, 30)), st.tuples(st.just("settle"), st.integers(0, 30)))
    )
)
def test_no_message_behind_the_position_was_left_out(steps: list[tuple[str, int]]) -> None:
    """Brokers may go back at any time, and ends of messages may come late, or twice."""
    tracker = Contiguous()
    received: list[int] = []
    settled: set[int] = set()
    last = -1
    for step, offset in steps:
        if step == "take":
            if offset <= last:
                # A message that comes again has to be settled again; an old end of it will do.
                received = [each for each in received if each < offset]
            received.append(offset)
            last = offset
            settled.discard(offset)
            tracker.take(offset)
        elif offset in received:
            settled.add(offset)
            tracker.settle(offset)
        else:
            tracker.settle(offset)
    if tracker.position is not None:
        assert all(offset in settled for offset in received if offset < tracker.position)


def test_nothing_is_committed_before_anything_was_received() -> None:
    assert Contiguous().position is None


def test_a_broker_that_goes_back_gets_everything_from_there_on_settled_again() -> None:
    tracker = Contiguous()
    for offset in (5, 6, 7):
        tracker.take(offset)
        tracker.settle(offset)
    assert tracker.position == 8
    tracker.take(6)
    assert tracker.position == 6
    tracker.settle(6)
    assert tracker.position == 7
