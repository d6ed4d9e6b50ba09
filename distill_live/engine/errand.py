"""A call that may never come back, sent off in a thread of its own.

Calls into audio servers hang when the server does (measured: opening a stream on a stopped JACK server waits for it
for ever). Whoever sends one off asks again and again whether it is back, or leaves it behind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Errand(Generic[T]):
    """Runs ``call`` in a daemon thread.

    >>> errand = Errand(lambda: 6 * 7)
    >>> errand.wait(10.0), errand.result()
    (True, 42)
    """

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._results: list[T] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="errand", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def wait(self, patience_s: float) -> bool:
        """Wait at most ``patience_s``; whether it is back."""
        self._thread.join(patience_s)
        return self.done

    def result(self) -> T:
        """What the call returned, once it is done.

        Raises:
            Exception: whatever the call raised.
        """
        assert self.done
        if self._error is not None:
            raise self._error
        return self._results[0]

    def _run(self) -> None:
        try:
            self._results.append(self._call())
        except Exception as error:  # noqa: BLE001 - carried to the caller's thread and raised there
            self._error = error
