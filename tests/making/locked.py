"""A small image with two wheels installed, byte code and commands, the wheels' lock, and every way to tamper with it."""

import hashlib
import importlib.util
import marshal
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pratique.ecosystems import bytecode
from pratique.ecosystems.wheel import supported_tags
from pratique.harden import PythonHome, installed_files
from pratique.model.digest import digest_of
from pratique.repositories.python import LockedWheel
from tests.making.debian import OS_RELEASE, file_list, paragraph, status
from tests.making.tar import Item, symlink
from tests.making.wheels import filename, members, pack, record

SITE = "usr/local/lib/python3.11/site-packages"
BIN = "usr/local/bin"
PYTHON = f"{BIN}/python3.11"
VERSION = bytecode.own_version()
ADDRESS = "https://me:secret@h.invalid/files"
SOURCES = {
    "alpha/core.py": b"NAMES = {'a', 'b'}\ndef run():\n    '''Run.'''\n    return (1, 2.5, 'text', b'x', None)\n",
    "alpha/fast.so": b"\x7fELF" + bytes(100),
    "alpha/table.json": b"{}",
    "alpha-1.0.data/scripts/alpha-tool": b"#!python\nprint('tool')\n",
    "alpha-1.0.data/data/share/alpha/readme": b"read me",
    "alpha-1.0.dist-info/entry_points.txt": b"[console_scripts]\nalpha = alpha.core:run\n",
}


def made(name: str, files: dict[str, bytes]) -> bytes:
    found = members(name, "1.0", files=files)
    return pack({**found, f"{name}-1.0.dist-info/RECORD": record(found, f"{name}-1.0.dist-info")})


def wheels(folder: Path) -> list[Path]:
    """Write the two wheels and return their files."""
    folder.mkdir(exist_ok=True)
    for name, files in (("alpha", SOURCES), ("beta", {"beta/more.py": b"X = 1\n"})):
        (folder / filename(name, "1.0")).write_bytes(made(name, files))
    return sorted(folder.iterdir())


def lock(paths: Iterable[Path]) -> str:
    """Return a requirements file that pins some wheels."""
    return "".join(
        f"{'=='.join(p.name.split('-')[:2])} --hash=sha256:{hashlib.sha256(p.read_bytes()).hexdigest()}\n"
        for p in paths
    )


def compiled(source: bytes, name: str = "x.py", flags: int = 0) -> bytes:
    """Return byte code of this Python; flags 1 is a hash that nobody checks (PEP 552)."""
    code = compile(source, name, "exec", dont_inherit=True)
    return importlib.util.MAGIC_NUMBER + flags.to_bytes(4, "little") + bytes(8) + marshal.dumps(code)


def cache(module: str) -> str:
    """Return where the byte code of a module lies."""
    folder, _, name = module.rpartition("/")
    return f"{folder}/__pycache__/{name.removesuffix('.py')}.cpython-{VERSION}.pyc"


def installed(paths: Iterable[Path]) -> dict[str, Item]:
    """Return the files of an image with some wheels installed, by path."""
    items = [
        Item("etc/os-release", OS_RELEASE),
        status(paragraph("libc6", "2.36-9")),
        file_list("libc6", "usr/lib/libc.so.6"),
        Item(PYTHON, b"\x7fELF python", mode=0o755),
        symlink(f"{BIN}/python3", "python3.11"),
        Item("usr/local/lib/python3.11/os.py", b"pass\n"),
    ]
    for path in paths:
        for file in installed_files(path, PythonHome(SITE, "usr/local", f"/{PYTHON}")):
            items.append(Item(file.path, file.content, mode=file.mode))
            if file.path.endswith("core.py"):
                items.append(Item(cache(file.path), compiled(file.content, f"/{file.path}")))
    return {str(item.name): item for item in items}


class Folder:
    """A folder of wheels in the place of an index; counts what is taken."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = {p.name: p for p in paths}
        self.taken: list[str] = []

    def __call__(self, python: str, platform: str) -> Self:
        """Refuse what the index itself refuses: a platform that has no tags."""
        assert supported_tags(python, platform)
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def offered(self, pins: Iterable[tuple[str, str]]) -> list[LockedWheel]:
        wanted = {f"{name}-{version}-" for name, version in pins}
        return [
            LockedWheel(
                name.split("-")[0],
                "1.0",
                name,
                f"{ADDRESS}/{name}?token=secret",
                digest_of(p.read_bytes()),
                None,
            )
            for name, p in self._paths.items()
            if any(name.startswith(start) for start in wanted)
        ]

    def take(self, wheel: LockedWheel, folder: Path) -> Path:
        data = self._paths[wheel.filename].read_bytes()
        assert digest_of(data) == wheel.digest
        folder.mkdir(parents=True)
        (folder / wheel.filename).write_bytes(data)
        self.taken.append(wheel.filename)
        return folder / wheel.filename
