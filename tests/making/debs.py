"""A small Debian root of its own, with this machine's dpkg and Python in it, and tiny packages for it."""

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

NOTHING: Mapping[str, str] = MappingProxyType({})
PYTHON = "/usr/bin/python3"
_LINKS = ("bin", "sbin", "lib", "lib32", "lib64")
_PROGRAMS = (
    "dpkg",
    "dpkg-deb",
    "dpkg-split",
    "dpkg-query",
    "tar",
    "diff",
    "rm",
    "cat",
    "sh",
    "ldconfig",
    "start-stop-daemon",
)


def available() -> str:
    """Return why this machine cannot make such a root; empty where it can."""
    if not Path("/bin").is_symlink():
        return "needs a merged-usr Linux"
    missing = [name for name in _PROGRAMS if not _found(name)]
    return f"needs {', '.join(missing)}" if missing else ""


def _found(name: str) -> str | None:
    return shutil.which(name, path="/usr/sbin:/usr/bin")


def root(folder: Path) -> Path:
    """Return a root with dpkg, the few programs that it calls, and an empty database."""
    for name in ("usr/bin", "usr/sbin", "etc/dpkg", "var/log", "var/lib/dpkg/info", "var/lib/dpkg/updates"):
        (folder / name).mkdir(parents=True)
    for name in _LINKS:
        if (Path("/") / name).is_symlink():
            (folder / "usr" / name).mkdir(exist_ok=True)
            (folder / name).symlink_to(f"usr/{name}")
    (folder / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    (folder / "etc" / "group").write_text("root:x:0:\n")
    (folder / "etc" / "dpkg" / "dpkg.cfg").write_text("log /var/log/dpkg.log\n")
    (folder / "var" / "lib" / "dpkg" / "status").touch()
    for name in _PROGRAMS:
        add_program(folder, _found(name) or name)
    return folder


def add_program(folder: Path, program: str) -> None:
    """Copy a program and the libraries that it is linked with; links are followed."""
    linked = subprocess.run(["ldd", program], check=False, capture_output=True, text=True).stdout
    for path in (program, *(word for word in linked.split() if word.startswith("/"))):
        target = folder / path.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def add_python(folder: Path) -> None:
    """Copy this machine's own Python with its standard library, without tests and byte code."""
    where = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    done = subprocess.run([PYTHON, "-I", "-c", where], check=True, capture_output=True, text=True)
    library = done.stdout.strip()
    add_program(folder, PYTHON)
    ignored = shutil.ignore_patterns("__pycache__", "test", "tests", "config-*", "*-packages", "idlelib")
    shutil.copytree(library, folder / library.lstrip("/"), ignore=ignored, symlinks=False)


def deb(
    folder: Path,
    name: str,
    version: str = "1",
    *,
    files: Mapping[str, str] = NOTHING,
    conffiles: Iterable[str] = (),
    scripts: Mapping[str, str] = NOTHING,
    architecture: str = "all",
    more: str = "",
) -> Path:
    """Build a package.

    Args:
        folder: where the package file goes; its name is returned.
        name: of the package.
        version: of the package.
        files: path relative to the root -> content.
        conffiles: absolute paths.
        architecture: as Debian names it.
        scripts: name, such as ``postinst`` -> shell script.
        more: further lines of its control file.
    """
    work = folder / f".{name}"
    control = work / "DEBIAN"
    control.mkdir(parents=True)
    fields = (
        f"Package: {name}",
        f"Version: {version}",
        f"Architecture: {architecture}",
        "Maintainer: me <me@example>",
    )
    (control / "control").write_text("\n".join([*fields, *more.splitlines(), "Description: made", ""]))
    (control / "md5sums").touch()
    if conffiles:
        (control / "conffiles").write_text("".join(f"{path}\n" for path in conffiles))
    for script, text in scripts.items():
        (control / script).write_text(f"#!/bin/sh\nset -e\n{text}\n")
        (control / script).chmod(0o755)
    for path, content in files.items():
        (work / path).parent.mkdir(parents=True, exist_ok=True)
        (work / path).write_text(content)
    made = folder / f"{name}_{version}_{architecture}.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "--build", work, made], check=True, capture_output=True)  # fmt: skip
    shutil.rmtree(work)
    return made
