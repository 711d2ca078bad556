"""A new image that waits for its proof, and its way to where it was asked for."""

from pathlib import Path

import pytest

from pratique.image import Change, Target, holds, open_image, publish, write_image
from pratique.model.digest import Digest
from pratique.model.errors import InputError, UntrustedError, UsageError
from tests.image.test_write import document, everything, tags
from tests.making.edits import NOW
from tests.making.images import Layout
from tests.making.tar import Item, tar


@pytest.fixture
def there(tmp_path: Path) -> Layout:
    (tmp_path / "there").mkdir()
    found = Layout(tmp_path / "there")
    found.image([tar([Item("one")]), tar([Item("two")])])
    return found


@pytest.fixture
def waiting(tmp_path: Path) -> Target:
    return Target(tmp_path / "waiting", "candidate")


@pytest.fixture
def manifest(there: Layout, waiting: Target) -> Digest:
    image = open_image(f"oci:{there.path}:latest")
    return write_image(waiting, image, Change(image.layers, "changed", NOW, base_changed=False))[0]


def test_what_waits_is_there_until_its_tag_moves(waiting: Target, manifest: Digest, there: Layout) -> None:
    assert holds(waiting, manifest)
    assert not holds(Target(waiting.folder, "other"), manifest)
    assert not holds(Target(waiting.folder / "none", "candidate"), manifest)
    image = open_image(f"oci:{there.path}:latest")
    write_image(waiting, image, Change(image.layers[:1], "changed", NOW, base_changed=False))
    assert not holds(waiting, manifest)


def test_a_tag_whose_manifest_is_gone_holds_nothing(waiting: Target, manifest: Digest) -> None:
    (waiting.folder / "blobs" / "sha256" / manifest.removeprefix("sha256:")).unlink()
    assert not holds(waiting, manifest)


def test_an_image_is_published_whole(waiting: Target, manifest: Digest, tmp_path: Path) -> None:
    target = Target(tmp_path / "new", "v1")
    publish(waiting, manifest, target)
    assert tags(target.folder) == {"v1": manifest}
    before, after = everything(waiting.folder), everything(target.folder)
    assert {k: v for k, v in before.items() if k != "index.json"} == {
        k: v for k, v in after.items() if k != "index.json"
    }
    assert open_image(str(target)).source.digest == manifest


def test_an_image_is_published_beside_others(waiting: Target, manifest: Digest, there: Layout) -> None:
    original = tags(there.path)["latest"]
    publish(waiting, manifest, Target(there.path, "hardened"))
    publish(waiting, manifest, Target(there.path, "hardened"))
    assert tags(there.path) == {"latest": original, "hardened": manifest}


def test_the_tag_of_the_image_that_it_was_made_from_is_not_moved(
    waiting: Target, manifest: Digest, there: Layout
) -> None:
    before = everything(there.path)
    with pytest.raises(UsageError, match="the tag of the image itself"):
        publish(waiting, manifest, Target(there.path, "latest"))
    assert everything(there.path) == before


@pytest.mark.parametrize("part", ["layer", "config", "manifest"])
def test_what_was_changed_while_it_waited_is_not_published(
    part: str, waiting: Target, manifest: Digest, tmp_path: Path
) -> None:
    made = document(waiting.folder, manifest)
    name = {"layer": made["layers"][1]["digest"], "config": made["config"]["digest"], "manifest": manifest}[
        part
    ]
    blob = waiting.folder / "blobs" / "sha256" / name.removeprefix("sha256:")
    blob.write_bytes(blob.read_bytes() + b" ")
    with pytest.raises(UntrustedError):
        publish(waiting, manifest, Target(tmp_path / "new", "v1"))
    assert "index.json" not in everything(tmp_path / "new")


def test_a_tag_that_names_another_image_by_now_is_not_published(
    waiting: Target, manifest: Digest, there: Layout, tmp_path: Path
) -> None:
    image = open_image(f"oci:{there.path}:latest")
    write_image(waiting, image, Change(image.layers[:1], "changed", NOW, base_changed=False))
    with pytest.raises(UntrustedError, match="not the image that was proven"):
        publish(waiting, manifest, Target(tmp_path / "new", "v1"))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_no_layout_is_left_alone(waiting: Target, manifest: Digest, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("x")
    with pytest.raises(InputError):
        publish(waiting, manifest, Target(tmp_path / "mine", "v1"))
    assert everything(tmp_path / "mine") == {"file": b"x"}
