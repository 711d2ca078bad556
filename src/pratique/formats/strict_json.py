"""The one JSON reader for everything that is addressed by digest or signed (RFC 8259, and stricter).

Refuses what two readers could understand differently: duplicate keys, NaN and infinities, numbers that lose digits,
text that is not UTF-8, and nesting that exhausts a parser.
"""

import json
import re
from typing import Any, NoReturn

from pratique.model.errors import InputError

_DEPTH = 64
_STRING_OR_BRACKET = re.compile(
    rb'"(?:[^"\\]|\\.)*+"?+|[\[\]{}]', re.DOTALL
)  # linear: a string may lack its end
_INT64 = 1 << 63


def loads(data: bytes, *, place: str) -> Any:
    """Return the value of a JSON text.

    Raises:
        InputError: it is not JSON, or not JSON that every reader understands alike.
    """
    try:
        text = data.decode("utf-8")
        _check_depth(data, place)
        value = json.loads(
            text, object_pairs_hook=_unique, parse_constant=_refuse, parse_int=_integer, parse_float=_real
        )
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except InputError as error:
        raise error.at(place) if not error.place else error from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"not valid JSON ({error})", place=place) from error
    return value


def _check_depth(data: bytes, place: str) -> None:
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(data):
        first = found[0][:1]
        depth += (first in b"[{") - (first in b"]}")
        if depth > _DEPTH:
            raise InputError(f"nested deeper than {_DEPTH}", place=place)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise InputError("a key stands twice in one object")
    return value


def _refuse(constant: str) -> NoReturn:
    raise InputError(f"{constant} is not JSON")


def _integer(text: str) -> int:
    value = int(text) if len(text) <= 20 else _INT64
    if not -_INT64 <= value < _INT64:
        raise InputError(f"an integer beyond 64 bits: {text[:40]}")
    return value


def _real(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise InputError(f"a number beyond double precision: {text[:40]}")
    return value
