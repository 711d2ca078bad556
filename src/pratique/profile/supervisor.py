"""The supervisor of a seccomp filter: reads the path of every call that stops, and lets the call go on.

Only strings are read. A path is given as its process sees it; nothing on the host is followed or opened for it.
"""

import ctypes
import fcntl
import os
import select
import struct
from collections import defaultdict

from msgspec import Struct

from pratique.model.usage import How
from pratique.profile.calls import Call, calls

_RECEIVE, _SEND, _VALID, _FLAGS = 0xC0502100, 0xC0182101, 0x40082102, 0x40082104
_SYNC_WAKE_UP, _CONTINUE = 1, 1
_REQUEST = struct.Struct("QIIiIQ6Q")
_RESPONSE = struct.Struct("QqiI")
_PATH_MAX, _PAGE = 4096, 4096
_AT_FDCWD = 0xFFFFFF9C
_LIBC = ctypes.CDLL(None, use_errno=True)
_LIBC.process_vm_readv.restype = ctypes.c_ssize_t
_LIBC.process_vm_readv.argtypes = [
    ctypes.c_int, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p, ctypes.c_ulong, ctypes.c_ulong,
]  # fmt: skip


class Recording(Struct, frozen=True):
    """What was seen of one run.

    Attributes:
        calls: absolute path as the process named it, not normalised -> kinds of use, whether the call then succeeded
            or not.
        events: calls seen.
        lost: calls whose path could not be read, or of an architecture whose calls are not known.
    """

    calls: dict[str, frozenset[How]]
    events: int
    lost: int


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class Supervisor:
    """Serves one listener until every process under the filter has ended.

    Args:
        listener: file descriptor of the filter's listener; closed by ``serve``.
        machine: as ``uname -m`` names it.
    """

    def __init__(self, listener: int, machine: str) -> None:
        self._listener = listener
        self._architecture, self._known = calls(machine)
        self._seen: dict[str, set[How]] = defaultdict(set)
        self._events = self._lost = 0
        self._request = ctypes.create_string_buffer(_REQUEST.size)
        self._response = bytearray(_RESPONSE.size)
        self._buffer = ctypes.create_string_buffer(_PATH_MAX)
        self._local = _Vector(ctypes.addressof(self._buffer), _PATH_MAX)

    def serve(self) -> Recording:
        """Answer calls until the last process under the filter is gone."""
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        try:
            _ioctl(self._listener, _FLAGS, _SYNC_WAKE_UP)
            while True:
                _, event = poll.poll()[0]
                if event & select.POLLIN:
                    self._one()
                elif event & (select.POLLHUP | select.POLLERR):
                    break
        finally:
            os.close(self._listener)
        return Recording({p: frozenset(how) for p, how in self._seen.items()}, self._events, self._lost)

    def _one(self) -> None:
        """Read one call and let it go on."""
        ctypes.memset(self._request, 0, _REQUEST.size)
        if _LIBC.ioctl(self._listener, ctypes.c_ulong(_RECEIVE), self._request) < 0:
            return  # the process ended before it was heard: the call was never made
        identifier, process, _, number, architecture, _, *arguments = _REQUEST.unpack(self._request.raw)
        self._note(process, number, architecture, arguments, identifier)
        _RESPONSE.pack_into(self._response, 0, identifier, 0, 0, _CONTINUE)
        try:
            fcntl.ioctl(self._listener, _SEND, self._response, True)  # noqa: FBT003 - ioctl's own argument
        except OSError:
            return  # the process was killed while it waited: the call was not made

    def _note(
        self, process: int, number: int, architecture: int, arguments: list[int], identifier: int
    ) -> None:
        self._events += 1
        call = self._known.get(number) if architecture == self._architecture else None
        path = self._path(process, call, arguments) if call else None
        if call and path is not None:
            self._seen[path].add(call.how)
        elif self._alive(identifier):
            self._lost += 1

    def _path(self, process: int, call: Call, arguments: list[int]) -> str | None:
        """Return the path of a call; None where it cannot be read, empty text where it names no path."""
        raw = self._string(process, arguments[call.path])
        if raw is None or raw.startswith(b"/"):
            return None if raw is None else os.fsdecode(raw)
        descriptor = arguments[call.folder] & 0xFFFFFFFF if call.folder is not None else _AT_FDCWD
        name = "cwd" if descriptor == _AT_FDCWD else f"fd/{descriptor}"
        try:
            folder = os.readlink(f"/proc/{process}/{name}")  # noqa: PTH115 - text, not a path of ours
        except OSError:
            return "" if descriptor != _AT_FDCWD else None  # a closed descriptor: the call will fail
        return f"{folder}/{os.fsdecode(raw)}" if raw else folder

    def _string(self, process: int, address: int) -> bytes | None:
        """Return a NUL-ended string of a process, read page by page; a pointer to nothing names no path."""
        if address == 0:
            return b""
        found = b""
        while len(found) < _PATH_MAX:
            self._local.length = min(_PATH_MAX - len(found), _PAGE - (address & (_PAGE - 1)))
            remote = _Vector(address, self._local.length)
            count = _LIBC.process_vm_readv(process, ctypes.byref(self._local), 1, ctypes.byref(remote), 1, 0)
            if count <= 0:
                return None
            piece, end, _ = self._buffer.raw[:count].partition(b"\0")
            found += piece
            if end:
                return found
            address += count
        return found

    def _alive(self, identifier: int) -> bool:
        """Say whether the process still waits for this call (seccomp_unotify(2), SECCOMP_IOCTL_NOTIF_ID_VALID)."""
        cookie = ctypes.c_uint64(identifier)
        return bool(_LIBC.ioctl(self._listener, ctypes.c_ulong(_VALID), ctypes.byref(cookie)) == 0)


def _ioctl(descriptor: int, request: int, value: int) -> None:
    """Call ioctl(2); a kernel that does not know the request is no slower than before."""
    _LIBC.ioctl(descriptor, ctypes.c_ulong(request), ctypes.c_ulong(value))
