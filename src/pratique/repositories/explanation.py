"""What uv says when packages do not go together, as facts: who needs what, and what is not offered.

Pure text. uv's words are for people and may change: what is not understood gives fewer facts, never wrong ones.
"""

import re
from collections.abc import Iterator, Mapping

from msgspec import Struct

from pratique.ecosystems.python import normalise

_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NEEDS = re.compile(
    rf"(?P<name>{_NAME})(?:\[[^\]]*\])?(?:[<>=!~]\S*)? depends? on (?:one of: )?"
    rf"(?P<needed>{_NAME})(?:\[[^\]]*\])?(?P<range>(?:[<>=!~][^\s,]*(?:,(?=[<>=!~]))?)*)"
)
_MENTION = re.compile(rf"({_NAME})(?:\[[^\]]*\])?(?=[<>=!~])|(?:depends? on|versions? of) ({_NAME})")
_ABSENT = re.compile(
    rf"there (?:is|are) no versions? of (?P<a>{_NAME})|(?P<b>{_NAME}) was not found in the (?:package registry|provided)"
    rf"|(?P<c>{_NAME})(?:[<>=!~]\S*)? (?:has|have) no (?:usable wheels|wheels)"
    rf"|only (?P<d>{_NAME})[<>=!~]\S* (?:is|are) available"
)
_NO_SOLUTION = "No solution found"


class Need(Struct, frozen=True):
    """One package and what it needs; the names are normalised."""

    name: str
    needed: str
    range: str


class Explanation(Struct, frozen=True):
    """Why there is no solution.

    Attributes:
        needs: in the order of uv's words.
        absent: names of which the wanted version, or any, is not offered as a wheel.
        mentioned: every package that plays a part.
    """

    needs: tuple[Need, ...]
    absent: frozenset[str]
    mentioned: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> "Explanation | None":
        """Return the explanation in uv's error output; None where it failed for another reason."""
        if _NO_SOLUTION not in text:
            return None
        words = " ".join(text.partition(_NO_SOLUTION)[2].partition("hint:")[0].split())
        return cls(
            tuple(_needs(words)), frozenset(_names(_ABSENT, words)), frozenset(_names(_MENTION, words))
        )

    def sentence(self, name: str, installed: Mapping[str, str]) -> str:
        """Return the one sentence that says why a package cannot be raised, as ``A x needs B < y``; else nothing."""
        for need in sorted(self.needs, key=lambda n: n.needed != name):
            if need.name in installed:
                return f"{need.name} {installed[need.name]} needs {need.needed} {need.range}".rstrip()
        return ""


def _needs(words: str) -> Iterator[Need]:
    for found in _NEEDS.finditer(words):
        yield Need(
            normalise(found["name"]),
            normalise(found["needed"]),
            found["range"].rstrip(","),
        )


def _names(pattern: re.Pattern[str], words: str) -> Iterator[str]:
    for found in pattern.finditer(words):
        yield from (normalise(name) for name in found.groups() if name)
