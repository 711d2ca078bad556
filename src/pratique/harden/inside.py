"""Changing packages with the image's own programs, in the sandbox and without a network.

Maintainer scripts run, as the distribution means them to; they see the image, the packages that are bound in, and
nothing else. What dpkg keeps as a log or a copy of an older state is named for the caller to remove.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pratique.model.errors import InputError, UnsupportedError
from pratique.model.inventory import Package
from pratique.sandbox import Bind, Finished, Job, Root, run

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "PAGER": "cat",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_TMP = "/tmp"  # noqa: S108 - inside the sandbox
_DEBS = f"{_TMP}/debs"
_OPTIONS = ("--force-unsafe-io", "--force-confold")
_TIMEOUT = 900.0
_NOT_RUN = {126, 127}
_SAID = 700
_NOISE = "dpkg: warning: while removing "

LEFTOVERS = (
    "var/log/dpkg.log",
    "var/log/alternatives.log",
    "var/lib/dpkg/status-old",
    "var/lib/dpkg/available-old",
    "var/lib/dpkg/diversions-old",
    "var/lib/dpkg/statoverride-old",
    "var/cache/debconf/config.dat-old",
    "var/cache/debconf/passwords.dat-old",
    "var/cache/debconf/templates.dat-old",
    "var/cache/ldconfig/aux-cache",
)
"""Written by dpkg, debconf and ldconfig beside what they are for: logs, older copies, and a cache with this machine's inodes."""


def purge(root: Root, packages: Sequence[Package]) -> str:
    """Remove packages with their configuration; return what was said.

    Raises:
        InputError: dpkg refuses, or a maintainer script fails.
        UnsupportedError: the image has no dpkg.
    """
    names = [p.name if p.architecture in {"", "all"} else f"{p.name}:{p.architecture}" for p in packages]
    return _checked(root, ("dpkg", *_OPTIONS, "--purge", *names))


def install(root: Root, debs: Path, names: Sequence[str]) -> str:
    """Install package files that were fetched and verified; return what was said.

    Args:
        root: whose upper receives the changes.
        debs: folder of the package files.
        names: of the files.

    Raises:
        InputError: dpkg refuses, or a maintainer script fails.
        UnsupportedError: the image has no dpkg.
    """
    paths = [f"{_DEBS}/{name}" for name in sorted(names)]
    return _checked(root, ("dpkg", *_OPTIONS, "--install", *paths), (Bind(debs, _DEBS),))


def audit(root: Root) -> str:
    """Return what dpkg finds wrong with its database; empty where it finds nothing."""
    return _checked(root, ("dpkg", "--audit")).strip()


def _checked(root: Root, command: tuple[str, ...], binds: tuple[Bind, ...] = ()) -> str:
    done = _run(Job(root=root, command=command, environment=_ENVIRONMENT, binds=binds))
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    place, words = " ".join(command[:5]), _end(said)
    if done.exit_code in _NOT_RUN:
        remedy = f"Rebuild the image to change its Debian packages. It said: {words}"
        raise UnsupportedError("the image has no dpkg that runs", place=place, remedy=remedy)
    if done.exit_code or done.timed_out:
        ended = "was not done in time" if done.timed_out else f"ended with {done.exit_code}"
        remedy = f"Keep the package that it names with --keep. It said: {words}"
        raise InputError(f"the image's dpkg {ended}", place=place, remedy=remedy)
    return said


def _end(said: str) -> str:
    """Return the end of what dpkg said, without its many words on folders that other packages still need."""
    lines = (line for line in said.splitlines() if not line.startswith(_NOISE))
    return "\n".join(lines).strip()[-_SAID:]


def _run(job: Job) -> Finished:
    with TemporaryDirectory(prefix="pratique-") as work:
        return run(job, work=Path(work), timeout=_TIMEOUT)


def byte_compile(root: Root, program: str, paths: Sequence[str]) -> str:
    """Compile Python sources with the image's interpreter, so that no run has to; return what it could not compile.

    The byte code is of the unchecked-hash kind (PEP 552): no time stamp of a source can make it stale. The interpreter
    sees its standard library alone: no module of the image's root folder or site folders can take a place in it.
    """
    with TemporaryDirectory(prefix="pratique-") as folder:
        listed = Path(folder) / "sources"
        listed.write_text("".join(f"/{path}\n" for path in paths), "utf-8")
        binds = (Bind(listed, f"{_TMP}/sources"),)
        options = ("-q", "-f", "--invalidation-mode", "unchecked-hash", "-i", f"{_TMP}/sources")
        command = (program, "-S", "-m", "compileall", *options)
        job = Job(root=root, command=command, environment=_ENVIRONMENT, folder=_TMP, binds=binds)
        done = _run(job)
    said = done.stdout.decode("utf-8", "replace").strip()
    if done.exit_code and not (said and done.exit_code == 1):
        why = done.stderr.decode("utf-8", "replace").strip()[-_SAID:]
        ended = "was not done in time" if done.timed_out else f"ended with {done.exit_code}"
        said = f"{said}\n{program} {ended}: {why}".strip()
    return said
