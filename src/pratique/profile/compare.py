"""What two runs of a workload wrote, compared. Pure.

JSON documents are compared member by member, numbers within a relative tolerance. Numbers and texts in a member whose name
says that it tells a time are masked: only their kind is compared, and the result says so.
"""

import json
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
_INDEX = re.compile(r"\[\d+\]")
_SHORT = 60
_BEFORE = 20
"""Characters that are shown before the first one that differs, where a text is too long to be shown whole."""


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
    comparison = _Comparison(tolerance, set(), [])
    if after is None:
        found: _Difference | None = _Difference("", "written", "not written")
    else:
        found = _first(old, after, path, comparison)
    told = ("equal", "equal") if found is None else (found.before, found.after)
    where = f"{found.where}: " if found and found.where else ""
    return Compared(
        kind="json",
        subject=path,
        same=found is None,
        before=f"{where}{told[0]}",
        after=f"{where}{told[1]}",
        masked=tuple(sorted(comparison.masked)),
        tolerance=tolerance,
        values=len(comparison.equal),
    )


def _first(old: Any, after: bytes, path: str, comparison: "_Comparison") -> _Difference | None:
    try:
        new = strict_json.loads(after, place=path)
    except InputError as error:
        return _Difference("", "JSON", f"no JSON ({error.what})")
    return next(comparison.differences(old, new, "", timed=False), None)


class _Comparison(NamedTuple):
    """What two documents are compared by, and what was seen on the way.

    Attributes:
        masked: members of which only the kind was compared.
        equal: where a value was compared and found equal.
    """

    tolerance: float
    masked: set[str]
    equal: list[str]

    def differences(self, old: Any, new: Any, where: str, *, timed: bool) -> Iterator[_Difference]:
        """Yield where two values differ; ``timed`` where they lie in a member that tells times."""
        if isinstance(old, dict) and isinstance(new, dict):
            for key in sorted(old.keys() | new.keys()):
                inner = f"{where}.{key}" if where else key
                if key in old and key in new:
                    within = timed or bool(_TIMES.fullmatch(key))
                    yield from self.differences(old[key], new[key], inner, timed=within)
                else:
                    yield _Difference(inner, *("present" if key in d else "absent" for d in (old, new)))
        elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
            for index, pair in enumerate(zip(old, new, strict=True)):
                yield from self.differences(*pair, f"{where}[{index}]", timed=timed)
        elif timed and _kind(old) in {float, str} and _kind(old) is _kind(new):
            self.masked.add(_INDEX.sub("[]", where))
        elif _equal(old, new, self.tolerance):
            self.equal.append(where)
        else:
            yield _Difference(where, *_shown(old, new))


def _kind(value: Any) -> type:
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _equal(old: Any, new: Any, tolerance: float) -> bool:
    """Return whether two values are one; without a tolerance no integer is rounded to the float beside it."""
    if _kind(old) is float and _kind(new) is float:
        return bool(old == new) or (tolerance > 0 and math.isclose(old, new, rel_tol=tolerance))
    return type(old) is type(new) and bool(old == new)


def _shown(old: Any, new: Any) -> tuple[str, str]:
    """Return two values for people, long ones from shortly before the first character that differs."""
    texts = [_text(value) for value in (old, new)]
    common = next((at for at, pair in enumerate(zip(*texts, strict=False)) if len({*pair}) > 1), 0)
    start = common - _BEFORE if max(map(len, texts)) > _SHORT else 0
    before, after = (_cut(f"…{text[start:]}" if start > 0 else text) for text in texts)
    return before, after


def _cut(text: str) -> str:
    return text if len(text) <= _SHORT else f"{text[: _SHORT - 1]}…"


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return f"{'an object' if isinstance(value, dict) else 'a list'} of {len(value)}"
    return json.dumps(value, ensure_ascii=False)
