"""Facts that are kept equal facts that are read; what is not surely the same is read again."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pratique.catalog import CATALOGERS
from pratique.catalog.contents import CONTENTS
from pratique.image import DEFAULT, Limits, open_image
from pratique.model.errors import UnavailableError, UntrustedError
from pratique.model.files import LayerFacts, Reader
from tests.making.images import digest, docker_archive, layout
from tests.making.layers import Texts
from tests.making.tar import Item

METADATA = b"Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b>1\n\n"
STATUS = b"Package: c\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
SITE = "usr/lib/python3/site-packages"
FIRST = [
    Item("etc/os-release", b"ID=debian\nVERSION_ID=12\n"),
    Item("var/lib/dpkg/status", STATUS),
    Item("var/lib/dpkg/info/c.list", b"/.\n/usr\n/usr/bin/c\n"),
    Item("usr/bin/c", b"#!/bin/sh\n"),
    Item("usr/bin/d", b"\x7fELF"),
]
SECOND = [
    Item(f"{SITE}/a-1.dist-info/METADATA", METADATA),
    Item(f"{SITE}/a-1.dist-info/RECORD", b"a.py,,\n__pycache__/a.cpython-311.pyc,,\n"),
    Item(f"{SITE}/a-1.dist-info/WHEEL", b"not a wheel"),
    Item(f"{SITE}/__pycache__/a.cpython-311.pyc", b"\xa7\r\r\n"),
    Item(f"{SITE}/\udcff.py".encode("utf-8", "backslashreplace").decode(), b"x = 1"),
    Item("etc/.wh.os-release"),
]
ALL: tuple[Reader, ...] = (*CATALOGERS, *CONTENTS)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return layout(tmp_path / "image", FIRST, SECOND)


def facts(image: Path, keep: Path | None, readers: Any = ALL, limits: Limits = DEFAULT) -> list[LayerFacts]:
    opened = open_image(f"oci:{image}")
    return opened.read(readers, keep=keep, limits=limits, progress=lambda _done, _all: None)


def forget_blobs(image: Path) -> None:
    """Take the layers away: the largest blobs that are no documents."""
    for blob in (image / "blobs" / "sha256").iterdir():
        if blob.read_bytes()[:1] != b"{":
            blob.unlink()


def test_what_was_kept_is_what_was_read_and_no_layer_is_opened_again(image: Path, tmp_path: Path) -> None:
    plain = facts(image, None)
    assert {type(fact).__name__ for layer in plain for some in layer.facts.values() for fact in some.values()} == {
        "OsRelease", "tuple", "bytes", "NoneType", "Metadata", "Unread"
    }  # fmt: skip
    assert facts(image, tmp_path / "facts") == plain
    forget_blobs(image)
    assert facts(image, tmp_path / "facts") == plain
    with pytest.raises(UnavailableError):
        facts(image, None)


def test_other_readers_limits_and_versions_read_again(image: Path, tmp_path: Path) -> None:
    class Newer(Texts):
        version = 2

    facts(image, tmp_path, [Texts()])
    forget_blobs(image)
    assert facts(image, tmp_path, [Texts()])
    for readers, limits in (([Newer()], DEFAULT), (ALL, DEFAULT), ([Texts()], Limits(kept=1))):
        with pytest.raises(UnavailableError):
            facts(image, tmp_path, readers, limits)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\xc1", b"cut", b"more", b"first", b"middle", b"last"])
def test_damaged_facts_are_read_again_and_mended(image: Path, tmp_path: Path, damage: bytes) -> None:
    plain = facts(image, tmp_path / "facts")
    kept = [path for path in (tmp_path / "facts").rglob("*") if path.is_file()]
    assert len(kept) == 2
    good = {path: path.read_bytes() for path in kept}
    for path, data in good.items():
        changed = {
            b"cut": data[:-9],
            b"more": data + b"x",
            b"first": flipped(data, 0),
            b"middle": flipped(data, len(data) // 2),
            b"last": flipped(data, len(data) - 1),
        }.get(damage, damage)
        assert changed != data
        path.write_bytes(changed)
    assert facts(image, tmp_path / "facts") == plain
    assert {path: path.read_bytes() for path in kept} == good


def test_a_layer_that_only_claims_to_be_a_known_one_is_read(image: Path, tmp_path: Path) -> None:
    """The configuration promises the uncompressed bytes of a layer that is known; the stored bytes are others."""
    keep = tmp_path / "facts"
    plain = facts(image, keep)
    hostile = layout(tmp_path / "hostile", [Item("evil", b"x")])
    config, honest = (config_of(folder) for folder in (hostile, layout(tmp_path / "one", FIRST)))
    data = config.read_bytes().replace(diff_id(config), diff_id(honest))
    swap_config(hostile, config, data)
    with pytest.raises(UntrustedError, match="the layer expands to"):
        facts(hostile, keep)
    assert facts(image, keep) == plain


def test_a_layer_of_another_size_than_promised_is_refused_though_it_is_known(
    image: Path, tmp_path: Path
) -> None:
    keep = tmp_path / "facts"
    facts(image, keep)
    blobs = image / "blobs" / "sha256"
    manifest = next(path for path in blobs.iterdir() if b'"config": {"mediaType"' in path.read_bytes())
    size = json.loads(manifest.read_bytes())["layers"][0]["size"]
    swap_manifest(image, manifest, manifest.read_bytes().replace(b"%d" % size, b"%d" % (size ^ 1)))
    with pytest.raises(UntrustedError, match="bytes"):
        facts(image, keep)


def config_of(folder: Path) -> Path:
    blobs = sorted((folder / "blobs" / "sha256").iterdir())
    return next(path for path in blobs if b'"diff_ids"' in path.read_bytes())


def diff_id(config: Path) -> bytes:
    return config.read_bytes().partition(b'"diff_ids": ["')[2][:71]


def swap_config(folder: Path, config: Path, data: bytes) -> None:
    """Put another configuration in place, and correct every digest that leads to it."""
    blobs = folder / "blobs" / "sha256"
    old, new = f"sha256:{config.name}", digest(data)
    (blobs / new[7:]).write_bytes(data)
    manifest = next(path for path in blobs.iterdir() if old.encode() in path.read_bytes())
    changed = manifest.read_bytes().replace(old.encode(), new.encode())
    swap_manifest(folder, manifest, changed)


def swap_manifest(folder: Path, manifest: Path, changed: bytes) -> None:
    """Put another manifest in place, as large as the one before."""
    (manifest.parent / digest(changed)[7:]).write_bytes(changed)
    index = folder / "index.json"
    index.write_bytes(index.read_bytes().replace(manifest.name.encode(), digest(changed)[7:].encode()))


def test_an_archive_without_digests_is_read_each_time(tmp_path: Path) -> None:
    archive = docker_archive(tmp_path / "image.tar", FIRST)
    for _ in range(2):
        read = open_image(f"docker-archive:{archive}").read(
            ALL, keep=tmp_path / "facts", progress=lambda _d, _a: None
        )
        assert len(read) == 1
    assert not (tmp_path / "facts").exists()


def test_a_folder_that_refuses_does_not_matter(image: Path, tmp_path: Path) -> None:
    plain = facts(image, None)
    (tmp_path / "file").write_text("no folder")
    assert facts(image, tmp_path / "file") == plain
    if os.geteuid():  # root may write anywhere
        (tmp_path / "closed").mkdir(mode=0o500)
        assert facts(image, tmp_path / "closed") == plain
