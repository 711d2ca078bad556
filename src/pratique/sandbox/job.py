"""What is to be run, on what, and how it ended."""

from pathlib import Path

from msgspec import Struct


class Root(Struct, frozen=True):
    """A root file system.

    Attributes:
        lower: folders laid over each other, top first; never changed.
        upper: an empty folder or an earlier upper, which receives changes; None to throw them away.
    """

    lower: tuple[Path, ...]
    upper: Path | None = None


class Bind(Struct, frozen=True):
    """A file or folder of the host that the program sees.

    Attributes:
        source: on the host.
        target: absolute path inside.
    """

    source: Path
    target: str
    writable: bool = False


class Job(Struct, frozen=True, kw_only=True):
    """A program to run.

    Attributes:
        command: program and arguments; the program is looked up in the environment's PATH, inside.
        folder: working directory, inside.
        user: as an image's configuration names it: empty, a name or number, and optionally ``:`` and a group.
        network: share the host's network; else there is a loopback device and nothing more.
    """

    root: Root
    command: tuple[str, ...]
    environment: dict[str, str]
    folder: str = "/"
    user: str = ""
    binds: tuple[Bind, ...] = ()
    network: bool = False


class Finished(Struct, frozen=True, kw_only=True):
    """How a program ended.

    Attributes:
        exit_code: 128 + N where signal N ended it.
        stdout: its last mebibyte.
        stderr: its last mebibyte.
        timed_out: it was ended because its time was up.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    timed_out: bool = False
