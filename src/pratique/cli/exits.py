"""The one table from outcomes to exit codes; ``docs/reference/exit-codes.md`` is made from it."""

from collections.abc import Iterable

from pratique.model.errors import PratiqueError, UsageError
from pratique.model.finding import Verdict

VERDICTS: dict[Verdict, int] = {"pass": 0, "not judged": 0, "fail": 2, "incomplete": 3}
PROOFS: dict[str, int] = {"same": 0, "weak": 0, "different": 2}
PINS: dict[str, int] = {"pass": 0, "fail": 2}
VERIFICATIONS: dict[str, int] = {"same": 0, "different": 2, "incomplete": 3}
LEFT_OUT = 3
"""A lock that does not name all that is in the image."""

ERRORS: tuple[tuple[type[Exception], int], ...] = ((UsageError, 4), (PratiqueError, 1))
USAGE = 4
INTERRUPTED = 130
NO_STATEMENT, NOT_VERIFIED = 10, 12
"""As cosign: nothing is signed; nothing is signed by these keys."""

MEANINGS = {
    0: "passed; or nothing was asked to be judged, whatever was found",
    1: "error: the image, a feed or a file could not be read, or is not what it promises to be",
    2: "the policy or a `--fail-on` rule failed the image, or for `rescan` any image; a proof failed; `clear` published nothing; `gate` refused; a lock does not hold, or an image does not keep to it",
    3: "incomplete: no rule failed it, but part of it could not be judged and nobody accepted that; for `affected`, it cannot be known of every image; files could not be compared with a lock, or a lock made of an image leaves some out",
    4: "usage: the call itself is wrong",
    10: "nothing is attached to the image (`verify`, `gate`)",
    12: "nothing attached is signed by a trusted key (`verify`, `gate`)",
    130: "interrupted",
}


def worst(verdicts: Iterable[Verdict]) -> int:
    """Return the exit code of several verdicts: a failure outranks what is incomplete, and that a pass."""
    codes = {VERDICTS[verdict] for verdict in verdicts}
    return next((code for code in (VERDICTS["fail"], VERDICTS["incomplete"]) if code in codes), 0)


def exit_code(error: Exception) -> int:
    """Return the exit code of an error; the first branch that fits."""
    return next((code for branch, code in ERRORS if isinstance(error, branch)), 1)
