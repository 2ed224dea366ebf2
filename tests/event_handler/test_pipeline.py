"""The batches of a stream: several in flight, responses in order, bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from event_handler.pipeline import BATCHES_IN_FLIGHT_MAX, Pipelines
from shared.domain.errors import InvalidRequest, ShuttingDown
from tests.support.waiting import wait_until

WAIT_S = 60


class Commits:
    """Replaces the writers: accepts batches, and completes each when the test releases it."""

    def __init__(self) -> None:
        self.submitted: list[int] = []
        self.released = threading.Semaphore(0)

    def submit(self, batch: int) -> Callable[[], int]:
        if batch < 0:
            raise InvalidRequest.of("events", "is negative")
        self.submitted.append(batch)

        def response() -> int:
            assert self.released.acquire(timeout=WAIT_S)
            return batch

        return response

    def release(self, count: int) -> None:
        self.released.release(count)


@pytest.fixture
def commits() -> Commits:
    return Commits()


@pytest.fixture
def pipelines() -> Pipelines:
    return Pipelines()


def test_responses_are_sent_in_the_order_of_the_batches(commits: Commits, pipelines: Pipelines) -> None:
    commits.release(100)
    assert list(pipelines.run(commits.submit, iter(range(100)))) == list(range(100))


def test_batches_in_flight_are_bounded(commits: Commits, pipelines: Pipelines) -> None:
    responses = pipelines.run(commits.submit, iter(range(3 * BATCHES_IN_FLIGHT_MAX)))
    reader = threading.Thread(target=lambda: list(responses))
    reader.start()
    wait_until(lambda: len(commits.submitted) == BATCHES_IN_FLIGHT_MAX)
    commits.release(1)
    wait_until(lambda: len(commits.submitted) == BATCHES_IN_FLIGHT_MAX + 1)
    commits.release(3 * BATCHES_IN_FLIGHT_MAX)
    reader.join(WAIT_S)
    assert commits.submitted == list(range(3 * BATCHES_IN_FLIGHT_MAX))


def test_a_refused_batch_ends_the_stream_after_all_earlier_responses(commits: Commits, pipelines: Pipelines) -> None:
    commits.release(10)
    responses = pipelines.run(commits.submit, iter([1, 2, -1, 3]))
    assert [next(responses), next(responses)] == [1, 2]
    with pytest.raises(InvalidRequest):
        next(responses)
    assert commits.submitted == [1, 2]


def test_a_stopped_stream_responds_to_accepted_batches_and_accepts_no_more(
    commits: Commits, pipelines: Pipelines
) -> None:
    sent_last = threading.Event()

    def batches() -> Iterator[int]:
        yield from (1, 2)
        assert sent_last.wait(WAIT_S)
        yield 3

    acknowledged: list[int] = []
    errors: list[Exception] = []

    def read() -> None:
        try:
            acknowledged.extend(pipelines.run(commits.submit, batches()))
        except ShuttingDown as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    wait_until(lambda: commits.submitted == [1, 2])
    pipelines.stop()
    commits.release(2)
    reader.join(WAIT_S)
    sent_last.set()
    assert (acknowledged, len(errors), commits.submitted) == ([1, 2], 1, [1, 2])


def test_no_stream_starts_after_the_stop(commits: Commits, pipelines: Pipelines) -> None:
    pipelines.stop()
    with pytest.raises(ShuttingDown):
        next(pipelines.run(commits.submit, iter([1])))


def test_a_sender_error_ends_the_stream(commits: Commits, pipelines: Pipelines) -> None:
    def batches() -> Iterator[int]:
        yield 1
        raise ConnectionError("the sender went away")

    commits.release(1)
    with pytest.raises(ConnectionError):
        list(pipelines.run(commits.submit, batches()))
