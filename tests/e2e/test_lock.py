"""The demo image against the locks that it was built from, honest and tampered with; a lock made of it; facts that are kept.

The tampered image is the honest one with a layer on top, as whoever pushes to a registry can make it.
"""

import json
import re
import tomllib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pratique.ecosystems.bytecode import own_version
from pratique.image import MergedTree, open_image
from tests.e2e.conftest import ROOT, pratique
from tests.making.copied import add_layer, blob, copied, manifest
from tests.making.locked import compiled
from tests.making.tar import Item, symlink

FILES = [ROOT / "demo" / f"{name}.txt" for name in ("requirements", "notebook", "tools", "upgrade")]
SITE = "usr/local/lib/python3.11/dist-packages"
EVIL = b"import os\nos.system('evil')\n"

LIBRARY = f"{SITE}/numpy/linalg/lapack_lite.cpython-311-x86_64-linux-gnu.so"
MODULE, RECORD = f"{SITE}/requests/sessions.py", f"{SITE}/requests-2.28.2.dist-info/RECORD"
LAUNCHER = "usr/local/bin/flask"
LISTED, LISTING = "usr/local/share/evil.py", f"{SITE}/idna-3.4.dist-info/RECORD"
TAMPERINGS = {
    "one bit of a library": ("changed", LIBRARY),
    "a module, and RECORD rewritten to match": ("changed", MODULE),
    "a module added": ("added", f"{SITE}/pandas/evil.py"),
    "a .pth added": ("start-up hook", f"{SITE}/zz.pth"),
    "sitecustomize added": ("start-up hook", f"{SITE}/sitecustomize.py"),
    "a command runs another module": ("launcher", LAUNCHER),
    "a file taken away": ("missing", f"{SITE}/click/_compat.py"),
    "byte code of another source": ("byte code", f"{SITE}/certifi/__pycache__/core.cpython-311.pyc"),
    "a file added anywhere, and RECORD lists it": ("added", LISTED),
    "a link in place of a module": ("changed", f"{SITE}/six.py"),
}
COMPILES = own_version() == "311"  # byte code is compared by a Python of the same version alone


class Whole:
    """Keeps the bytes of some files."""

    name, fatal, version = "whole", True, 1
    marks: tuple[str, ...] | None = None
    fact: Any = bytes

    def wants(self, path: str) -> bool:
        return path in {LIBRARY, MODULE, RECORD, LAUNCHER, LISTING}

    def read(self, content: bytes) -> bytes:
        return content


class Verified(NamedTuple):
    """What a verification ended with."""

    code: int
    document: dict[str, Any]

    @property
    def told(self) -> list[tuple[str, str]]:
        return [(d["kind"], d["path"]) for d in self.document["deviations"]]

    @property
    def same(self) -> int:
        return sum(d["files"] for d in self.document["distributions"])


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder where wheels and facts of layers are kept from test to test."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def honest(demo_image: Path, cache: Path) -> Verified:
    return verified(demo_image, cache, FILES)


@pytest.fixture(scope="module")
def tampered(demo_image: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Verified:
    layout = copied(demo_image, tmp_path_factory.mktemp("tampered") / "image")
    add_layer(layout, tampering(demo_image))
    return verified(layout, cache, FILES)


def verified(image: Path, cache: Path, locks: list[Path]) -> Verified:
    named = [word for lock in locks for word in ("--lock", lock)]
    words = ("lock", "verify", f"oci:{image}", *named, "--cache-dir", cache, "--format", "json")
    done = pratique(*words, SOURCE_DATE_EPOCH="1795478400")
    assert done.stdout, done.stderr.decode()
    return Verified(done.returncode, json.loads(done.stdout))


def tampering(image: Path) -> Iterator[Item]:
    """Yield the members of the layer: each made of what the image really holds, and like it but for the one thing."""
    tree = MergedTree(open_image(f"oci:{image}").read([Whole()], progress=lambda _done, _all: None))
    real = {path: content for path, _, content in tree.facts("whole")}
    library, module = bytearray(real[LIBRARY]), real[MODULE] + EVIL
    library[len(library) // 2] ^= 1
    yield Item(LIBRARY, bytes(library))
    yield Item(MODULE, module)
    yield Item(RECORD, exchanged(real[RECORD], row(real[MODULE]), row(module)))
    yield Item(f"{SITE}/pandas/evil.py", EVIL)
    yield Item(f"{SITE}/zz.pth", b"import os; os.system('evil')\n")
    yield Item(f"{SITE}/sitecustomize.py", EVIL)
    yield Item(LAUNCHER, exchanged(real[LAUNCHER], b"flask.cli", b"evil"), mode=0o755)
    yield Item(f"{SITE}/click/.wh._compat.py")
    yield Item(f"{SITE}/certifi/__pycache__/core.cpython-311.pyc", compiled(EVIL, flags=1))
    yield Item(LISTED, EVIL)
    yield Item(LISTING, real[LISTING] + f"../../../share/evil.py,{row(EVIL).decode()}\n".encode())
    yield symlink(f"{SITE}/six.py", "/usr/local/share/evil.py")


def row(content: bytes) -> bytes:
    """Return what RECORD says of a file (PEP 376, PEP 427)."""
    return b"sha256=%s,%d" % (urlsafe_b64encode(sha256(content).digest()).rstrip(b"="), len(content))


def exchanged(content: bytes, old: bytes, new: bytes) -> bytes:
    assert content.count(old) == 1
    return content.replace(old, new)


def test_the_locks_hold() -> None:
    done = pratique("lock", "check", *FILES)
    assert (done.returncode, done.stdout[:4]) == (0, b"PASS")


def test_a_lock_without_the_hashes_of_one_distribution_does_not_hold(tmp_path: Path) -> None:
    text = re.sub(r"^(numpy==\S+)(?: \\\n    --hash=\S+)+", r"\1", FILES[0].read_text(), flags=re.MULTILINE)
    (tmp_path / "copy.txt").write_text(text)
    line = next(n for n, found in enumerate(text.splitlines(), 1) if found.startswith("numpy=="))
    done = pratique("lock", "check", tmp_path / "copy.txt", *FILES[1:], "--format", "json")
    faults = [(f["code"], f["file"], f["line"], f["level"]) for f in json.loads(done.stdout)["faults"]]
    assert done.returncode == 2
    assert faults == [("PIN-01", f"{tmp_path}/copy.txt", line, "refused")]


def test_the_image_is_as_locked_but_for_files_of_debian(honest: Verified) -> None:
    assert (honest.code, honest.document["verdict"], honest.told) == (3, "incomplete", [])
    assert len(honest.document["distributions"]) == 110
    assert honest.same > 13_000
    debian = [u for u in honest.document["unchecked"] if "owned by Debian packages" in u["reason"]]
    assert [u["count"] > 1000 for u in debian] == [True]


@pytest.mark.parametrize("what", TAMPERINGS)
def test_tampering_is_caught(tampered: Verified, what: str) -> None:
    kind, path = TAMPERINGS[what]
    if kind == "byte code" and not COMPILES:
        pytest.skip("the image's byte code is of Python 3.11, and any other tells it as not checked")
    assert (kind, path) in tampered.told


def test_nothing_but_the_tampering_is_told(honest: Verified, tampered: Verified) -> None:
    expected = {(kind, path) for kind, path in TAMPERINGS.values() if COMPILES or kind != "byte code"}
    assert (tampered.code, tampered.document["verdict"]) == (2, "different")
    assert sorted(tampered.told) == sorted(expected)
    assert honest.same - tampered.same == 5  # three changed, one missing, one launcher
    assert tampered.document["unchecked"] == honest.document["unchecked"]


def test_a_lock_made_of_the_image_names_the_wheels_that_were_installed(
    demo_image: Path, cache: Path, tmp_path: Path
) -> None:
    lock = tmp_path / "pylock.toml"
    done = pratique("lock", "image", f"oci:{demo_image}", "-o", lock, "--cache-dir", cache)
    made = tomllib.loads(lock.read_text())
    left = {(o["name"], o["version"]) for o in made["tool"]["pratique"]["left-out"]}
    digests = {w["hashes"]["sha256"] for p in made["packages"] for w in p["wheels"]}
    installed_from = set(re.findall(r"sha256:([0-9a-f]{64})", "".join(f.read_text() for f in FILES)))
    assert (done.returncode, left) == (3, {("sqlparse", "0.4.2")})
    assert b"left out: sqlparse 0.4.2" in done.stderr
    assert len(digests) == len(made["packages"]) == 109
    assert digests <= installed_from
    assert pratique("lock", "check", lock).returncode == 0
    found = verified(demo_image, cache, [lock])
    told = [(d["kind"], d["distribution"]) for d in found.document["deviations"]]
    assert (found.code, told) == (2, [("not locked", "sqlparse 0.4.2")])


def test_what_was_read_once_is_not_read_again(
    demo_image: Path, honest: Verified, cache: Path, tmp_path: Path
) -> None:
    layout = copied(demo_image, tmp_path / "image")
    for layer in manifest(layout)["layers"]:
        blob(layout, layer["digest"]).unlink()
    again = verified(layout, cache, FILES)
    again.document["image"]["reference"] = honest.document["image"]["reference"]
    assert again == honest
    fresh = pratique("lock", "verify", f"oci:{layout}", "--lock", FILES[0], "--cache-dir", tmp_path / "new")
    assert (fresh.returncode, fresh.stdout) == (1, b"")
    assert f"{layout}/blobs/sha256/".encode() in fresh.stderr
