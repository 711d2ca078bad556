"""Changing packages with the image's own programs, in the sandbox and without a network.

Maintainer scripts run, as the distribution means them to; they see the image, the packages that are bound in, and
nothing else. What dpkg keeps as a log or a copy of an older state is named for the caller to remove.
"""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from pratique.model.errors import InputError
from pratique.model.inventory import Package
from pratique.sandbox import Bind, Finished, Job, Root, run

_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C",
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBCONF_NONINTERACTIVE_SEEN": "true",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
}
_DEBS = "/tmp/debs"  # noqa: S108 - inside the sandbox
_OPTIONS = ("--force-unsafe-io", "--force-confold", "--no-pager")
_TIMEOUT = 900.0

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
    """
    paths = [f"{_DEBS}/{name}" for name in sorted(names)]
    return _checked(root, ("dpkg", *_OPTIONS, "--install", *paths), (Bind(debs, _DEBS),))


def audit(root: Root) -> str:
    """Return what dpkg finds wrong with its database; empty where it finds nothing."""
    return _checked(root, ("dpkg", "--audit")).strip()


def _checked(root: Root, command: tuple[str, ...], binds: tuple[Bind, ...] = ()) -> str:
    done = _run(Job(root=root, command=command, environment=_ENVIRONMENT, binds=binds))
    said = (done.stdout + done.stderr).decode("utf-8", "replace")
    if done.exit_code or done.timed_out:
        ended = "was not done in time" if done.timed_out else f"ended with {done.exit_code}"
        raise InputError(
            f"the image's dpkg {ended}",
            place=" ".join(command[:5]),
            remedy=f"Keep the package that it names with --keep. It said: {said.strip()[-700:]}",
        )
    return said


def _run(job: Job) -> Finished:
    with TemporaryDirectory(prefix="pratique-") as work:
        return run(job, work=Path(work), timeout=_TIMEOUT)


def byte_compile(root: Root, program: str, paths: Sequence[str]) -> str:
    """Compile Python sources with the image's interpreter, so that no run has to; return what it could not compile.

    The byte code is of the unchecked-hash kind (PEP 552): no time stamp of a source can make it stale.
    """
    with TemporaryDirectory(prefix="pratique-") as folder:
        listed = Path(folder) / "sources"
        listed.write_text("".join(f"/{path}\n" for path in paths), "utf-8")
        options = ("-q", "--invalidation-mode", "unchecked-hash", "-i", "/tmp/sources")  # noqa: S108 - inside
        binds = (Bind(listed, "/tmp/sources"),)  # noqa: S108 - inside the sandbox
        command = (program, "-m", "compileall", *options)
        done = _run(Job(root=root, command=command, environment=_ENVIRONMENT, binds=binds))
    return done.stdout.decode("utf-8", "replace").strip()
