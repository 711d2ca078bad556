"""OCI layouts: what a descriptor promises is kept, and one image is chosen or the choice is refused."""

import json
import os
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
from tests.making.images import CONFIG, INDEX, LAYER, MANIFEST, Layout, config, digest, layout
from tests.making.layers import Texts
from tests.making.tar import Item, tar

ONE, TWO, THREE = (tar([Item("etc/os-release", text)]) for text in (b"one", b"two", b"three"))
AMD64 = {"os": "linux", "architecture": "amd64"}
ARM64 = {"os": "linux", "architecture": "arm64", "variant": "v8"}


@pytest.fixture
def made(tmp_path: Path) -> Layout:
    (tmp_path / "image").mkdir()
    return Layout(tmp_path / "image")


def opened(made: Layout, name: str = "", **more: Any) -> Image:
    return open_image(f"oci:{made.path}{name and ':' + name}", **more)


def texts(image: Image) -> list[Any]:
    facts = image.read([Texts()], progress=lambda _done, _all: None)
    return [fact["text"] for layer in facts for fact in layer.facts.values()]


def manifest(made: Layout, **changes: Any) -> None:
    """Add an image with one layer whose manifest has some fields replaced."""
    document = {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": made.blob(config([ONE]), CONFIG),
        "layers": [made.blob(ONE, LAYER)],
        **changes,
    }
    made.manifests.append(made.blob(json.dumps(document).encode(), MANIFEST))
    made.index()


def multi(made: Layout, **more: Any) -> list[str]:
    """Add one image for each of two platforms and return the digests."""
    amd64 = made.image([ONE], platform=AMD64, name="", **more)
    arm64 = made.image([TWO], platform=ARM64, name="", architecture="arm64", variant="v8", **more)
    return [amd64["digest"], arm64["digest"]]


def failure(made: Layout, name: str = "", **more: Any) -> PratiqueError:
    with pytest.raises(PratiqueError) as caught:
        opened(made, name, **more)
    return caught.value


@pytest.mark.parametrize("how", ["gzip", "zstd", "plain"])
def test_an_image_is_its_digests_platform_and_layers(made: Layout, how: str) -> None:
    descriptor = made.image([ONE, TWO], how=how)
    image = opened(made)
    assert (image.source.kind, image.source.reference) == ("oci", f"oci:{made.path}")
    assert image.source.digest == descriptor["digest"]
    assert image.source.config == digest(config([ONE, TWO]))
    assert image.source.platform == "linux/amd64"
    assert image.source.other_platforms == ()
    assert image.source.layers == tuple(layer.digest for layer in image.layers)
    assert [layer.diff_id for layer in image.layers] == [digest(ONE), digest(TWO)]
    assert [layer.created_by for layer in image.layers] == ["RUN step 1", "RUN step 2"]
    assert texts(image) == ["one", "two"]


def test_progress_is_told_after_each_layer(made: Layout) -> None:
    made.image([ONE, TWO, THREE])
    told: list[tuple[int, int]] = []
    opened(made).read([Texts()], progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("history", "steps"),
    [
        ([{"created_by": "a"}, {"created_by": "ENV", "empty_layer": True}, {"created_by": "b"}], ("a", "b")),
        ([{"created_by": "a"}], ("", "")),
        ([], ("", "")),
        ([{}, {"created_by": "b"}], ("", "b")),
    ],
)
def test_build_steps_are_told_only_where_the_history_fits(
    made: Layout, history: list[dict[str, Any]], steps: tuple[str, ...]
) -> None:
    made.image([ONE, TWO], history=history)
    assert tuple(layer.created_by for layer in opened(made).layers) == steps


def test_docker_media_types_are_read_as_their_oci_twins(made: Layout) -> None:
    docker = "application/vnd.docker."
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": docker + "distribution.manifest.v2+json",
        "config": made.blob(config([ONE]), docker + "container.image.v1+json"),
        "layers": [made.blob(ONE, docker + "image.rootfs.diff.tar.gzip")],
    }
    inner = made.blob(json.dumps(document).encode(), document["mediaType"])
    both: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": docker + "distribution.manifest.list.v2+json",
        "manifests": [inner],
    }
    made.manifests.append(made.blob(json.dumps(both).encode(), both["mediaType"]))
    made.index()
    image = opened(made)
    assert image.source.digest == inner["digest"]
    assert texts(image) == ["one"]


def test_documents_without_a_media_type_are_what_their_descriptor_says(made: Layout) -> None:
    document = {"config": made.blob(config([ONE]), CONFIG), "layers": [made.blob(ONE, LAYER)]}
    made.manifests.append(made.blob(json.dumps(document).encode(), MANIFEST))
    made.index()
    assert texts(opened(made)) == ["one"]


# Which image


def test_linux_amd64_is_taken_and_the_others_are_listed(made: Layout) -> None:
    amd64, _ = multi(made)
    image = opened(made)
    assert (image.source.digest, image.source.platform) == (amd64, "linux/amd64")
    assert image.source.other_platforms == ("linux/arm64/v8",)
    assert texts(image) == ["one"]


@pytest.mark.parametrize("asked", ["linux/arm64", "linux/arm64/v8"])
def test_a_platform_can_be_asked_for(made: Layout, asked: str) -> None:
    _, arm64 = multi(made)
    image = opened(made, platform=asked)
    assert (image.source.digest, image.source.platform) == (arm64, "linux/arm64/v8")
    assert image.source.other_platforms == ("linux/amd64",)
    assert texts(image) == ["two"]


@pytest.mark.parametrize("asked", ["linux/arm", "linux/s390x", "windows/amd64", "linux/arm64/v7"])
def test_a_wrong_platform_is_a_usage_error_that_lists(made: Layout, asked: str) -> None:
    multi(made)
    error = failure(made, platform=asked)
    assert isinstance(error, UsageError)
    assert error.what == f"no image for {asked}"
    assert error.remedy == "Choose one with --platform: linux/amd64, linux/arm64/v8"


def test_platforms_are_read_from_the_configuration_where_the_index_is_silent(made: Layout) -> None:
    made.image([ONE], name="")
    made.image([TWO], name="", architecture="arm64", variant="v8")
    assert texts(opened(made, platform="linux/arm64")) == ["two"]
    assert opened(made).source.other_platforms == ("linux/arm64/v8",)


def test_without_linux_amd64_the_choice_is_the_user_s(made: Layout) -> None:
    made.image([ONE], platform=ARM64, name="", architecture="arm64")
    made.image([TWO], platform={"os": "linux", "architecture": "s390x"}, name="", architecture="s390x")
    error = failure(made)
    assert isinstance(error, UsageError)
    assert error.remedy == "Choose one with --platform: linux/arm64/v8, linux/s390x"


def test_a_lying_index_is_found_out_when_a_platform_is_asked_for(made: Layout) -> None:
    made.image([ONE], platform=ARM64, name="")
    error = failure(made, platform="linux/arm64")
    assert isinstance(error, UsageError)
    assert error.what == "the image was built for linux/amd64, not for linux/arm64"
    assert opened(made).source.platform == "linux/amd64"


def test_attestations_and_artifacts_are_not_chosen(made: Layout) -> None:
    image = made.image([ONE], platform=AMD64, name="")
    unknown = {"os": "unknown", "architecture": "unknown"}
    made.image([TWO], platform=unknown, name="")
    signature = made.image([THREE], name="")
    signature["artifactType"] = "application/vnd.dev.cosign.artifact.sig.v1+json"
    made.manifests.append(made.blob(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip"))
    made.index()
    found = opened(made)
    assert found.source.digest == image["digest"]
    assert found.source.other_platforms == ()


def test_an_index_of_nothing_but_attestations_names_no_image(made: Layout) -> None:
    made.image([TWO], platform={"os": "unknown", "architecture": "unknown"})
    error = failure(made)
    assert isinstance(error, InputError)
    assert (error.what, error.place) == ("the index names no image", str(made.path))


def test_an_index_of_another_kind_of_artifact_is_unsupported(made: Layout) -> None:
    made.manifests.append(made.blob(b"chart", "application/vnd.cncf.helm.config.v1+json"))
    made.index()
    error = failure(made)
    assert isinstance(error, UnsupportedError)
    assert error.what == "not an image manifest but 'application/vnd.cncf.helm.config.v1+json'"


def test_a_name_chooses_among_several(made: Layout) -> None:
    made.image([ONE], name="1.0")
    made.image([TWO], name="registry.example:5000/two:2.0")
    assert texts(opened(made, "1.0")) == ["one"]
    assert texts(opened(made, "registry.example:5000/two:2.0")) == ["two"]


def test_several_names_and_none_given_is_a_usage_error_that_lists(made: Layout) -> None:
    made.image([ONE], name="b")
    made.image([TWO], name="a")
    error = failure(made)
    assert isinstance(error, UsageError)
    assert (error.what, error.remedy) == (
        "the layout holds several images",
        "Name one as oci:FOLDER:NAME: a, b",
    )


def test_two_names_of_one_image_need_no_choice(made: Layout) -> None:
    made.image([ONE], name="a")
    made.image([ONE], name="b")
    assert texts(opened(made)) == ["one"]


def test_an_unknown_name_is_a_usage_error_that_lists(made: Layout) -> None:
    made.image([ONE], name="b")
    made.image([TWO], name="a")
    error = failure(made, "c")
    assert isinstance(error, UsageError)
    assert (error.what, error.remedy) == ("no image named 'c'", "The layout holds: a, b")


# Indexes in indexes


def nested(made: Layout, depth: int, copies: int = 1) -> None:
    """Wrap all manifests into ``depth`` indexes around each other, each named ``copies`` times."""
    for _ in range(depth):
        document = {"schemaVersion": 2, "mediaType": INDEX, "manifests": made.manifests}
        made.manifests = [made.blob(json.dumps(document).encode(), INDEX)] * copies
    made.index()


def test_an_index_may_hold_indexes(made: Layout) -> None:
    digests = multi(made)
    nested(made, 1)
    made.manifests[0]["annotations"] = {"org.opencontainers.image.ref.name": "both"}
    made.index()
    assert opened(made, "both").source.digest == digests[0]
    assert opened(made, "both", platform="linux/arm64").source.digest == digests[1]


@pytest.mark.parametrize("depth", [4, 5, 10])
def test_four_indexes_deep_and_no_deeper(made: Layout, depth: int) -> None:
    made.image([ONE])
    nested(made, depth)
    if depth == 4:
        assert texts(opened(made)) == ["one"]
    else:
        error = failure(made)
        assert isinstance(error, UnsupportedError)
        assert error.what == "indexes inside indexes, too deep or too many"


def test_indexes_that_multiply_end_soon(made: Layout) -> None:
    made.image([ONE])
    nested(made, 4, copies=300)  # 300 ** 4 ways to one image
    error = failure(made, limits=Limits(document=100_000))
    assert error.what == "indexes inside indexes, too deep or too many"


def test_an_index_that_claims_to_hold_itself(made: Layout) -> None:
    """A digest that leads back can only be a wrong one."""
    made.image([ONE])
    own = {"mediaType": INDEX, "digest": digest(b"cycle"), "size": 10}
    document = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [own]}).encode()
    own["size"] = len(document)
    made.file(digest(b"cycle")).write_bytes(document)
    made.manifests.append(own)
    made.index()
    assert isinstance(failure(made), UntrustedError)


# Promises


def test_a_manifest_of_another_digest_is_untrusted(made: Layout) -> None:
    descriptor = made.image([ONE])
    file = made.file(descriptor["digest"])
    changed = file.read_bytes().replace(b'"schemaVersion": 2', b'"schemaVersion": 3')
    file.write_bytes(changed)
    error = failure(made)
    assert isinstance(error, UntrustedError)
    assert error.what == (
        f"{len(changed)} bytes with {digest_of(changed)} where {len(changed)} bytes were promised"
    )
    assert error.place == f"{made.path}: {descriptor['digest']}"


@pytest.mark.parametrize("by", [1, -1])
def test_a_manifest_of_another_size_is_untrusted(made: Layout, by: int) -> None:
    made.image([ONE])["size"] += by
    made.index()
    assert isinstance(failure(made), UntrustedError)


def test_a_configuration_of_another_digest_is_untrusted(made: Layout) -> None:
    made.image([ONE])
    file = made.file(digest(config([ONE])))
    file.write_bytes(file.read_bytes() + b" ")
    assert isinstance(failure(made), UntrustedError)


def test_a_changed_layer_is_untrusted_when_it_is_read(made: Layout) -> None:
    made.image([ONE], how="plain")
    made.file(digest(ONE)).write_bytes(TWO)
    image = opened(made)
    with pytest.raises(UntrustedError, match=f"the content hashes to {digest(TWO)}"):
        texts(image)


@pytest.mark.parametrize(
    "said",
    [INDEX, "application/vnd.docker.distribution.manifest.v2+json", "text/plain", None, 7],
)
def test_a_manifest_must_call_itself_what_its_descriptor_says(made: Layout, said: Any) -> None:
    manifest(made, mediaType=said)
    error = failure(made)
    assert isinstance(error, UntrustedError)
    assert error.what == f"the document calls itself {said!r}, its descriptor {MANIFEST!r}"


def test_an_index_must_call_itself_what_its_descriptor_says(made: Layout) -> None:
    made.image([ONE])
    made.manifests[0]["mediaType"] = INDEX
    made.index()
    assert isinstance(failure(made), UntrustedError)


def test_a_document_that_is_index_and_manifest_at_once_is_refused(made: Layout) -> None:
    """CVE-2021-41190."""
    manifest(made, manifests=[])
    assert isinstance(failure(made), UntrustedError)


def test_an_index_file_that_is_a_manifest_too_is_refused(made: Layout) -> None:
    made.image([ONE])
    made.index(layers=[])
    error = failure(made)
    assert isinstance(error, InputError)
    assert (error.what, error.place) == ("not an image index", f"{made.path}: index.json")


@pytest.mark.parametrize(
    "text",
    [
        '{"manifests": [], "manifests": []}',
        '{"manifests":' + "[" * 5000 + "]" * 5000 + "}",
        "[1]",
        "",
        "\x00",
        "nul",
    ],
)
def test_an_index_that_readers_could_differ_on_is_refused(made: Layout, text: str) -> None:
    (made.path / "index.json").write_text(text)
    assert isinstance(failure(made), InputError)


@pytest.mark.parametrize("which", ["manifest", "config"])
def test_duplicate_keys_are_refused_in_every_document(made: Layout, which: str) -> None:
    doubled = json.dumps({"schemaVersion": 2}).encode()[:-1]
    if which == "manifest":
        made.manifests.append(made.blob(doubled + b', "schemaVersion": 2}', MANIFEST))
        made.index()
    else:
        manifest(made, config=made.blob(doubled + b', "schemaVersion": 2}', CONFIG))
    error = failure(made)
    assert isinstance(error, InputError)
    assert error.what == "a key stands twice in one object"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"layers": "none"}, InputError),
        ({"layers": [{}]}, InputError),
        ({"config": {}}, InputError),
        ({"layers": []}, InputError),
        ({"layers": [{"mediaType": LAYER, "digest": "sha256:../../etc/passwd", "size": 1}]}, InputError),
        ({"layers": [{"mediaType": LAYER, "digest": "md5:" + "0" * 32, "size": 1}]}, InputError),
        ({"layers": [{"mediaType": LAYER, "digest": "sha256:" + "A" * 64, "size": 1}]}, InputError),
        (
            {"layers": [{"mediaType": "application/octet-stream", "digest": digest(ONE), "size": 1}]},
            UnsupportedError,
        ),
    ],
)
def test_malformed_manifests_are_refused(
    made: Layout, changes: dict[str, Any], kind: type[PratiqueError]
) -> None:
    manifest(made, **changes)
    assert type(failure(made)) is kind


def test_layers_and_diff_ids_must_be_as_many(made: Layout) -> None:
    manifest(made, config=made.blob(config([ONE, TWO]), CONFIG))
    error = failure(made)
    assert isinstance(error, InputError)
    assert error.what == "1 layers and 2 diff_ids"


def test_a_configuration_without_diff_ids_is_refused(made: Layout) -> None:
    manifest(made, config=made.blob(b"{}", CONFIG))
    error = failure(made)
    assert isinstance(error, InputError)
    assert error.what.startswith("not a valid config (Object missing required field `rootfs`")


def test_too_many_layers_are_refused(made: Layout) -> None:
    made.image([ONE] * 3)
    assert len(opened(made, limits=Limits(layers=3)).layers) == 3
    assert failure(made, limits=Limits(layers=2)).what == "3 layers, over the limit of 2"


def test_a_huge_document_is_refused_before_it_is_read(made: Layout) -> None:
    made.image([ONE])
    with (made.path / "index.json").open("r+b") as file:
        file.truncate(1 << 40)
    error = failure(made, limits=Limits(document=1000))
    assert isinstance(error, InputError)
    assert (error.what, error.place) == ("larger than 1000 bytes", f"{made.path}/index.json")


def test_a_foreign_layer_is_never_fetched(made: Layout) -> None:
    """Any attempt would reach the refused network of the tests; the layer is simply not there."""
    foreign = {
        "mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "digest": digest(TWO),
        "size": len(TWO),
        "urls": ["http://127.0.0.1:9/layer", "http://169.254.169.254/latest"],
    }
    manifest(made, layers=[foreign])
    image = opened(made)
    with pytest.raises(UnavailableError) as caught:
        texts(image)
    assert caught.value.place == str(made.file(digest(TWO)))


@pytest.mark.parametrize("which", ["manifest", "config"])
def test_a_missing_blob_is_named(made: Layout, which: str) -> None:
    descriptor = made.image([ONE])
    file = made.file(descriptor["digest"] if which == "manifest" else digest(config([ONE])))
    file.unlink()
    error = failure(made)
    assert isinstance(error, UnavailableError)
    assert (error.what, error.place) == ("no such file or directory", str(file))
    assert error.remedy


def test_a_pipe_in_place_of_a_blob_does_not_block(made: Layout) -> None:
    file = made.file(made.image([ONE])["digest"])
    file.unlink()
    os.mkfifo(file)
    error = failure(made)
    assert isinstance(error, InputError)
    assert (error.what, error.place) == ("not a regular file", str(file))


def test_a_layout_is_the_same_in_an_archive(tmp_path: Path) -> None:
    folder = layout(tmp_path / "image", [Item("etc/os-release", b"one")], [Item("b", b"two")])
    members = [Item(f"./{p.relative_to(folder)}", p.read_bytes()) for p in folder.rglob("*") if p.is_file()]
    archive = tmp_path / "image.tar"
    archive.write_bytes(tar(members))
    one, other = open_image(f"oci:{folder}"), open_image(f"oci-archive:{archive}")
    assert other.source.kind == "oci-archive"
    assert one.source.digest == other.source.digest
    assert texts(one) == texts(other) == ["one", "two"]
