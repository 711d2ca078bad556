"""Writing into an OCI layout: blobs first and the index last, and nothing that was there is harmed."""

import json
import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pratique.image import (
    Change,
    Image,
    MergedTree,
    Target,
    check_target,
    open_image,
    parse_target,
    write_image,
)
from pratique.image.layer import LayerBlob
from pratique.image.rewrite import MadeLayer, Packer
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, UnavailableError, UntrustedError, UsageError
from tests.image.test_rewrite import files_of_at_most
from tests.making.edits import NOW, read
from tests.making.images import INDEX, Layout, compressed, digest, docker_archive
from tests.making.layers import blob
from tests.making.tar import Item, tar

ONE, TWO = tar([Item("one", b"1" * 500)]), tar([Item("two", b"2" * 500)])
NAME = "org.opencontainers.image.ref.name"
PARENT = "pratique.parent.digest"


@pytest.fixture
def there(tmp_path: Path) -> Layout:
    """A layout with an image of two layers under the tag ``latest``."""
    (tmp_path / "there").mkdir()
    found = Layout(tmp_path / "there")
    found.image([ONE, TWO])
    return found


@pytest.fixture
def image(there: Layout) -> Image:
    return open_image(f"oci:{there.path}:latest")


@pytest.fixture
def added(tmp_path: Path) -> MadeLayer:
    with Packer(tmp_path / "top") as packer:
        packer.write(tar([Item("top", b"t")]).removesuffix(bytes(1024)))
        return packer.finish()


def change(*layers: LayerBlob | MadeLayer, base: bool = False) -> Change:
    return Change(layers, "pratique harden", NOW, base)


def index(folder: Path) -> Any:
    return json.loads((folder / "index.json").read_bytes())


def tags(folder: Path) -> dict[str, str]:
    return {m["annotations"][NAME]: m["digest"] for m in index(folder)["manifests"]}


def document(folder: Path, name: str) -> Any:
    data = (folder / "blobs" / "sha256" / name.removeprefix("sha256:")).read_bytes()
    assert digest(data) == name
    return json.loads(data)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def paths(reference: str) -> list[str]:
    return sorted(path for path, _ in MergedTree(read(open_image(reference))).files())


@pytest.mark.parametrize(
    ("text", "folder", "tag"),
    [
        ("oci:out", "out", "latest"),
        ("oci:out:v1", "out", "v1"),
        ("oci:/a/b:c:v1", "/a/b:c", "v1"),
        ("oci:/a:b/c", "/a:b/c", "latest"),
    ],
)
def test_a_target_is_a_folder_and_a_tag(text: str, folder: str, tag: str) -> None:
    assert parse_target(text) == Target(Path(folder), tag)


@pytest.mark.parametrize("text", ["", "out", "oci:", "oci::v1", "oci:out:", "docker:out:v1", "oci:a\0b"])
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_target(text)


def test_a_new_layout_holds_the_image_and_nothing_else(
    tmp_path: Path, image: Image, added: MadeLayer
) -> None:
    target = Target(tmp_path / "a" / "new", "v1")
    manifest, settings = write_image(target, image, change(*image.layers, added))
    assert paths(str(target)) == ["one", "top", "two"]
    made = document(target.folder, manifest)
    blobs = {manifest, settings, *(layer["digest"] for layer in made["layers"])}
    assert set(everything(target.folder)) == {
        "index.json",
        "oci-layout",
        *(f"blobs/sha256/{name.removeprefix('sha256:')}" for name in blobs),
    }
    assert tags(target.folder) == {"v1": manifest}
    assert index(target.folder)["manifests"][0]["platform"] == {"os": "linux", "architecture": "amd64"}


def test_layers_and_diff_ids_agree(there: Layout, image: Image, added: MadeLayer) -> None:
    manifest, settings = write_image(Target(there.path, "new"), image, change(*image.layers, added))
    made = document(there.path, manifest)
    assert made["config"]["digest"] == settings
    assert [(layer["digest"], layer["size"]) for layer in made["layers"]] == [
        *((layer.digest, layer.size) for layer in image.layers),
        (added.digest, added.size),
    ]
    assert {layer["mediaType"] for layer in made["layers"]} == {"application/vnd.oci.image.layer.v1.tar+gzip"}
    found = document(there.path, settings)
    assert found["rootfs"]["diff_ids"] == [digest(ONE), digest(TWO), added.diff_id]
    assert [h["created_by"] for h in found["history"]] == ["RUN step 1", "RUN step 2", "pratique harden"]
    assert found["history"][-1]["created"] == "2026-01-02T03:04:05Z"


def test_other_tags_stay_and_the_tag_moves(there: Layout, image: Image, added: MadeLayer) -> None:
    there.manifests.append({"mediaType": "x/y", "digest": digest(b"x"), "size": 1})
    there.index(more="kept")
    before = index(there.path)
    first, _ = write_image(Target(there.path, "new"), image, change(*image.layers))
    assert tags_and_rest(there.path) == ([*before["manifests"]], {"new": first}, "kept")
    second, _ = write_image(Target(there.path, "new"), image, change(*image.layers, added))
    assert tags_and_rest(there.path) == ([*before["manifests"]], {"new": second}, "kept")
    assert paths(f"oci:{there.path}:latest") == ["one", "two"]


def tags_and_rest(folder: Path) -> tuple[list[Any], dict[str, str], str]:
    found = index(folder)
    rest, last = found["manifests"][:-1], found["manifests"][-1]
    return rest, {last["annotations"][NAME]: last["digest"]}, found["more"]


def test_the_tag_of_the_image_itself_is_refused_before_anything_is_written(
    there: Layout, image: Image
) -> None:
    before = everything(there.path)
    with pytest.raises(UsageError, match="the tag of the image itself"):
        write_image(Target(there.path, "latest"), image, change(image.layers[0]))
    assert everything(there.path) == before


def test_a_tag_of_several_images_is_not_moved(there: Layout, image: Image) -> None:
    """The image may be one of them, and the others would be lost with it."""
    inner = there.blob(
        json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": there.manifests}).encode(), INDEX
    )
    there.manifests[:] = [{**inner, "annotations": {NAME: "many"}}]
    there.index()
    before = everything(there.path)
    with pytest.raises(UsageError, match="the tag of several images"):
        write_image(Target(there.path, "many"), image, change(*image.layers))
    assert everything(there.path) == before


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (lambda f: (f / "mine").write_text("x"), InputError),
        (lambda f: (f / "index.json").write_text('{"manifests": []}'), InputError),
        (lambda f: ((f / "oci-layout").write_text("{}"), (f / "index.json").write_text("[]")), InputError),
        (
            lambda f: (
                (f / "oci-layout").write_text("{}"),
                (f / "index.json").write_text('{"manifests": 1}'),
            ),
            InputError,
        ),
        (lambda f: (f.rmdir(), f.write_text("a file")), UnavailableError),
    ],
)
def test_what_is_no_layout_is_left_alone(
    prepare: Callable[[Path], object], error: type[Exception], tmp_path: Path, image: Image
) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    prepare(folder)
    before = everything(tmp_path)
    with pytest.raises(error):
        write_image(Target(folder, "new"), image, change(*image.layers))
    assert everything(tmp_path) == before


def test_entries_of_an_index_that_are_none_do_no_harm(there: Layout, image: Image) -> None:
    there.manifests[:] = [1, {"annotations": []}, {"annotations": None}]  # type: ignore[list-item]
    there.index()
    manifest, _ = write_image(Target(there.path, "new"), image, change(*image.layers))
    assert index(there.path)["manifests"][:3] == there.manifests
    assert index(there.path)["manifests"][3]["digest"] == manifest


def test_an_index_that_cannot_be_written_leaves_the_old_one(
    there: Layout, image: Image, added: MadeLayer
) -> None:
    there.index(padding="x" * 100_000)
    before = (there.path / "index.json").read_bytes()
    with files_of_at_most(50_000), pytest.raises(UnavailableError):
        write_image(Target(there.path, "new"), image, change(*image.layers, added))
    assert (there.path / "index.json").read_bytes() == before
    assert (there.path / "blobs" / "sha256" / added.digest.removeprefix("sha256:")).exists()
    assert not list(there.path.rglob("*.part"))


@pytest.mark.parametrize("how", ["plain", "made"])
def test_a_disk_that_is_full_in_the_middle_of_a_layer_is_an_error(
    how: str, tmp_path: Path, image: Image
) -> None:
    data = bytes(range(256)) * 300
    path = tmp_path / "layer"
    path.write_bytes(data)
    made = MadeLayer(path, digest_of(data), len(data), digest_of(data), len(data))
    with files_of_at_most(50_000), pytest.raises(UnavailableError):
        write_image(Target(tmp_path / "new", "new"), image, change(made if how == "made" else blob(data)))
    assert sorted(everything(tmp_path / "new")) == ["oci-layout"]


def test_a_kept_layer_that_is_damaged_is_not_passed_on(there: Layout, tmp_path: Path, image: Image) -> None:
    there.file(digest(compressed(TWO, "gzip"))).write_bytes(compressed(ONE, "gzip"))
    with pytest.raises(UntrustedError):
        write_image(Target(tmp_path / "new", "new"), image, change(*image.layers))
    first = str(image.layers[0].digest).removeprefix("sha256:")
    assert sorted(everything(tmp_path / "new")) == [f"blobs/sha256/{first}", "oci-layout"]


@pytest.mark.parametrize("how", ["plain", "gzip", "zstd"])
def test_a_docker_archive_becomes_a_layout(how: str, tmp_path: Path, added: MadeLayer) -> None:
    """Its layers are named by what they expand to, and so they are stored."""
    archive = docker_archive(tmp_path / "image.tar", [Item("one", b"1" * 500)], [Item("two", b"2" * 500)])
    opened = open_image(f"docker-archive:{archive}")
    stored = (lambda: BytesIO(compressed(ONE, how))), (lambda: BytesIO(compressed(TWO, how)))
    layers = [replace(layer, opener=s) for layer, s in zip(opened.layers, stored, strict=True)]
    target = Target(tmp_path / "new", "new")
    manifest, _ = write_image(target, opened, change(*layers, added))
    made = document(target.folder, manifest)
    assert made["annotations"] == {PARENT: opened.source.config}
    assert [(layer["digest"], layer["size"]) for layer in made["layers"][:2]] == [
        (digest(x), len(x)) for x in (ONE, TWO)
    ]
    assert paths(str(target)) == ["one", "top", "two"]


def test_a_docker_archive_whose_layer_is_another_is_not_passed_on(tmp_path: Path) -> None:
    opened = open_image(f"docker-archive:{docker_archive(tmp_path / 'image.tar', [Item('one')])}")
    other = replace(opened.layers[0], opener=lambda: BytesIO(TWO))
    with pytest.raises(UntrustedError):
        write_image(Target(tmp_path / "new", "new"), opened, change(other))
    assert sorted(everything(tmp_path / "new")) == ["oci-layout"]


def test_the_same_input_gives_the_same_bytes(tmp_path: Path, image: Image, added: MadeLayer) -> None:
    for name in ("a", "b"):
        write_image(Target(tmp_path / name, "new"), image, change(*image.layers, added))
    assert everything(tmp_path / "a") == everything(tmp_path / "b")


@pytest.mark.skipif(not shutil.which("skopeo"), reason="needs skopeo")
def test_skopeo_reads_what_was_written(tmp_path: Path, image: Image, added: MadeLayer) -> None:
    target = Target(tmp_path / "new", "v1.0")
    manifest, _ = write_image(target, image, change(*image.layers, added))
    done = subprocess.run(["skopeo", "inspect", str(target)], capture_output=True, check=True)
    found = json.loads(done.stdout)
    assert (found["Digest"], found["Architecture"], len(found["Layers"])) == (manifest, "amd64", 3)
    copy = f"dir:{tmp_path / 'copy'}"
    done = subprocess.run(["skopeo", "copy", str(target), copy], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_a_killed_run_left_goes_with_the_next_one(there: Layout, image: Image) -> None:
    half = there.path / "blobs" / "sha256" / ".0123456789abcdef.part"
    half.write_bytes(b"half")
    write_image(Target(there.path, "new"), image, change(*image.layers))
    assert not half.exists()


def test_a_target_can_be_checked_before_any_work(there: Layout, image: Image, tmp_path: Path) -> None:
    check_target(Target(there.path, "new"), image)
    check_target(Target(tmp_path / "not-there", "new"), image)
    with pytest.raises(UsageError, match="the tag of the image itself"):
        check_target(Target(there.path, "latest"), image)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(InputError, match="not an OCI layout"):
        check_target(Target(tmp_path / "other", "new"), image)
