"""How long to go on trying: pure but for the clock and the pause, which are arguments."""

from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime

from pratique.model.errors import PratiqueError

TRIES = 5
_ATTEMPTS = 100
_TOTAL = 120.0
_SLOWEST = 64 * 1024
_LONGEST = 60.0
AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers after which the same request may succeed (RFC 9110, 15.5 and 15.6; RFC 6585, 4)."""


class TryAgainError(Exception):
    """An attempt failed in a way that another may not.

    Attributes:
        error: what is raised when there is no other attempt.
        wait: seconds that the server asks for; None where it does not say.
    """

    def __init__(self, error: PratiqueError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class Patience:
    """The attempts at one fetch: five without progress, and a time that grows with what is to come.

    Args:
        size: bytes at most; 64 KiB a second is the slowest that is waited for.
        clock: monotonic seconds.
        pause: sleeps that many seconds.
        jitter: a number from 0 to 1, so that many clients do not come back together.
    """

    def __init__(
        self,
        size: int,
        clock: Callable[[], float],
        pause: Callable[[float], None],
        jitter: Callable[[], float],
    ) -> None:
        self._clock, self._pause, self._jitter = clock, pause, jitter
        self._end = clock() + _TOTAL + size / _SLOWEST
        self._failed = 0
        self._attempts = 0

    def over(self) -> bool:
        """Say whether the time is up."""
        return self._clock() > self._end

    def wait(self, again: TryAgainError, *, progressed: bool) -> None:
        """Sleep before the next attempt; what the server asks for, up to 60 s, else 0.5 s doubled each time.

        Raises:
            PratiqueError: there is no next attempt.
        """
        self._attempts += 1
        self._failed = 1 if progressed else self._failed + 1
        if self._failed >= TRIES or self._attempts >= _ATTEMPTS:
            raise again.error from again
        backoff = 0.5 * 2 ** (self._failed - 1) * (1 + self._jitter())
        seconds = max(0.0, min(_LONGEST, backoff if again.wait is None else again.wait))
        if self._clock() + seconds > self._end:
            raise again.error from again
        self._pause(seconds)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds of a ``Retry-After`` (RFC 9110, 10.2.3); a date counts from the answer's own ``Date``."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal() and text.isascii():
        return float(text[:9])
    try:
        then, now = parsedate_to_datetime(text), parsedate_to_datetime(headers.get("Date", ""))
        return max(0.0, (then - now).total_seconds())
    except (ValueError, TypeError, IndexError):
        return None
