"""The system calls that name a path, and the filter that stops at them (seccomp(2), seccomp_unotify(2))."""

import struct
from typing import NamedTuple

from pratique.model.errors import UnsupportedError
from pratique.model.usage import How


class Call(NamedTuple):
    """A call: what it does to its path, and which arguments hold folder and path; no folder means the current one."""

    how: How
    folder: int | None
    path: int


_X86_64: dict[int, Call] = {
    2: Call("opened", None, 0),  # open
    257: Call("opened", 0, 1),  # openat
    437: Call("opened", 0, 1),  # openat2
    59: Call("executed", None, 0),  # execve
    322: Call("executed", 0, 1),  # execveat
    4: Call("looked up", None, 0),  # stat
    6: Call("looked up", None, 0),  # lstat
    262: Call("looked up", 0, 1),  # newfstatat
    332: Call("looked up", 0, 1),  # statx
    21: Call("looked up", None, 0),  # access
    269: Call("looked up", 0, 1),  # faccessat
    439: Call("looked up", 0, 1),  # faccessat2
    89: Call("looked up", None, 0),  # readlink
    267: Call("looked up", 0, 1),  # readlinkat
    80: Call("looked up", None, 0),  # chdir
}
_AARCH64: dict[int, Call] = {
    56: Call("opened", 0, 1),
    437: Call("opened", 0, 1),
    221: Call("executed", None, 0),
    281: Call("executed", 0, 1),
    79: Call("looked up", 0, 1),
    291: Call("looked up", 0, 1),
    48: Call("looked up", 0, 1),
    439: Call("looked up", 0, 1),
    78: Call("looked up", 0, 1),
    49: Call("looked up", None, 0),
}
_ARCHITECTURES = {"x86_64": (0xC000003E, _X86_64), "aarch64": (0xC00000B7, _AARCH64)}
_LOAD, _EQUAL, _RETURN, _AT_LEAST = 0x20, 0x15, 0x06, 0x35
_ALLOW, _NOTIFY, _ERROR = 0x7FFF0000, 0x7FC00000, 0x00050000
_ENOSYS = 38
_IO_URING_SETUP = 425
_X32 = 0x40000000


def calls(machine: str) -> tuple[int, dict[int, Call]]:
    """Return (audit architecture, call number -> call) of a machine.

    Raises:
        UnsupportedError: its calls are not known here.
    """
    if machine not in _ARCHITECTURES:
        raise UnsupportedError(f"no recorder for {machine}", remedy="Profile on x86_64 or aarch64")
    return _ARCHITECTURES[machine]


def program(machine: str) -> bytes:
    """Return the filter: notify on the calls, and on every call of another architecture; refuse io_uring; allow the rest.

    io_uring opens files without any of these calls; programs that find it missing use the calls.
    """
    architecture, known = calls(machine)
    numbers = list(known)
    rest = len(numbers)
    code = [
        _line(_LOAD, 0, 0, 4),
        _line(_EQUAL, 0, rest + 5, architecture),  # another architecture: notify
        _line(_LOAD, 0, 0, 0),
        _line(_AT_LEAST, rest + 3, 0, _X32),  # x32 calls on x86_64: notify
        _line(_EQUAL, rest + 1, 0, _IO_URING_SETUP),
        *(_line(_EQUAL, rest + 1 - at, 0, number) for at, number in enumerate(numbers)),
        _line(_RETURN, 0, 0, _ALLOW),
        _line(_RETURN, 0, 0, _ERROR | _ENOSYS),
        _line(_RETURN, 0, 0, _NOTIFY),
    ]
    return b"".join(code)


def _line(code: int, yes: int, no: int, value: int) -> bytes:
    return struct.pack("HBBI", code, yes, no, value)
