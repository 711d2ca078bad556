"""References: every prefix, every kind told by content, and errors that name the place and the remedy."""

import os
from pathlib import Path
from typing import Any

import pytest

from pratique.image import Image, open_image
from pratique.model.errors import InputError, PratiqueError, UnavailableError, UnsupportedError, UsageError
from tests.making.images import compressed, docker_archive, layout
from tests.making.layers import Texts
from tests.making.tar import Item, folder, tar

OS_RELEASE = Item("etc/os-release", b"ID=debian")


def oci(path: Path) -> Path:
    return layout(path, [OS_RELEASE])


def oci_archive(path: Path) -> Path:
    made = oci(path.with_suffix(".folder"))
    files = sorted(p for p in made.rglob("*") if p.is_file())
    path.write_bytes(tar([folder("blobs"), *(Item(str(p.relative_to(made)), p.read_bytes()) for p in files)]))
    return path


def docker(path: Path) -> Path:
    return docker_archive(path, [OS_RELEASE])


def root(path: Path) -> Path:
    (path / "etc").mkdir(parents=True)
    (path / "etc" / "os-release").write_bytes(OS_RELEASE.content)
    return path


KINDS = {"oci": oci, "oci-archive": oci_archive, "docker-archive": docker, "dir": root}


def texts(image: Image) -> list[Any]:
    facts = image.read([Texts("etc/os-release")], progress=lambda _done, _all: None)
    return [layer.facts["etc/os-release"]["text"] for layer in facts]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prefixed", [True, False])
def test_every_kind_is_opened_by_prefix_and_by_content(tmp_path: Path, kind: str, *, prefixed: bool) -> None:
    path = KINDS[kind](tmp_path / "image")
    reference = f"{kind}:{path}" if prefixed else str(path)
    image = open_image(reference)
    assert (image.source.kind, image.source.reference) == (kind, reference)
    assert texts(image) == ["ID=debian"]
    assert image.root == (path if kind == "dir" else None)


@pytest.mark.parametrize("kind", KINDS)
def test_relative_paths_are_fine(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    KINDS[kind](tmp_path / "image")
    monkeypatch.chdir(tmp_path)
    assert open_image("image").source.kind == kind
    assert open_image(f"{kind}:./image").source.kind == kind


@pytest.mark.parametrize("kind", ["oci", "oci-archive"])
@pytest.mark.parametrize("name", ["", ":latest"])
def test_a_name_follows_the_path(tmp_path: Path, kind: str, name: str) -> None:
    path = KINDS[kind](tmp_path / "image")
    assert texts(open_image(f"{kind}:{path}{name}")) == ["ID=debian"]
    assert texts(open_image(f"{path}{name}")) == ["ID=debian"]


def test_a_colon_may_be_part_of_the_path(tmp_path: Path) -> None:
    path = oci(tmp_path / "a:b")
    assert texts(open_image(f"oci:{path}")) == ["ID=debian"]
    assert texts(open_image(f"oci:{path}:latest")) == ["ID=debian"]
    assert texts(open_image(str(path))) == ["ID=debian"]


def test_a_path_that_exists_wins_over_a_name(tmp_path: Path) -> None:
    oci(tmp_path / "image")
    root(tmp_path / "image:latest")
    assert open_image(str(tmp_path / "image:latest")).source.kind == "dir"


def test_a_docker_archive_with_an_index_is_read_as_oci(tmp_path: Path) -> None:
    """docker save writes both since version 25."""
    path = oci_archive(tmp_path / "image.tar")
    path.write_bytes(tar([Item("manifest.json", b"[]")])[:-1024] + path.read_bytes())
    assert open_image(str(path)).source.kind == "oci-archive"


def test_a_layout_without_its_marker_is_still_one(tmp_path: Path) -> None:
    path = oci(tmp_path / "image")
    (path / "oci-layout").unlink()
    assert open_image(str(path)).source.kind == "oci"


REMEDY = "Name an OCI layout (folder or tar), a docker-archive, or an unpacked root folder"
ARCHIVE = "Name an OCI layout, a docker-archive or an unpacked root folder"


def empty_folder(path: Path) -> None:
    path.mkdir()


def other_folder(path: Path) -> None:
    (path / "src").mkdir(parents=True)


def text_file(path: Path) -> None:
    path.write_text("FROM debian\n" * 100)


def short_file(path: Path) -> None:
    path.write_text("FROM debian\n")


def compressed_tar(path: Path) -> None:
    path.write_bytes(compressed(tar([OS_RELEASE]), "gzip"))


def exported_tar(path: Path) -> None:
    path.write_bytes(tar([OS_RELEASE]))


def pipe(path: Path) -> None:
    os.mkfifo(path)


def missing(_path: Path) -> None:
    pass


@pytest.mark.parametrize(
    ("make", "kind", "what", "remedy"),
    [
        (empty_folder, InputError, "an empty folder", REMEDY),
        (other_folder, InputError, "neither an OCI image layout nor the root of a file system", REMEDY),
        (
            text_file,
            InputError,
            "not an image: no tar archive",
            ARCHIVE,
        ),
        (
            short_file,
            InputError,
            "not an image: no tar archive, or a damaged one (the archive is cut at byte 12)",
            ARCHIVE,
        ),
        (
            compressed_tar,
            UnsupportedError,
            "a compressed archive cannot be read in place",
            "Decompress it first, as with gunzip",
        ),
        (
            exported_tar,
            InputError,
            "a tar archive, but not an image: it has neither index.json nor manifest.json",
            "To scan an exported file system, unpack it and name the folder",
        ),
        (pipe, InputError, "not a regular file", "Check the path and the kind of image named before it"),
        (
            missing,
            UnavailableError,
            "no such file or directory",
            "Check the path; an image in a registry of this machine is registry:127.0.0.1:PORT/NAME",
        ),
    ],
)
def test_what_is_no_image_is_told_with_place_and_remedy(
    tmp_path: Path, make: Any, kind: type[PratiqueError], what: str, remedy: str
) -> None:
    path = tmp_path / "image"
    make(path)
    with pytest.raises(PratiqueError) as caught:
        open_image(str(path))
    error = caught.value
    assert (type(error), error.what, error.place, error.remedy) == (kind, what, str(path), remedy)


@pytest.mark.parametrize("prefix", KINDS)
@pytest.mark.parametrize(
    "make",
    [empty_folder, other_folder, text_file, short_file, compressed_tar, exported_tar, missing],
)
def test_with_a_prefix_the_error_has_a_place_and_a_remedy_too(tmp_path: Path, prefix: str, make: Any) -> None:
    path = tmp_path / "image"
    make(path)
    with pytest.raises(PratiqueError) as caught:
        open_image(f"{prefix}:{path}")
    error = caught.value
    assert error.place.startswith(str(path))
    assert error.remedy
    assert str(error) == f"{error.place}: {error.what}. {error.remedy}"


def test_a_layout_named_as_a_root_is_a_usage_error(tmp_path: Path) -> None:
    path = oci(tmp_path / "image")
    with pytest.raises(UsageError) as caught:
        open_image(f"dir:{path}")
    assert (caught.value.what, caught.value.remedy) == (
        "an OCI image layout, not an unpacked root",
        "Name it as oci:FOLDER",
    )


def test_a_platform_is_checked_for_every_kind_that_has_one(tmp_path: Path) -> None:
    for kind in ("oci", "oci-archive", "docker-archive"):
        path = KINDS[kind](tmp_path / kind)
        assert open_image(str(path), platform="linux/amd64").source.platform == "linux/amd64"
        with pytest.raises(UsageError):
            open_image(str(path), platform="linux/arm64")


@pytest.mark.parametrize("reference", ["", "oci:", "dir:", "oci:a\0b", "\0"])
def test_no_path_at_all_is_a_usage_error(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_image(reference)
    assert caught.value.remedy == "Name a folder or file: pratique scan oci:FOLDER"


@pytest.mark.parametrize("prefix", ["", "oci:", "oci-archive:", "docker-archive:", "dir:", ":"])
def test_a_path_too_long_for_the_system_is_told(prefix: str) -> None:
    with pytest.raises(UnavailableError) as caught:
        open_image(prefix + "x" * 5000 + ":tag")
    assert caught.value.remedy


def test_a_link_that_leads_to_itself_is_told(tmp_path: Path) -> None:
    (tmp_path / "image").symlink_to("image")
    with pytest.raises(UnavailableError):
        open_image(str(tmp_path / "image"))


@pytest.mark.parametrize(
    "index",
    [
        "{",
        '{"manifests": 1}',
        '{"manifests": [], "manifests": []}',
        '{"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "x", "size": 1}]}',
    ],
)
def test_a_damaged_index_is_told_with_place_and_remedy(tmp_path: Path, index: str) -> None:
    (oci(tmp_path) / "index.json").write_text(index)
    with pytest.raises(InputError) as caught:
        open_image(f"oci:{tmp_path}")
    assert str(tmp_path) in caught.value.place
    assert caught.value.remedy
