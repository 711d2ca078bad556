"""A small root file system whose programs are this machine's own, bound read-only; enough to run shells and Python."""

from pathlib import Path
from typing import Any

from pratique.sandbox import Bind, Job, Root

LINKS = ("bin", "sbin", "lib", "lib32", "lib64")


def root(folder: Path) -> Root:
    """Return a root of a merged-usr machine; /etc, /srv and the like are its own."""
    for name in ("usr", "etc", "srv"):
        (folder / name).mkdir(parents=True)
    for name in LINKS:
        if (Path("/") / name).is_symlink():
            (folder / name).symlink_to(f"usr/{name}")
    (folder / "etc" / "passwd").write_text("root:x:0:0::/:/bin/sh\napp:x:1234:2345::/srv:/bin/sh\n")
    (folder / "etc" / "group").write_text("root:x:0:\napp:x:2345:\nextra:x:3456:app\n")
    return Root((folder,))


def job(where: Root, *command: str, **more: Any) -> Job:
    """Return a job on such a root."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **more.pop("environment", {})}
    binds = (Bind(Path("/usr"), "/usr"), *more.pop("binds", ()))
    return Job(root=where, command=command, environment=environment, binds=binds, **more)
