"""A wheel laid as pip lays it, and every wheel that is not what its RECORD says."""

import csv
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

from pratique.ecosystems.wheel import record_rows
from pratique.formats.strict_zip import ZipLimits
from pratique.harden import PythonHome
from pratique.harden.wheel import WheelFile, installed_files, listed_files
from pratique.model.errors import (
    InputError,
    PratiqueError,
    UnavailableError,
    UnsupportedError,
    UntrustedError,
)
from tests.making.wheels import filename, members, pack, record

SITE, BIN, PREFIX, PYTHON = "usr/lib/python3.11/site-packages", "usr/bin", "usr", "/usr/bin/python3"
INFO, DATA = "my_tool-1.0.dist-info", "my_tool-1.0.data"
ENTRY = (
    b"[console_scripts]\nmy-tool = my_tool.main:App.run\n[gui_scripts]\nmy-window = my_tool.main:App.run\n"
)
FULL: Mapping[str, bytes] = MappingProxyType(
    {
        "my_tool/main.py": b"class App:\n    @staticmethod\n    def run() -> int:\n        print('ran')\n        return 3\n",
        "my_tool/odd, name.txt": b"x",
        "top.py": b"",
        f"{DATA}/purelib/pure.py": b"pure = 1\n",
        f"{DATA}/platlib/plat.py": b"plat = 1\n",
        f"{DATA}/scripts/script.py": b"#!python\nprint('script')\n",
        f"{DATA}/scripts/options": b"#!python -I\nprint('options')\n",
        f"{DATA}/scripts/shell": b"#!/bin/sh\necho shell\n",
        f"{DATA}/data/share/my tool/x.txt": b"data",
        f"{DATA}/headers/my_tool.h": b"#define X\n",
        f"{INFO}/entry_points.txt": ENTRY,
        f"{INFO}/licenses/LICENSE": b"free",
    }
)
Change = Callable[[dict[str, bytes]], object]


def write(
    folder: Path, files: Mapping[str, bytes], name: str = "", modes: Mapping[str, int] = MappingProxyType({})
) -> Path:
    path = folder / (name or filename("my-tool", "1.0"))
    path.write_bytes(pack(files, modes))
    return path


def full(change: Change = lambda _: None, after: Change = lambda _: None) -> dict[str, bytes]:
    """Return a wheel's files, changed before and after RECORD is made."""
    found = members("my-tool", "1.0", files=FULL)
    change(found)
    found[f"{INFO}/RECORD"] = record(found, INFO)
    after(found)
    return found


def laid(wheel: Path, python: str = PYTHON, limits: ZipLimits | None = None) -> dict[str, WheelFile]:
    found = [*installed_files(wheel, PythonHome(SITE, PREFIX, python), limits or ZipLimits())]
    assert len({f.path for f in found}) == len(found)
    return {f.path: f for f in found}


def test_every_scheme_has_its_place(tmp_path: Path) -> None:
    found = laid(write(tmp_path, full()))
    assert set(found) == {
        *(
            f"{SITE}/{p}"
            for p in ("my_tool/__init__.py", "my_tool/main.py", "my_tool/odd, name.txt", "top.py")
        ),
        *(f"{SITE}/{p}" for p in ("pure.py", "plat.py")),
        *(
            f"{SITE}/{INFO}/{p}"
            for p in ("METADATA", "WHEEL", "RECORD", "INSTALLER", "entry_points.txt", "licenses/LICENSE")
        ),
        *(f"{BIN}/{p}" for p in ("script.py", "options", "shell", "my-tool", "my-window")),
        *(f"{PREFIX}/share/my tool/x.txt", f"{PREFIX}/include/python3.11/my-tool/my_tool.h"),
    }
    assert {p for p, f in found.items() if f.mode == 0o755} == {p for p in found if p.startswith(f"{BIN}/")}
    assert {f.mode for f in found.values()} == {0o644, 0o755}


def test_scripts_name_the_interpreter_of_the_image(tmp_path: Path) -> None:
    found = laid(write(tmp_path, full()))
    first = {p: f.content.partition(b"\n")[0] for p, f in found.items() if p.startswith(f"{BIN}/")}
    assert first == {
        f"{BIN}/script.py": b"#!/usr/bin/python3",
        f"{BIN}/options": b"#!/usr/bin/python3",
        f"{BIN}/shell": b"#!/bin/sh",
        f"{BIN}/my-tool": b"#!/usr/bin/python3",
        f"{BIN}/my-window": b"#!/usr/bin/python3",
    }


@pytest.mark.parametrize("python", ["/with a blank/python3", "/" + "long/" * 40 + "python3"])
def test_an_interpreter_that_the_kernel_would_cut(tmp_path: Path, python: str) -> None:
    real = tmp_path / python.lstrip("/")
    real.parent.mkdir(parents=True)
    real.symlink_to(sys.executable)
    found = laid(write(tmp_path, full()), str(real))
    for name, output in (("script.py", "script\n"), ("my-tool", "ran\n")):
        script = tmp_path / name
        script.write_bytes(found[f"{BIN}/{name}"].content)
        script.chmod(0o755)
        (tmp_path / "my_tool").mkdir(exist_ok=True)
        for module in ("__init__.py", "main.py"):
            (tmp_path / "my_tool" / module).write_bytes(found[f"{SITE}/my_tool/{module}"].content)
        done = subprocess.run(
            [script], capture_output=True, text=True, check=False, env={"PYTHONPATH": str(tmp_path)}
        )
        assert (done.stdout, done.returncode) == (output, 3 if name == "my-tool" else 0)


def test_the_new_record_is_of_what_was_laid(tmp_path: Path) -> None:
    found = laid(write(tmp_path, full()))
    text = found[f"{SITE}/{INFO}/RECORD"].content.decode()
    rows = {row.path: row for row in record_rows(text)}
    paths = {os.path.relpath(f"/{path}", f"/{SITE}"): file for path, file in found.items()}
    assert set(rows) == set(paths)
    assert [r for r in csv.reader(text.splitlines()) if not r[1]] == [[f"{INFO}/RECORD", "", ""]]
    for path, file in paths.items():
        if not path.endswith("/RECORD"):
            assert rows[path].digest == hashlib.sha256(file.content).digest()
            assert rows[path].size == len(file.content)


def test_pip_lays_the_same(tmp_path: Path) -> None:
    wheel = write(tmp_path, full())
    words = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--no-compile", "--quiet"]
    subprocess.run([*words, "--root-user-action=ignore", "--prefix", tmp_path / "usr", wheel], check=True)
    minor = f"python3.{sys.version_info.minor}"
    site = f"usr/lib/{minor}/site-packages"
    own = {f.path: f for f in installed_files(wheel, PythonHome(site, PREFIX, sys.executable))}
    theirs = {str(p.relative_to(tmp_path)): p for p in (tmp_path / "usr").rglob("*") if p.is_file()}
    header = next(p for p in theirs if p.endswith("my_tool.h"))
    extra = {f"{site}/{INFO}/{name}" for name in ("REQUESTED", "direct_url.json")}
    assert set(own) - set(theirs) == {f"usr/include/{minor}/my-tool/my_tool.h"} - {header}
    assert set(theirs) - set(own) - extra == {header} - set(own)
    generated = {
        f"{BIN}/my-tool",
        f"{BIN}/my-window",
        *(f"{site}/{INFO}/{n}" for n in ("RECORD", "INSTALLER")),
    }
    for path in set(own) & set(theirs) - generated:
        assert own[path].content == theirs[path].read_bytes(), path
        script = path.startswith(f"{BIN}/")  # pip leaves scripts that the archive does not mark as they are
        assert script or own[path].mode == theirs[path].stat().st_mode & 0o777, path


def test_files_that_are_run_keep_that(tmp_path: Path) -> None:
    wheel = write(tmp_path, full(), modes={"my_tool/main.py": 0o775, "top.py": 0o600})
    found = laid(wheel)
    assert (found[f"{SITE}/my_tool/main.py"].mode, found[f"{SITE}/top.py"].mode) == (0o755, 0o644)


def test_a_wheel_without_more_than_a_module(tmp_path: Path) -> None:
    found = members("a", "1")
    found["a-1.dist-info/RECORD"] = record(found, "a-1.dist-info")
    wheel = write(tmp_path, found, filename("a", "1"))
    assert len(laid(wheel)) == 5


@pytest.mark.parametrize("spelling", ["My.Tool-1.0.dist-info", "my-tool-1.0.dist-info"])
def test_spellings_of_the_metadata_folder(tmp_path: Path, spelling: str) -> None:
    files = {p.replace(INFO, spelling): d for p, d in members("my-tool", "1.0").items()}
    files[f"{spelling}/RECORD"] = record(files, spelling)
    if spelling.startswith("my-tool"):  # read as the name "my", the version "tool-1.0"
        with pytest.raises(InputError):
            laid(write(tmp_path, files))
    else:
        assert f"{SITE}/{spelling}/RECORD" in laid(write(tmp_path, files))


def test_signatures_of_the_record_are_not_laid(tmp_path: Path) -> None:
    def sign(files: dict[str, bytes]) -> None:
        files[f"{INFO}/RECORD.jws"] = b"x"

    assert f"{SITE}/{INFO}/RECORD.jws" not in laid(write(tmp_path, full(after=sign)))


def changed(path: str, data: bytes) -> Change:
    return lambda files: files.update({path: data})


def without(path: str) -> Change:
    return lambda files: files.pop(path)


def in_record(old: str, new: str) -> Change:
    path = f"{INFO}/RECORD"
    return lambda files: files.update({path: files[path].replace(old.encode(), new.encode(), 1)})


@pytest.mark.parametrize(
    "after",
    [
        changed("top.py", b"x"),
        changed("my_tool/main.py", FULL["my_tool/main.py"].replace(b"3", b"4")),
        changed("extra.py", b""),
        changed(f"{DATA}/scripts/more", b"#!python\n"),
        without("top.py"),
        in_record("top.py,", "bottom.py,"),
        in_record("top.py,sha256=47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU,0", "top.py,,"),
        in_record(",0\n", ",1\n"),
        in_record("top.py", "top.py,,\ntop.py"),
    ],
)
def test_files_that_are_not_what_record_says(tmp_path: Path, after: Change) -> None:
    with pytest.raises(UntrustedError) as caught:
        laid(write(tmp_path, full(after=after)))
    assert caught.value.place.startswith(filename("my-tool", "1.0"))


@pytest.mark.parametrize(
    "change",
    [
        without(f"{INFO}/WHEEL"),
        without(f"{INFO}/METADATA"),
        changed(f"{INFO}/METADATA", b"Metadata-Version: 2.1\nName: other\nVersion: 1.0\n"),
        changed(f"{INFO}/METADATA", b"Metadata-Version: 2.1\nName: my-tool\nVersion: 2.0\n"),
        changed(f"{INFO}/METADATA", b"\xff\xfe"),
        changed(f"{INFO}/WHEEL", b"Wheel-Version: 1.0\n"),
        changed("other-1.0.dist-info/METADATA", b""),
        changed("other-1.0.data/purelib/x.py", b""),
        changed(f"{DATA}/unknown/x", b""),
        changed(f"{DATA}/x", b""),
        changed(f"{DATA}/purelib/top.py", b""),
        changed(f"{DATA}/scripts/my-tool", b""),
        changed(f"{DATA}/purelib/{INFO}/RECORD", b""),
        changed(f"{DATA}/purelib/{INFO}/INSTALLER", b""),
        changed(f"{INFO}/INSTALLER", b"evil\n"),
        changed(f"{INFO}/entry_points.txt", b"[console_scripts]\n../x = a:b\n"),
        changed(f"{INFO}/entry_points.txt", b"[console_scripts]\nx = os:system('x')\n"),
    ],
)
def test_wheels_that_are_damaged_or_ambiguous(tmp_path: Path, change: Change) -> None:
    with pytest.raises(InputError):
        laid(write(tmp_path, full(change)))


def test_a_wheel_without_record(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="RECORD is missing"):
        laid(write(tmp_path, full(after=without(f"{INFO}/RECORD"))))


def test_another_version_of_the_format(tmp_path: Path) -> None:
    change = changed(f"{INFO}/WHEEL", b"Wheel-Version: 2.0\nRoot-Is-Purelib: true\n")
    with pytest.raises(UnsupportedError):
        laid(write(tmp_path, full(change)))


@pytest.mark.parametrize(
    "name", ["my_tool-1.1-py3-none-any.whl", "other-1.0-py3-none-any.whl", "my_tool.whl"]
)
def test_another_file_name(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        laid(write(tmp_path, full(), name))


def test_limits(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="limit"):
        laid(write(tmp_path, full()), limits=ZipLimits(total=100))
    big = changed(f"{INFO}/METADATA", b"Name: my-tool\nVersion: 1.0\n" + b"x" * (17 << 20))
    with pytest.raises(InputError, match="over the limit"):
        laid(write(tmp_path, full(big)))


def test_contents_that_are_looked_at_have_a_limit(tmp_path: Path) -> None:
    home = PythonHome(SITE, PREFIX, PYTHON)
    bomb = write(tmp_path, full(changed("top.py", bytes(257 << 20))))
    assert list(listed_files(bomb, home, lambda _path, _digest: False))
    with pytest.raises(InputError, match="more than 256 MiB"):
        list(listed_files(bomb, home, lambda path, _digest: path.endswith("top.py")))


def test_files_that_are_no_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / filename("my-tool", "1.0")
    with pytest.raises(UnavailableError):
        laid(wheel)
    for data in (b"", b"x", b"x" * 1000):
        wheel.write_bytes(data)
        with pytest.raises(PratiqueError):
            laid(wheel)
