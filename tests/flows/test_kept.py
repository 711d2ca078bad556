"""Inventories that are kept: the same document without a blob or a fact, and never one of another image or reading."""

from pathlib import Path

import pytest

from pratique.flows.inventory import take_inventory
from pratique.flows.kept import recalled
from pratique.flows.setting import setting
from pratique.image import open_image
from pratique.model.errors import UnavailableError
from pratique.model.inventory import Inventory
from tests.making.images import docker_archive, layout
from tests.making.tar import Item

STATUS = b"Package: a\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
BASE = [Item("var/lib/dpkg/status", STATUS), Item("etc/os-release", b"ID=debian\nVERSION_ID=12\n")]


def taken(reference: str, cache: Path) -> Inventory:
    return take_inventory(reference, "", setting(str(cache)), lambda _d, _t: None).inventory


def without_layers(image: Path) -> None:
    """Take the layers away: the blobs that are no documents."""
    for blob in (image / "blobs" / "sha256").iterdir():
        if blob.read_bytes()[:1] != b"{":
            blob.unlink()


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return layout(tmp_path / "image", BASE)


def test_a_second_inventory_reads_no_blob_and_is_the_same(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    cache = tmp_path / "cache"
    first = taken(f"oci:{image}", cache)
    without_layers(image)
    assert taken(f"oci:{image}", cache) == first
    for facts in (cache / "facts").rglob("*"):
        if facts.is_file():
            facts.unlink()
    assert taken(f"oci:{image}", cache) == first
    for kept in (cache / "inventories").iterdir():
        kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(UnavailableError):
        taken(f"oci:{image}", cache)


def test_name_and_time_are_those_of_the_second_asking(
    image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    first = taken(f"oci:{image}", tmp_path / "cache")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1800000000")
    second = taken(str(image), tmp_path / "cache")
    assert (first.source.reference, second.source.reference) == (f"oci:{image}", str(image))
    assert (second.created - first.created).total_seconds() == 100_000_000
    assert second.packages == first.packages


def test_another_layer_is_another_inventory(image: Path, tmp_path: Path) -> None:
    taken(f"oci:{image}", tmp_path / "cache")
    more = layout(tmp_path / "more", BASE, [Item("x/a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n")])
    assert recalled(open_image(f"oci:{more}"), tmp_path / "cache") is None
    assert [p.type for p in taken(f"oci:{more}", tmp_path / "cache").packages] == ["deb", "pypi"]


def test_what_has_no_digest_is_not_kept(tmp_path: Path) -> None:
    saved = docker_archive(tmp_path / "saved.tar", BASE)
    root = tmp_path / "root"
    (root / "var/lib/dpkg").mkdir(parents=True)
    (root / "var/lib/dpkg/status").write_bytes(STATUS)
    for reference in (f"docker-archive:{saved}", f"dir:{root}"):
        assert [p.name for p in taken(reference, tmp_path / "cache").packages] == ["a"]
        assert recalled(open_image(reference), tmp_path / "cache") is None
    assert not (tmp_path / "cache" / "inventories").exists()
