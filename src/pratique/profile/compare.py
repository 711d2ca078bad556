"""What two runs of a workload wrote, compared. Pure.

JSON documents are compared member by member, numbers within a relative tolerance. Members whose name says that they tell a
time are masked: only their kind is compared, and the result says so.
"""

import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from pratique.formats import strict_json
from pratique.model.errors import InputError
from pratique.model.proof import Compared

_TIMES = re.compile(
    r"(?:.*_)?(?:seconds|secs|ms|time|timestamp|duration|elapsed|runtime|date|started|finished|created)(?:_s|_at)?",
    re.IGNORECASE,
)
_DEEP = 100
_SHORT = 60


class _Difference(NamedTuple):
    where: str
    before: str
    after: str


def compare_digests(path: str, before: str, after: str) -> Compared:
    """Return whether a file has the same bytes; an empty digest stands for a file that was not written."""
    told = [f"sha256:{d[:12]}…" if d else "not written" for d in (before, after)]
    return Compared(
        kind="sha256", subject=path, same=bool(before) and before == after, before=told[0], after=told[1]
    )


def compare_json(path: str, before: bytes, after: bytes | None, tolerance: float) -> Compared:
    """Return whether two JSON documents are the same.

    Args:
        path: of the file, for people.
        before: of the original's run.
        after: of the new image's run; None where none was written.
        tolerance: relative difference that numbers may have.

    Raises:
        InputError: the original's is no JSON.
    """
    old = strict_json.loads(before, place=path)
    masked: set[str] = set()
    try:
        new = strict_json.loads(after, place=path) if after is not None else None
        found = next(_Comparison(tolerance, masked).differences(old, new, "", 0), None)
    except InputError as error:
        found = _Difference("", "JSON", f"no JSON ({error.what})")
    if after is None:
        found = _Difference("", "written", "not written")
    told = ("equal", "equal") if found is None else (found.before, found.after)
    where = f"{found.where}: " if found and found.where else ""
    return Compared(
        kind="json",
        subject=path,
        same=found is None,
        before=f"{where}{told[0]}",
        after=f"{where}{told[1]}",
        masked=tuple(sorted(masked)),
        tolerance=tolerance,
    )


class _Comparison(NamedTuple):
    tolerance: float
    masked: set[str]

    def differences(self, old: Any, new: Any, where: str, depth: int) -> Iterator[_Difference]:
        """Yield where two values differ."""
        if depth > _DEEP:
            raise InputError("nested too deeply to compare")
        if isinstance(old, dict) and isinstance(new, dict):
            for key in sorted(old.keys() | new.keys()):
                yield from self._member(old, new, key, where, depth)
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for index, pair in enumerate(zip(old, new, strict=True)):
                yield from self.differences(*pair, f"{where}[{index}]", depth + 1)
        elif not _equal(old, new, self.tolerance):
            yield _Difference(where, _short(old), _short(new))

    def _member(
        self, old: dict[str, Any], new: dict[str, Any], key: str, where: str, depth: int
    ) -> Iterator[_Difference]:
        inner = f"{where}.{key}" if where else key
        if key not in old or key not in new:
            yield _Difference(inner, *("present" if key in d else "absent" for d in (old, new)))
        elif _TIMES.fullmatch(key) and _kind(old[key]) == _kind(new[key]):
            self.masked.add(inner)
        else:
            yield from self.differences(old[key], new[key], inner, depth + 1)


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _equal(old: Any, new: Any, tolerance: float) -> bool:
    if _kind(old) is float and _kind(new) is float:
        return old == new or math.isclose(old, new, rel_tol=tolerance)
    return type(old) is type(new) and bool(old == new)


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{len(value)} members"
    text = str(value)
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"
