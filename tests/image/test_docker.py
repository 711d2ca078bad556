"""docker-archives: as docker save and skopeo write them, and as nobody should."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pratique.image import Image, Limits, open_image
from pratique.model.digest import digest_of
from pratique.model.errors import (
    InputError,
    PratiqueError,
    UnavailableError,
    UnsupportedError,
    UntrustedError,
    UsageError,
)
from tests.making.images import compressed, config, digest, docker_archive, layout
from tests.making.layers import Texts
from tests.making.tar import Item, hardlink, member, pax, symlink, tar

ONE, TWO = (tar([Item("etc/os-release", text)]) for text in (b"one", b"two"))
MISSING = "The archive is cut: save the image again"


def saved(*images: dict[str, Any]) -> Item:
    return Item("manifest.json", json.dumps(images).encode())


def image(
    *layers: str, name: str = "config.json", tags: tuple[str, ...] = ("demo:latest",)
) -> dict[str, Any]:
    return {"Config": name, "RepoTags": list(tags), "Layers": list(layers)}


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return tmp_path / "image.tar"


def opened(archive: Path, *items: Item, name: str = "", **more: Any) -> Image:
    archive.write_bytes(tar(items))
    return open_image(f"docker-archive:{archive}{name and ':' + name}", **more)


def texts(image: Image) -> list[Any]:
    facts = image.read([Texts()], progress=lambda _done, _all: None)
    return [fact["text"] for layer in facts for fact in layer.facts.values()]


def failure(archive: Path, *items: Item, **more: Any) -> PratiqueError:
    with pytest.raises(PratiqueError) as caught:
        texts(opened(archive, *items, **more))
    return caught.value


def test_an_archive_is_its_configuration_and_layers(archive: Path) -> None:
    docker_archive(archive, [Item("a", b"one")], [Item("b", b"two")])
    found = open_image(f"docker-archive:{archive}")
    assert (found.source.kind, found.source.digest, found.source.layers) == ("docker-archive", None, ())
    assert found.source.platform == "linux/amd64"
    assert found.source.config == digest(config([tar([Item("a", b"one")]), tar([Item("b", b"two")])]))
    assert [layer.created_by for layer in found.layers] == ["RUN step 1", "RUN step 2"]
    assert [(layer.digest, layer.size) for layer in found.layers] == [(None, None)] * 2
    assert texts(found) == ["one", "two"]


def test_layers_may_be_compressed(archive: Path) -> None:
    found = opened(
        archive,
        saved(image("1.tar", "2.tar")),
        Item("config.json", config([ONE, TWO])),
        Item("1.tar", compressed(ONE, "gzip")),
        Item("2.tar", compressed(TWO, "zstd")),
    )
    assert texts(found) == ["one", "two"]


def test_layers_that_occur_twice_are_links(archive: Path) -> None:
    found = opened(
        archive,
        symlink("aaa/layer.tar", "../bbb/layer.tar"),
        Item("bbb/layer.tar", ONE),
        hardlink("ccc/layer.tar", "bbb/layer.tar"),
        symlink("ddd/layer.tar", "./../aaa/layer.tar"),
        saved(image(*(f"{name}/layer.tar" for name in ("aaa", "bbb", "ccc", "ddd")))),
        Item("config.json", config([ONE] * 4)),
    )
    assert texts(found) == ["one"] * 4


def test_a_link_out_of_the_archive_leads_nowhere(archive: Path) -> None:
    error = failure(
        archive,
        symlink("1.tar", "../../../../../../etc/passwd"),
        saved(image("1.tar")),
        Item("config.json", config([ONE])),
    )
    assert isinstance(error, UnavailableError)
    assert (error.what, error.remedy) == ("not in the archive", MISSING)


def test_links_without_an_end_are_refused(archive: Path) -> None:
    error = failure(
        archive,
        symlink("1.tar", "2.tar"),
        symlink("2.tar", "1.tar"),
        saved(image("1.tar")),
        Item("config.json", config([ONE])),
    )
    assert isinstance(error, InputError)
    assert error.what == "a chain of links without an end"


@pytest.mark.parametrize(
    ("items", "place"),
    [
        ([], "manifest.json"),
        ([saved(image("1.tar")), Item("1.tar", ONE)], "config.json"),
        ([saved(image("1.tar")), Item("config.json", config([ONE]))], "1.tar"),
    ],
)
def test_what_is_missing_is_named(archive: Path, items: list[Item], place: str) -> None:
    error = failure(archive, Item("other"), *items)
    assert isinstance(error, UnavailableError)
    assert (error.what, error.place, error.remedy) == ("not in the archive", f"{archive}: {place}", MISSING)


def test_a_configuration_under_another_digest_is_untrusted(archive: Path) -> None:
    data = config([ONE])
    name = digest(config([TWO])).removeprefix("sha256:") + ".json"
    error = failure(archive, saved(image("1.tar", name=name)), Item(name, data), Item("1.tar", ONE))
    assert isinstance(error, UntrustedError)
    assert (error.what, error.place) == (
        f"the configuration hashes to {digest_of(data)}",
        f"{archive}: {name}",
    )


def test_a_changed_layer_is_untrusted(archive: Path) -> None:
    error = failure(archive, saved(image("1.tar")), Item("config.json", config([ONE])), Item("1.tar", TWO))
    assert isinstance(error, UntrustedError)
    assert error.place == f"{archive}: 1.tar"


def test_layers_and_diff_ids_must_be_as_many(archive: Path) -> None:
    error = failure(
        archive, saved(image("1.tar")), Item("config.json", config([ONE, TWO])), Item("1.tar", ONE)
    )
    assert isinstance(error, InputError)
    assert error.what == "1 layers and 2 diff_ids"


BOTH = [
    saved(image("1.tar", name="c1", tags=("a:1", "a:2")), image("2.tar", name="c2", tags=("b:1",))),
    Item("c1", config([ONE])),
    Item("c2", config([TWO])),
    Item("1.tar", ONE),
    Item("2.tar", TWO),
]


@pytest.mark.parametrize(("tag", "text"), [("a:1", "one"), ("a:2", "one"), ("b:1", "two")])
def test_a_tag_chooses_among_several(archive: Path, tag: str, text: str) -> None:
    assert texts(opened(archive, *BOTH, name=tag)) == [text]


@pytest.mark.parametrize(
    ("tag", "what"), [("", "the archive holds several images"), ("c:1", "no single image 'c:1'")]
)
def test_several_images_are_a_usage_error_that_lists(archive: Path, tag: str, what: str) -> None:
    error = failure(archive, *BOTH, name=tag)
    assert isinstance(error, UsageError)
    assert (error.what, error.remedy) == (what, "Name one as docker-archive:FILE:TAG: a:1, a:2, b:1")


def test_images_without_tags_are_told_so(archive: Path) -> None:
    untagged = {**image("1.tar"), "RepoTags": None}
    assert failure(archive, saved(untagged, untagged)).remedy.endswith(": none has a tag")


@pytest.mark.parametrize(
    "text",
    ["[]", "{}", "[{}]", '[{"Config": "c"}]', '[{"Config": 1, "Layers": []}]', '[{"a":1,"a":1}]', "", "["],
)
def test_a_malformed_manifest_is_refused(archive: Path, text: str) -> None:
    error = failure(archive, Item("manifest.json", text.encode()))
    assert isinstance(error, InputError)
    assert error.place == f"{archive}: manifest.json"


def test_a_wrong_platform_is_a_usage_error(archive: Path) -> None:
    docker_archive(archive, [Item("a", b"one")])
    assert texts(open_image(f"docker-archive:{archive}", platform="linux/amd64")) == ["one"]
    with pytest.raises(UsageError, match="the image was built for linux/amd64, not for linux/arm64"):
        open_image(f"docker-archive:{archive}", platform="linux/arm64")


def test_a_huge_document_is_refused(archive: Path) -> None:
    manifest = saved(image("1.tar"))
    size = len(manifest.content)
    assert failure(archive, manifest, limits=Limits(document=size)).place == f"{archive}: config.json"
    error = failure(archive, manifest, limits=Limits(document=size - 1))
    assert isinstance(error, InputError)
    assert (error.what, error.place) == (f"larger than {size - 1} bytes", f"{archive}: manifest.json")


def test_too_many_members_are_refused(archive: Path) -> None:
    error = failure(archive, *[Item(f"{n}") for n in range(11)], limits=Limits(archive=10))
    assert isinstance(error, InputError)
    assert error.what == "not an image: no tar archive, or a damaged one (more than 10 entries in one layer)"


def test_an_archive_that_is_cut_is_refused(archive: Path) -> None:
    docker_archive(archive, [Item("a", b"one" * 1000)])
    whole = archive.read_bytes()
    for cut in [*range(1, 512), len(whole) // 2 + 100]:
        archive.write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"the archive is cut at byte"):
            open_image(f"docker-archive:{archive}")


def test_large_layers_are_passed_over_without_losing_the_way(archive: Path) -> None:
    large = tar([Item("a", b"one"), Item("b", os.urandom(300_000))])
    items = [
        Item("1.tar", large),
        Item("2.tar", TWO),
        Item("3.tar", large),
        saved(image("3.tar", "2.tar", "1.tar")),
    ]
    settings = Item("config.json", config([large, TWO, large]))
    for order in (items, items[::-1]):
        found = opened(archive, *order, settings)
        facts = found.read([Texts("a", "etc/os-release")], progress=lambda _done, _all: None)
        assert [list(layer.facts.values()) for layer in facts] == [
            [{"text": text}] for text in ("one", "two", "one")
        ]


def test_an_archive_may_end_with_its_last_member(archive: Path) -> None:
    padded = Item("9.tar", bytes(200 * 512))
    opened(archive, *BOTH, padded, name="a:1")
    archive.write_bytes(archive.read_bytes()[:-1024])
    assert texts(open_image(f"docker-archive:{archive}:a:1")) == ["one"]
    archive.write_bytes(archive.read_bytes()[:-1])
    with pytest.raises(InputError, match="the archive is cut at byte"):
        open_image(f"docker-archive:{archive}:a:1")


def test_an_archive_that_shrinks_after_it_was_opened_is_untrusted(archive: Path) -> None:
    items = [saved(image("1.tar")), Item("config.json", config([ONE])), Item("1.tar", ONE)]
    found = opened(archive, *items)
    archive.write_bytes(archive.read_bytes()[:-1600])
    with pytest.raises(UntrustedError, match="the archive was cut while it was read") as caught:
        texts(found)
    assert caught.value.place == f"{archive}: 1.tar"


def test_of_two_members_at_one_name_the_last_one_counts(archive: Path) -> None:
    assert texts(opened(archive, saved(image("nowhere")), *BOTH, name="b:1")) == ["two"]


def test_names_may_be_long_or_start_with_a_dot(archive: Path) -> None:
    name = "n" * 300 + ".tar"
    archive.write_bytes(
        member(Item("./manifest.json", saved(image(name)).content))
        + member(Item("config.json", config([ONE])))
        + pax({"path": name.encode()})
        + member(Item("short", ONE))
        + bytes(1024)
    )
    assert texts(open_image(str(archive))) == ["one"]


@pytest.mark.parametrize("how", ["gzip", "zstd"])
def test_a_compressed_archive_says_what_to_do(archive: Path, how: str) -> None:
    archive.write_bytes(compressed(tar(BOTH), how))
    with pytest.raises(UnsupportedError) as caught:
        open_image(f"docker-archive:{archive}")
    assert (caught.value.what, caught.value.remedy) == (
        "a compressed archive cannot be read in place",
        "Decompress it first, as with gunzip",
    )


@pytest.mark.skipif(not shutil.which("skopeo"), reason="skopeo is not on PATH")
def test_what_skopeo_writes_is_what_the_layout_holds(tmp_path: Path) -> None:
    folder = layout(tmp_path / "image", [Item("a", b"one")], [Item("b", b"two")], [Item("a", b"one")])
    archive = tmp_path / "skopeo.tar"
    target = f"docker-archive:{archive}:docker.io/library/demo:latest"
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "-q", f"oci:{folder}:latest", target],
        check=True,
        cwd=tmp_path,
    )
    found, original = open_image(target), open_image(f"oci:{folder}")
    assert [layer.diff_id for layer in found.layers] == [layer.diff_id for layer in original.layers]
    assert texts(found) == texts(original) == ["one", "two", "one"]
    assert open_image(str(archive)).source.kind == "docker-archive"
