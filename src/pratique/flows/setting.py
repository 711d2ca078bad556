"""What every flow that changes or runs an image needs beside the image."""

from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from pratique.flows.clock import Clock, read_clock
from pratique.storage import cache_folder


def _ignore(_line: str) -> None:
    pass


class Setting(Struct, frozen=True):
    """Surroundings of a flow.

    Attributes:
        cache: folder for our own data.
        clock: the moment of the flow.
        note: takes a line that says what goes on.
        mirror: address of a Debian mirror; empty for the repositories of this machine's apt.
    """

    cache: Path
    clock: Clock
    note: Callable[[str], None] = _ignore
    mirror: str = ""


def setting(cache: str, note: Callable[[str], None] = _ignore, mirror: str = "") -> Setting:
    """Return the surroundings of a flow that begins now."""
    return Setting(cache_folder(cache), read_clock(), note, mirror)
