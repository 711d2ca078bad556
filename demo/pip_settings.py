"""Turn `pip config list` (standard input) into a pip.conf for the build.

usage: pip_settings.py DIR, where DIR is mounted at /mnt in the build

Only the settings that say where packages come from are taken: the recipe decides
the rest. Files that they name are copied to DIR; for each folder, one line
"SOURCE:DESTINATION" on standard output says what else to mount.
"""

from __future__ import annotations

import ast
import re
import shutil
import sys
from pathlib import Path

SOURCE_KEYS = (
    "index-url extra-index-url find-links no-index trusted-host "
    "cert client-cert proxy timeout default-timeout retries"
).split()


def parse(listing: str) -> dict[str, str]:
    """Return each setting once: the environment wins, then [install], then [global]."""
    ranked: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        found = re.fullmatch(r"(global|install|:env:)\.([a-z-]+)=(.+)", line.strip())
        if not found or found[2] not in SOURCE_KEYS:
            continue
        rank = ("global", "install", ":env:").index(found[1])
        if rank >= ranked.get(found[2], (-1, ""))[0]:
            ranked[found[2]] = (rank, str(ast.literal_eval(found[3])))
    return {key: value for key, (_, value) in ranked.items()}


class Stage:
    """The folder that the build sees as /mnt, and the mounts that it needs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounts: dict[str, str] = {}

    def place(self, word: str) -> str:
        """Return a word of a setting as the build must see it."""
        scheme = "file://" if word.startswith("file://") else ""
        path = Path(word.removeprefix("file://")).expanduser()
        if not path.is_absolute() or not path.exists():
            return word
        if path.is_file():
            target = self.folder / f"pip-file-{path.name}"
            shutil.copyfile(path, target)
            return f"{scheme}/mnt/{target.name}"
        # The pages of an index below "simple" point to files beside that folder.
        inside = path.name if path.name == "simple" else ""
        source = str(path.parent if inside else path)
        if source not in self.mounts:
            self.mounts[source] = f"/mnt/pip/{len(self.mounts)}"
            (self.folder / "pip" / str(len(self.mounts) - 1)).mkdir(parents=True)
        return f"{scheme}{self.mounts[source]}/{inside}".rstrip("/")


def main() -> None:
    """Write DIR/pip.conf and print the mounts."""
    if len(sys.argv) != 2:
        raise SystemExit("usage: pip_settings.py DIR < pip-config-list")
    stage = Stage(Path(sys.argv[1]))
    lines = ["[global]", "disable-pip-version-check = true"]
    for key, value in parse(sys.stdin.read()).items():
        words = [stage.place(word) for word in value.split()]
        lines.append(f"{key} = " + "\n    ".join(words))
    (stage.folder / "pip.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for source, destination in stage.mounts.items():
        print(f"{source}:{destination}")


if __name__ == "__main__":
    main()
