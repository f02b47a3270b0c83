"""One batch out of what several threads ask at the same time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

from ..errors import RetrieverError

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Combined(Generic[Asked, Given]):
    """Makes a function of a list thread-safe: one thread at a time works, for all that wait by then.

    An embedding model answers 64 queries in hardly more time than one, so waiting callers are no loss.
    """

    def __init__(self, work: Callable[[list[Asked]], list[Given]]) -> None:
        self._work = work
        self._waiting: list[tuple[Sequence[Asked], Future[list[Given]]]] = []
        self._adding, self._working = Lock(), Lock()

    def __call__(self, asked: Sequence[Asked]) -> list[Given]:
        """The results for `asked`, in order.

        Raises:
            RetrieverError: the work failed, for whoever took part.
        """
        mine: Future[list[Given]] = Future()
        with self._adding:
            self._waiting.append((asked, mine))
        with self._working:
            if not mine.done():
                with self._adding:
                    batch, self._waiting = self._waiting, []
                self._serve(batch)
        return mine.result()

    def _serve(self, batch: list[tuple[Sequence[Asked], Future[list[Given]]]]) -> None:
        try:
            results = iter(self._work([item for asked, _ in batch for item in asked]))
            for asked, future in batch:
                future.set_result([next(results) for _ in asked])
        except RetrieverError as error:
            for _, future in batch:
                future.set_exception(error)
        finally:
            for _, future in batch:  # a bug ends the thread that worked; the others must not wait for ever
                future.cancel()
