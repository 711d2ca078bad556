"""Foreign text made harmless for a terminal or a CI log; the one encoder for every line that a person reads."""

import re

_HARMFUL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_COMMAND = re.compile(r"^(\s*)(::|##)")


def visible(text: str) -> str:
    """Return the text with control, direction and invisible characters as escapes.

    A start that CI systems take for a command (``::``, ``##``) is broken by an escape too.
    """
    text = _HARMFUL.sub(lambda found: _escape(found[0]), text)
    return _COMMAND.sub(lambda found: f"{found[1]}\\x{ord(found[2][0]):02x}{found[2][1]}", text)


def _escape(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def plural(count: int, noun: str) -> str:
    """Return a number with its noun: ``1 package``, ``2 packages``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {_plural(noun)}"


def _plural(noun: str) -> str:
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
