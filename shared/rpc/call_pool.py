"""The threads that run calls, and the bounded queue in which calls wait for one.

gRPC's Python server puts calls into the queue of a thread pool, which has no bound: at three times the load that a
worker can carry, responses took five seconds, and throughput fell to a tenth of its best. Refusing every call that
finds no idle thread does not work either, because a refusal costs half as much as a response (0.1 ms of CPU, nearly all
of it inside gRPC): refused callers who retry at once can keep a worker busy with refusing. So calls wait briefly:

- A call that finds no idle thread waits. A stall of a tenth of a second, from a checkpoint or a cold cache, fails no
  call.
- A call that has waited `WAIT_S` is refused. A burst is refused at once, and beyond that refusals are limited to a rate
  that leaves nine tenths of the CPU to responses; under lasting overload refusals come later than `WAIT_S`.
- Calls that have waited less than `WAIT_S` are served in order. When the oldest is overdue, the newest is served first,
  because its caller is the most likely to be still waiting.
- The queue has a bound, `WAITING_MAX`, and a call beyond it is refused immediately (`shared.rpc.method_router`).
  Callers rarely see that, because the number of calls on one connection is bounded too, and their library holds back
  the rest.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

M = TypeVar("M", bound=Callable[..., Any])

log = logging.getLogger(__name__)

WAIT_S = 0.150
"""Time in seconds that a call waits for a thread before it may be refused.

When 500 simultaneous calls find all threads stuck, the last must be refused within 0.3 s. A queue that stays longer
than this is overload, not a stall.
"""

WAITING_MAX = 5_000
"""Maximum number of waiting calls in one worker. With what gRPC keeps for each, that is about 100 MB."""

REFUSALS_AT_ONCE = 1_000
"""Size of a burst of refusals."""

REFUSALS_PER_S = 1_000.0
"""Sustained rate of refusals. At 0.1 ms each, that is a tenth of the one core that a worker can use."""

_REFUSAL_INTERVAL_S = 0.010

_this_thread = threading.local()


def is_refusing() -> bool:
    """Return whether the call that this thread has begun must be refused."""
    return getattr(_this_thread, "refuses", False)


def refuse(call: Callable[[], object]) -> None:
    """Run a submitted call in this thread so that it refuses itself."""
    before, _this_thread.refuses = is_refusing(), True
    try:
        _run(call)
    finally:
        _this_thread.refuses = before


class _Waiting(NamedTuple):
    since: float
    run: Callable[[], object]


class _Worker:
    """A thread with a mailbox of its own.

    The pool can thus choose the thread that was busy last, whose memory is still in the CPU caches.
    """

    def __init__(self, name: str, work: Callable[[_Worker], None]) -> None:
        self.thread = threading.Thread(target=work, args=(self,), name=name, daemon=True)
        self._task: Callable[[], object] | None = None
        self._has_task = threading.Lock()
        self._has_task.acquire()

    def assign(self, task: Callable[[], object] | None) -> None:
        """Set the next task, or end the thread with None. The worker must be idle, or its current task is lost."""
        self._task = task
        self._has_task.release()

    def take(self) -> Callable[[], object] | None:
        """Wait for the next task and return it."""
        self._has_task.acquire()
        task, self._task = self._task, None
        return task


class CallPool(ThreadPoolExecutor):
    """A fixed number of threads and a bounded queue. It is an executor because gRPC submits calls to one.

    A submitted call must check `is_refusing` before it waits for its caller. Tasks have no future of their own, because
    a call reports its own outcome; a future with its lock and condition would cost a tenth of the CPU of an empty call.
    """

    def __init__(self, threads: int, name: str, *, waiting_max: int = WAITING_MAX, wait_s: float | None = None) -> None:
        """Let a call wait for `wait_s` seconds, by default `WAIT_S`, before it may be refused."""
        # An executor has at least one thread. It is never used.
        super().__init__(1)
        self._name = name
        self._threads_max = threads
        self._waiting_max = waiting_max
        self._wait_s = WAIT_S if wait_s is None else wait_s
        self._lock = threading.Lock()
        self._in_use = 0
        self._workers: list[_Worker] = []
        self._idle: list[_Worker] = []
        self._waiting: deque[_Waiting] = deque()
        self._lacks_threads = False
        self._closing = False
        self._call_waits = threading.Condition(self._lock)
        self._all_idle = threading.Condition(self._lock)
        self._refuser = threading.Thread(target=self._refuse_until_closed, name=f"{name} refuser", daemon=True)

    @property
    def in_use(self) -> int:
        """The number of calls in progress."""
        return self._in_use

    @property
    def waiting(self) -> int:
        """The number of calls that wait for a thread."""
        return len(self._waiting)

    @property
    def has_room(self) -> bool:
        """True if one more call may be submitted, to run or to wait."""
        return self._in_use < self._threads_max or len(self._waiting) < self._waiting_max

    def start(self) -> None:
        """Start refusing overdue calls."""
        self._refuser.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call now or when its turn comes. The returned future is shared and says nothing about this call."""
        run = partial(fn, *args, **kwargs)
        with self._lock:
            if self._in_use >= self._threads_max or not (self._idle or self._add_worker()):
                self._waiting.append(_Waiting(time.monotonic(), run))
                self._call_waits.notify()
                return SUBMITTED
            worker = self._idle.pop()
            self._in_use += 1
        worker.assign(run)
        return SUBMITTED

    def close(self) -> None:
        """Wait until all calls have ended. Nothing may be submitted afterwards."""
        with self._lock:
            self._closing = True
            self._call_waits.notify()
        self._refuser.join()
        with self._lock:
            self._all_idle.wait_for(lambda: not self._in_use)
        for worker in self._workers:
            worker.assign(None)
        for worker in self._workers:
            worker.thread.join()
        self.shutdown()

    def _add_worker(self) -> bool:
        """Start one more thread; return False if the system cannot start one."""
        worker = _Worker(f"{self._name} {len(self._workers) + 1}", self._work)
        try:
            worker.thread.start()
        except RuntimeError:
            # `submit` runs in the thread with which gRPC accepts calls: an exception would end it, and so the server.
            if not self._lacks_threads:
                log.exception("cannot start a thread: calls wait for existing threads")
            self._lacks_threads = True
            return False
        self._lacks_threads = False
        self._workers.append(worker)
        self._idle.append(worker)
        return True

    def _work(self, worker: _Worker) -> None:
        """Run assigned calls, and after each the calls that wait."""
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
        in_time = time.monotonic() - self._waiting[0].since <= self._wait_s
        return (self._waiting.popleft() if in_time else self._waiting.pop()).run

    def _refuse_until_closed(self) -> None:
        """Refuse calls that have waited too long, at a limited rate."""
        _this_thread.refuses = True
        allowed, then = float(REFUSALS_AT_ONCE), time.monotonic()
        while True:
            with self._lock:
                while not self._waiting:
                    if self._closing:
                        return
                    self._call_waits.wait()
                now = time.monotonic()
                allowed = min(REFUSALS_AT_ONCE, allowed + (now - then) * REFUSALS_PER_S)
                overdue, then = self._take_overdue(now, int(allowed)), now
            allowed -= len(overdue)
            # Removed one by one, so that no refused call is kept alive from here.
            while overdue:
                _run(overdue.popleft())
            time.sleep(_REFUSAL_INTERVAL_S)

    def _take_overdue(self, now: float, count_max: int) -> deque[Callable[[], object]]:
        """Remove and return the calls that have waited too long, oldest first."""
        overdue: deque[Callable[[], object]] = deque()
        while self._waiting and now - self._waiting[0].since > self._wait_s and len(overdue) < count_max:
            overdue.append(self._waiting.popleft().run)
        return overdue


def _run(call: Callable[[], object]) -> None:
    try:
        call()
    except Exception:
        log.exception("unhandled exception in the gRPC server, outside of a method")


SUBMITTED: Future[Any] = Future()
SUBMITTED.set_result(None)
"""The future of every submitted call: it is shared and says nothing about the call, which reports its own outcome."""


def run_in(pool: ThreadPoolExecutor, method: M) -> M:
    """Return the method with an attribute that makes gRPC run it in a pool of its own."""
    method.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return method
