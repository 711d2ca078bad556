"""The sandbox from inside: a program of its own, which becomes the job. Standard library only; imports nothing of ours.

Called as ``python -I launch.py SPECIFICATION`` with a JSON text. Exit code 125 means that the sandbox could not be made:
``sandbox: WHY`` on stderr, or ``image: WHAT: PLACE`` where the image has something in the way of a mount.

1. Leave the host's namespaces; lay the root file system in a mount namespace that dies with this process.
2. Fork: the child is process 1 of the sandbox. It mounts /proc, /dev, /tmp, and makes the root its own.
3. Fork again: this child becomes the job's user, gives up privileges, and executes the program. Process 1 waits.
"""

import array
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
RDONLY, NOSUID, NODEV, NOEXEC, REMOUNT, BIND, REC, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
PDEATHSIG, CAPBSET_DROP, NO_NEW_PRIVS = 1, 24, 38
DETACH = 2
KEPT = {0, 1, 3, 4, 5, 6, 7, 8, 10, 18, 31}
"""Capabilities that a container runtime leaves to root: CHOWN, DAC_OVERRIDE, FOWNER, FSETID, KILL, SETGID, SETUID, SETPCAP,
NET_BIND_SERVICE, SYS_CHROOT, SETFCAP; not MKNOD and not NET_RAW."""
DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
HOPS = 40
PLAIN = "redirect_dir=off,metacopy=off,index=off"
"""Overlays whose upper folder says everything by whiteouts and whole files (overlayfs.rst), whatever the kernel's default."""
PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SECCOMP = {"x86_64": 317, "aarch64": 277}


class InTheWayError(Exception):
    """The image has something where the sandbox must mount."""


def main() -> int:
    """Make the sandbox, run the job, and return its exit code."""
    job = json.loads(sys.argv[1])
    prctl(PDEATHSIG, signal.SIGKILL)
    unshare(NEWNS | NEWUTS | NEWIPC | NEWPID | (0 if job["network"] else NEWNET))
    mount("", "/", "", REC | PRIVATE)
    lay(job)
    return wait_passing_on(forked(first, job))


def forked(function: Callable[[dict[str, Any]], None], job: dict[str, Any]) -> int:
    """Return the process in which a function runs; whatever goes wrong there ends it and it alone."""
    child = os.fork()
    if child:
        return child
    try:
        function(job)
    except InTheWayError as error:
        give_up(f"image: {error}")
    except BaseException as error:
        give_up(f"sandbox: {getattr(error, 'strerror', None) or error}")
    os._exit(125)


def give_up(why: str) -> None:
    """End without a sandbox, and tell the parent why."""
    sys.stderr.write(f"{why}\n")
    sys.stderr.flush()
    os._exit(125)


def lay(job: dict[str, Any]) -> None:
    """Mount the overlay of the root file system; without an upper folder, over a file system in memory."""
    work = job["work"]
    upper, scratch = job["upper"], f"{work}/scratch"
    if not upper:
        mount("tmpfs", scratch, "tmpfs", NOSUID, "mode=0755")
        upper = f"{scratch}/upper"
        os.mkdir(upper)
    else:
        scratch = job["overlay"]
    os.makedirs(f"{scratch}/work", exist_ok=True)
    folders = {
        "lowerdir": ":".join(escaped(path, ":") for path in job["lower"]),
        "upperdir": escaped(upper),
        "workdir": escaped(f"{scratch}/work"),
    }
    options = ",".join(f"{name}={value}" for name, value in folders.items())
    mount("overlay", f"{work}/root", "overlay", 0, f"{options},{PLAIN}")


def escaped(path: str, also: str = "") -> str:
    """Return a path as an option of overlayfs, which separates options by commas and lower folders by colons."""
    return "".join(f"\\{c}" if c in f"\\,{also}" else c for c in path)


def first(job: dict[str, Any]) -> None:
    """Be process 1: furnish the root, move into it, start the job, and end with it."""
    prctl(PDEATHSIG, signal.SIGKILL)
    root = f"{job['work']}/root"
    furnish(root, job)
    if not job["network"]:
        loopback_up()
    enter(root)
    socket.sethostname("sandbox")
    os._exit(wait_passing_on(forked(become, job)))


def furnish(root: str, job: dict[str, Any]) -> None:
    """Mount what a program expects: /proc, a small /dev, empty /tmp and /dev/shm, and what the job binds."""
    for name in ("proc", "dev", "tmp"):
        place(root, name, folder=True)
    mount("proc", f"{root}/proc", "proc", NOSUID | NODEV | NOEXEC)
    mount("tmpfs", f"{root}/dev", "tmpfs", NOSUID, "mode=0755")
    for name in DEVICES:
        bind(f"/dev/{name}", root, f"dev/{name}", writable=True)
    os.mkdir(f"{root}/dev/shm")
    mount("tmpfs", f"{root}/dev/shm", "tmpfs", NOSUID | NODEV, "mode=1777")
    for name, target in (
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ):
        os.symlink(target, f"{root}/dev/{name}")
    mount("tmpfs", f"{root}/tmp", "tmpfs", NOSUID | NODEV, "mode=1777")
    for source, target, writable in job["binds"]:
        bind(source, root, target, writable=writable)


def bind(source: str, root: str, target: str, writable: bool) -> None:
    """Mount a file or folder of the host."""
    path = place(root, target, folder=os.path.isdir(source))
    mount(source, path, "", BIND)
    if not writable:
        mount("", path, "", BIND | REMOUNT | RDONLY | NOSUID)


def place(root: str, target: str, folder: bool) -> str:
    """Make the file or folder that a mount needs, and return where it is: on no link, and never out of the root."""
    path = within(root, target)
    try:
        os.makedirs(path if folder else os.path.dirname(path), exist_ok=True)
        if not folder and not os.path.exists(path):
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
    except (FileExistsError, NotADirectoryError) as error:
        raise InTheWayError(f"something that is no folder: {path.removeprefix(root)}") from error
    return path


def within(root: str, target: str) -> str:
    """Return a target's path in the root, links among its parents followed as the job will follow them.

    The kernel would follow them out of the root. A link in the target's own place is refused.
    """
    done: list[str] = []
    waiting, hops = names(target), 0
    while waiting:
        part = waiting.pop()
        done = done[:-1] if part == ".." else [*done, part]
        path = "/".join((root, *done))
        if os.path.islink(path):
            hops += 1
            if not waiting or hops > HOPS:
                raise InTheWayError(f"a symbolic link: {path.removeprefix(root)}")
            link = os.readlink(path)
            done = [] if link.startswith("/") else done[:-1]
            waiting += names(link)
    return "/".join((root, *done))


def names(path: str) -> list[str]:
    """Return the parts of a path, last first."""
    return [part for part in reversed(path.split("/")) if part not in {"", "."}]


def enter(root: str) -> None:
    """Make a folder the root and let go of the old one (pivot_root(2), "pivot_root(".", ".")")."""
    os.chdir(root)
    check(LIBC.syscall(PIVOT_ROOT[os.uname().machine], b".", b"."), "pivot_root")
    check(LIBC.umount2(b".", DETACH), "umount2")
    os.chdir("/")


def become(job: dict[str, Any]) -> None:
    """Be the job: its user, folder and privileges, the filter of a recorder, and then its program."""
    try:
        for capability in range(64):
            if capability not in KEPT:
                LIBC.prctl(CAPBSET_DROP, capability, 0, 0, 0)
        user, group, groups = who(job["user"])
        os.setsid()
        os.setgroups(groups)
        os.setgid(group)
        os.setuid(user)
        os.makedirs(job["folder"], exist_ok=True) if user == 0 else None
        os.chdir(job["folder"])
        prctl(NO_NEW_PRIVS, 1)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        if job["filter"]:
            listen(bytes.fromhex(job["filter"]), job["channel"])
        execute(job["command"], job["environment"])
    except OSError as error:
        sys.stderr.write(f"{job['command'][0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(126 if isinstance(error, PermissionError) else 127)


def execute(command: list[str], environment: dict[str, str]) -> None:
    """Execute a program, looked up as a shell looks it up; returns only by raising the error that says most."""
    name = command[0]
    folders = [""] if "/" in name else environment.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    best: OSError = FileNotFoundError(2, "not found")
    for folder in folders:
        try:
            os.execve(f"{folder}/{name}" if folder else name, command, environment)
        except OSError as error:
            best = error if isinstance(error, PermissionError) else best
    raise best


def who(user: str) -> tuple[int, int, list[int]]:
    """Return (uid, gid, groups) of a user as an image names one, by the image's own lists (config.md, "User")."""
    name, _, group = user.partition(":")
    accounts = [line.split(":") for line in lines("/etc/passwd")]
    groups = [line.split(":") for line in lines("/etc/group")]
    account = next((a for a in accounts if len(a) > 3 and name in (a[0], a[2])), None)
    uid = int(account[2]) if account else int(name or 0)
    gid = int(account[3]) if account else 0
    member = [int(g[2]) for g in groups if len(g) > 3 and account and account[0] in g[3].split(",")]
    if group:
        found = next((g for g in groups if len(g) > 2 and group in (g[0], g[2])), None)
        gid, member = int(found[2]) if found else int(group), []
    return uid, gid, member


def lines(path: str) -> list[str]:
    """Return the lines of a small file; none where it is missing."""
    with contextlib.suppress(OSError), open(path, encoding="utf-8", errors="replace") as file:
        return file.read(1 << 20).splitlines()
    return []


def listen(program: bytes, channel: int) -> None:
    """Install a filter with a listener (seccomp(2)), hand that to the recorder, and wait until it listens."""
    code = ctypes.create_string_buffer(program, len(program))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(code)))
    listener = LIBC.syscall(SECCOMP[os.uname().machine], 1, 1 << 3, ctypes.byref(header))
    check(listener, "seccomp")
    with socket.socket(fileno=channel) as there:
        there.sendmsg([b"l"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [listener]))])
        os.close(listener)
        there.recv(1)


def loopback_up() -> None:
    """Bring the loopback device up (netdevice(7))."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x1 | 0x40))


def wait_passing_on(child: int) -> int:
    """Return a child's exit code; pass on requests to end, and reap whatever else ends."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):
        signal.signal(number, lambda n, _frame: kill(child, n))
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def kill(process: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, number)


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount (mount(2))."""
    done = LIBC.mount(
        os.fsencode(source), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode()
    )
    check(done, f"mount {kind or 'bind'} at {target}")


def unshare(flags: int) -> None:
    """Leave namespaces (unshare(2))."""
    check(LIBC.unshare(flags), "unshare")


def prctl(option: int, value: int) -> None:
    """Set a process option (prctl(2))."""
    check(LIBC.prctl(option, value, 0, 0, 0), "prctl")


def check(result: int, what: str) -> None:
    """Raise the error of a failed call."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        give_up(f"sandbox: {error.strerror or error}")
