"""The threads that work on calls, and the room where calls wait for one.

gRPC's Python server puts calls into the queue of a thread pool, which has no bound: at three times what a worker can
do, answers came after five seconds, and a tenth as many as at its best. Refusing whatever finds no thread free is no
way out either, because a refusal costs half as much as an answer (0.1 ms of CPU, nearly all of it gRPC's own): refused
callers who come back at once can keep a worker busy with refusing. So there is a room to wait in, for a moment:

- A call that finds no thread free waits. A stall of a tenth of a second, a checkpoint or a cold cache, fails nobody.
- One that has waited `WAIT_S` is refused, a crowd at once, and beyond that so many a second that answers keep nine
  tenths of the CPU; under lasting overload refusals come later than that.
- Those who wait in time are served in order. Behind those who are to be refused, the newest is served first: its
  caller is the one who surely still waits.
- The room has a bound, `WAITING_MAX`, and what does not fit is refused on the spot (`shared.rpc.calls`). Callers seldom
  see that, because the number of calls on one connection is bounded, too: their library holds back the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

log = logging.getLogger(__name__)

WAIT_S = 0.150
"""How long a call waits for a thread before it may be refused. Of 500 calls at once that find all threads stuck, the
last is to be refused within 0.3 s; a queue that is longer than this for long is overload, no stall."""

WAITING_MAX = 5_000
"""Calls that wait in one worker; with what gRPC keeps of each, some 100 MB."""

REFUSALS_AT_ONCE = 1_000
REFUSALS_PER_S = 1_000.0
"""At 0.1 ms each, a tenth of a core; a worker has not more than one for its answers."""

_PASS_S = 0.010

_this_thread = threading.local()


def is_refusing() -> bool:
    """Whether the call that this thread has begun is to be refused."""
    return getattr(_this_thread, "refuses", False)


class _Waiting(NamedTuple):
    since: float
    run: Callable[[], object]


class _Worker:
    """A thread that waits for work of its own: so the one that was busy last can be chosen, whose memory is still in
    the caches.
    """

    def __init__(self, name: str, work: Callable[[_Worker], None]) -> None:
        self.thread = threading.Thread(target=work, args=(self,), name=name, daemon=True)
        self._task: Callable[[], object] | None = None
        self._has_task = threading.Lock()
        self._has_task.acquire()

    def hand(self, task: Callable[[], object] | None) -> None:
        """Give it the next task; None ends it. It must be idle: what it has not yet taken would be lost."""
        self._task = task
        self._has_task.release()

    def take(self) -> Callable[[], object] | None:
        """Wait for the next task."""
        self._has_task.acquire()
        task, self._task = self._task, None
        return task


class CallPool(ThreadPoolExecutor):
    """So many threads, and a room to wait for them. An executor, because that is what gRPC hands calls to.

    What is submitted may never wait for its caller before it has looked at `is_refusing`. Nobody asks what became of
    it, because a call itself tells its caller: so a task has no future of its own, which with lock and condition would
    be a tenth of the CPU of an empty call.
    """

    def __init__(self, threads: int, name: str, *, waiting_max: int = WAITING_MAX) -> None:
        """With `waiting_max` 0, whoever finds no thread free is refused."""
        # An executor has a thread at least. It is never used: ours are handed their work.
        super().__init__(1)
        self._name = name
        self._threads_max = threads
        self._waiting_max = waiting_max
        self._lock = threading.Lock()
        self._in_use = 0
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._waiting: deque[_Waiting] = deque()
        self._lacks_threads = False
        self._closing = False
        self._someone_waits = threading.Condition(self._lock)
        self._all_idle = threading.Condition(self._lock)
        self._refuser = threading.Thread(target=self._refuse_until_closed, name=f"{name} refuser", daemon=True)

    @property
    def in_use(self) -> int:
        """How many calls are worked on."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """How many calls wait."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """Whether one more call may be submitted, to be worked on or to wait."""
        return self._in_use < self._threads_max or len(self._waiting) < self._waiting_max

    def start(self) -> None:
        """Begin to refuse those who wait too long."""
        self._refuser.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Work on a call, now or when its turn comes. The future is everybody's, and says nothing about this call."""
        run = partial(fn, *args, **kwargs)
        with self._lock:
            if self._in_use >= self._threads_max or not (self._idle or self._add_worker()):
                self._waiting.append(_Waiting(time.monotonic(), run))
                self._someone_waits.notify()
                return _SUBMITTED
            worker = self._idle.pop()
            self._in_use += 1
        worker.hand(run)
        return _SUBMITTED

    def close(self) -> None:
        """Wait until all calls have ended. After it nothing is submitted any more."""
        with self._lock:
            self._closing = True
            self._someone_waits.notify()
        self._refuser.join()
        with self._lock:
            self._all_idle.wait_for(lambda: not self._in_use)
        for worker in self._workers:
            worker.hand(None)
        for worker in self._workers:
            worker.thread.join()
        self.shutdown()

    def _add_worker(self) -> bool:
        """Start one more thread; False where the system has none left."""
        worker = _Worker(f"{self._name} {len(self._workers) + 1}", self._work)
        try:
            worker.thread.start()
        except RuntimeError:
            # Whoever submits is the thread by which gRPC takes calls: a failure would end it, and with it the server.
            if not self._lacks_threads:
                log.exception("no thread can be started: calls wait for those that are there")
            self._lacks_threads = True
            return False
        self._lacks_threads = False
        self._workers.append(worker)
        self._idle.append(worker)
        return True

    def _work(self, worker: _Worker) -> None:
        """Run calls, and after each those who wait."""
        while (following := worker.take()) is not None:
            while following is not None:
                _run(following)
                with self._lock:
                    following = self._next()
                    if following is None:
                        self._in_use -= 1
                        self._idle.append(worker)
                        if self._closing and not self._in_use:
                            self._all_idle.notify()

    def _next(self) -> Callable[[], object] | None:
        if not self._waiting:
            return None
        in_time = time.monotonic() - self._waiting[0].since <= WAIT_S
        return (self._waiting.popleft() if in_time else self._waiting.pop()).run

    def _refuse_until_closed(self) -> None:
        _this_thread.refuses = True
        allowed, then = float(REFUSALS_AT_ONCE), time.monotonic()
        while True:
            with self._lock:
                while not self._waiting:
                    if self._closing:
                        return
                    self._someone_waits.wait()
                now = time.monotonic()
                allowed = min(REFUSALS_AT_ONCE, allowed + (now - then) * REFUSALS_PER_S)
                overdue, then = self._take_overdue(now, int(allowed)), now
            allowed -= len(overdue)
            # Taken out one by one: a call that was refused is not to live on in here.
            while overdue:
                _run(overdue.popleft())
            time.sleep(_PASS_S)

    def _take_overdue(self, now: float, most: int) -> deque[Callable[[], object]]:
        """Take out those who have waited too long."""
        overdue: deque[Callable[[], object]] = deque()
        while self._waiting and now - self._waiting[0].since > WAIT_S and len(overdue) < most:
            overdue.append(self._waiting.popleft().run)
        return overdue


def _run(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        log.exception("a call of the server failed outside of its method")


_SUBMITTED: Future[Any] = Future()
_SUBMITTED.set_result(None)


class OnTheSpot(ThreadPoolExecutor):
    """Has no threads: what is submitted is run by the thread that submits it. For what never waits."""

    def __init__(self) -> None:
        super().__init__(1)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run it now."""
        ended: Future[Any] = Future()
        ended.set_result(fn(*args, **kwargs))
        return ended
