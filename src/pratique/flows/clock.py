"""The clock, read once a flow."""

import os
from datetime import UTC, datetime

from msgspec import Struct

from pratique.model.errors import UsageError

_VARIABLE = "SOURCE_DATE_EPOCH"


class Clock(Struct, frozen=True):
    """The moment of a flow, UTC, and where it comes from."""

    now: datetime
    source: str


def read_clock() -> Clock:
    """Return the moment of this run: ``SOURCE_DATE_EPOCH`` (reproducible-builds.org) where it is set, else the clock.

    A set epoch also decides how old feeds are and which acceptances hold, so every document names the clock it used.

    Raises:
        UsageError: the variable is not a number of seconds.
    """
    text = os.environ.get(_VARIABLE, "")
    if not text:
        return Clock(datetime.now(UTC).replace(microsecond=0), "system")
    try:
        return Clock(datetime.fromtimestamp(int(text), UTC), _VARIABLE)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"not a number of seconds: {text[:40]!r}", place=_VARIABLE, remedy="Unset it"
        ) from error
