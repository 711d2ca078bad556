"""The error family, split by what the caller can do next.

    PratiqueError
    +-- InputError         the input is at fault: fix it
    +-- UntrustedError     the bytes are not what was promised: do not use them
    +-- UnsupportedError   a sound input of a kind that this version does not read
    +-- UnavailableError   the machine or a service said no: try again or change the surroundings
    +-- UsageError         the call itself is wrong

Only the command line turns an error into an exit code.
"""

from typing import Self


class PratiqueError(Exception):
    """What went wrong, where, and what to do next.

    Args:
        what: one sentence without a final stop.
        place: the file, reference, line or option at fault.
        remedy: the next thing to do, as an imperative sentence.
    """

    def __init__(self, what: str, *, place: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.remedy = remedy

    def at(self, place: str) -> Self:
        """Return this error with a wider place put before its own."""
        self.place = f"{place}: {self.place}" if self.place else place
        return self

    def __str__(self) -> str:
        head = f"{self.place}: {self.what}" if self.place else self.what
        return f"{head}. {self.remedy}" if self.remedy else head


class InputError(PratiqueError):
    """The input is at fault."""


class UntrustedError(PratiqueError):
    """The bytes do not match the digest, size or media type that was promised for them."""


class UnsupportedError(PratiqueError):
    """A sound input of a kind that this version does not read."""


class UnavailableError(PratiqueError):
    """The machine or a service refused: a permission, a full disk, a missing file."""


class UsageError(PratiqueError):
    """The call itself is wrong."""
