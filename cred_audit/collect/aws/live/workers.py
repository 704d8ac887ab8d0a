"""Threads that ask about many objects at once, and count how many are done."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

from cred_audit.collect.aws.live.connect import CONCURRENCY

_One = TypeVar("_One")
_Found = TypeVar("_Found")


class Workers:
    """A pool for calls that start no further ones. What they do may not raise."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=CONCURRENCY, thread_name_prefix="aws")
        self._lock = Lock()
        self.done = 0
        self.total = 0

    def each(self, ask: Callable[[_One], _Found], things: Iterable[_One]) -> list[_Found]:
        """Return what is found about each thing, in their order."""
        futures = [self._pool.submit(ask, thing) for thing in things]
        with self._lock:
            self.total += len(futures)
        for future in futures:
            future.add_done_callback(self._count)
        return [future.result() for future in futures]

    def stop(self) -> None:
        """Start nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _count(self, _: "Future[_Found]") -> None:
        with self._lock:
            self.done += 1
