"""Images and statements in a registry: one that lists referrers, and one that does not."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pratique.image import DEFAULT, Attachment, attach, open_image, open_statements, parse_target, push
from pratique.image.limits import STATEMENTS
from pratique.image.registry import Place
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UntrustedError, UsageError
from tests.making.images import Layout
from tests.making.registry import Registry
from tests.making.tar import Item, tar

pytestmark = pytest.mark.loopback
LAYERS = [tar([Item("etc/os-release", b"ID=debian\n")]), tar([Item("srv/file", b"x" * 70_000)])]
TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"


@pytest.fixture(params=[True, False], ids=["lists referrers", "lists none"])
def registry(request: pytest.FixtureRequest) -> Iterator[Registry]:
    made = Registry()
    made.referrers = request.param
    with made.running():
        yield made


@pytest.fixture
def layout(tmp_path: Path) -> str:
    (tmp_path / "there").mkdir()
    made = Layout(tmp_path / "there")
    made.image(LAYERS)
    return f"oci:{made.path}:latest"


def paths(reference: str) -> list[str]:
    facts = open_image(reference).read([], progress=lambda _done, _total: None)
    return [entry.path for layer in facts for entry in layer.entries]


def statement(text: bytes) -> Attachment:
    return Attachment(text, TYPE, {"a": "b"})


def test_what_is_pushed_is_read_back(registry: Registry, layout: str) -> None:
    there = f"registry:{registry.host}/team/train:v1"
    pushed = push(layout, there)
    assert open_image(there).source.digest == pushed == open_image(layout).source.digest
    assert paths(there) == paths(layout)
    assert open_image(f"registry:{registry.host}/team/train@{pushed}").source.digest == pushed


def test_the_tag_comes_last(registry: Registry, layout: str) -> None:
    target = parse_target(layout)
    attach(target, open_image(layout).source.digest or digest_of(b""), [statement(b"one")])
    push(layout, f"registry:{registry.host}/x:v1")
    assert registry.writes[-1] == "v1"
    assert registry.writes.count("v1") == 1


def test_statements_go_with_the_image(registry: Registry, layout: str) -> None:
    there = f"registry:{registry.host}/x:v1"
    open_statements(layout).attach([statement(b"one"), statement(b"two")])
    push(layout, there)
    assert sorted(open_statements(there).attached(TYPE)) == [b"one", b"two"]
    assert list(open_statements(there).attached("text/plain")) == []


def test_statements_are_attached_in_the_registry_and_twice_is_once(registry: Registry, layout: str) -> None:
    there = f"registry:{registry.host}/x:v1"
    push(layout, there)
    for _ in range(2):
        open_statements(there).attach([statement(b"one")])
    open_statements(there).attach([statement(b"two")])
    assert sorted(open_statements(there).attached(TYPE)) == [b"one", b"two"]


def test_a_repeat_pushes_no_blob_again(registry: Registry, layout: str) -> None:
    push(layout, f"registry:{registry.host}/x:v1")
    before = len([w for w in registry.writes if w in registry.blobs])
    push(layout, f"registry:{registry.host}/x:v2")
    assert len([w for w in registry.writes if w in registry.blobs]) == before


def test_changed_bytes_of_a_layer_are_refused(registry: Registry, layout: str) -> None:
    there = f"registry:{registry.host}/x:v1"
    push(layout, there)
    largest = max(registry.blobs, key=lambda d: len(registry.blobs[d]))
    registry.blobs[largest] = registry.blobs[largest][:-1] + b"!"
    with pytest.raises(UntrustedError):
        paths(there)


def test_a_manifest_that_is_another_than_its_digest_is_refused(registry: Registry, layout: str) -> None:
    digest = push(layout, f"registry:{registry.host}/x:v1")
    data, kind = registry.manifests[digest]
    registry.manifests[digest] = (data + b" ", kind)
    with pytest.raises(UntrustedError, match="the registry sends"):
        open_image(f"registry:{registry.host}/x@{digest}")


def test_a_damaged_blob_is_not_pushed(registry: Registry, layout: str) -> None:
    folder = parse_target(layout).folder
    manifest = json.loads(blob(folder, str(open_image(layout).source.digest)).read_bytes())
    damaged = blob(folder, manifest["layers"][1]["digest"])
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    with pytest.raises(UntrustedError, match="not what its descriptor promises"):
        push(layout, f"registry:{registry.host}/x:v1")
    assert "v1" not in registry.manifests


def blob(folder: Path, digest: str) -> Path:
    return folder / "blobs" / "sha256" / digest.removeprefix("sha256:")


def test_an_upload_to_another_server_is_refused(registry: Registry, layout: str) -> None:
    registry.elsewhere = "http://127.0.0.1:1/upload"
    with pytest.raises(UntrustedError, match="another server"):
        push(layout, f"registry:{registry.host}/x:v1")


@pytest.mark.parametrize("place", ["//[", "http://[::1", "/a b", "ftp://127.0.0.1/", "file:///x"])
def test_an_upload_that_goes_nowhere_is_refused(registry: Registry, layout: str, place: str) -> None:
    registry.elsewhere = place
    with pytest.raises(UntrustedError, match="upload that is to go") as refused:
        push(layout, f"registry:{registry.host}/x:v1")
    assert registry.host in refused.value.place


def test_a_damaged_statement_is_not_pushed(registry: Registry, layout: str) -> None:
    (attached,) = open_statements(layout).attach([statement(b"one")])
    manifest = blob(parse_target(layout).folder, attached)
    manifest.write_bytes(manifest.read_bytes() + b" ")
    with pytest.raises(UntrustedError, match="not what its descriptor promises"):
        push(layout, f"registry:{registry.host}/x:v1")


def test_a_document_is_not_taken_longer_than_a_document_may_be(registry: Registry, layout: str) -> None:
    push(layout, f"registry:{registry.host}/x:v1")
    config = json.loads(registry.manifests["v1"][0])["config"]["digest"]
    registry.blobs[config] += b" " * DEFAULT.document
    with pytest.raises(UntrustedError, match="longer than the"):
        open_image(f"registry:{registry.host}/x:v1")


def test_statements_too_many_to_be_read_again_are_not_written(registry: Registry, layout: str) -> None:
    if registry.referrers:
        pytest.skip("the registry keeps the list")
    there = f"registry:{registry.host}/x:v1"
    tag = push(layout, there).replace(":", "-")
    full = json.dumps(
        {"manifests": [{"digest": digest_of(b"%d" % n)} for n in range(STATEMENTS - 1)]}
    ).encode()
    registry.manifests[tag] = (full, "")
    with pytest.raises(InputError, match="more than 4096 statements"):
        open_statements(there).attach([statement(b"a"), statement(b"b")])
    assert registry.manifests[tag] == (full, "")


def test_a_list_of_referrers_that_is_none_is_refused(registry: Registry, layout: str) -> None:
    there = f"registry:{registry.host}/x:v1"
    digest = push(layout, there)
    registry.referrers = False
    for data in (b"<html>", b"[]", b"{}", b'{"manifests":[],"manifests":[]}'):
        registry.manifests[digest.replace(":", "-")] = (data, "text/html")
        with pytest.raises(InputError) as refused:
            list(open_statements(there).attached(TYPE))
        assert refused.value.remedy


def test_a_forged_referrer_is_passed_over(registry: Registry, layout: str) -> None:
    there = f"registry:{registry.host}/x:v1"
    push(layout, there)
    statements = open_statements(there)
    statements.attach([statement(b"one")])
    blob_digest = digest_of(b"one")
    registry.blobs[blob_digest] = b"two"
    assert list(open_statements(there).attached(TYPE)) == []


def test_no_such_image(registry: Registry) -> None:
    with pytest.raises(UnavailableError, match=r"no manifest latest \(404\)"):
        open_image(f"registry:{registry.host}/x")


@pytest.mark.parametrize("text", ["127.0.0.1:5000", "127.0.0.1:5000/UPPER", "127.0.0.1/a:", "127.0.0.1/../b"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Place.parse(text)


def test_a_password_is_neither_taken_nor_shown() -> None:
    with pytest.raises(UsageError, match="no authentication") as caught:
        Place.parse("me:hunter2@127.0.0.1:5000/a:b")
    assert "hunter2" not in f"{caught.value} {caught.value.place} {caught.value.remedy}"


@pytest.mark.parametrize(
    "host", ["registry.example", "10.0.0.1:5000", "127.0.0.1.example", "localhost.example"]
)
def test_other_machines_are_not_asked(host: str) -> None:
    with pytest.raises(UnsupportedError, match="only registries on this machine"):
        Place.parse(f"{host}/a:b")


def test_a_candidate_that_cannot_be_asked_for_is_an_error(registry: Registry, layout: str) -> None:
    there = f"registry:{registry.host}/x:v1"
    push(layout, there)
    open_statements(there).attach([statement(b"one")])
    registry.forbidden.add(digest_of(b"one"))
    with pytest.raises(UnavailableError):
        list(open_statements(there).attached(TYPE))


def test_a_list_of_several_pages_is_an_error(registry: Registry, layout: str) -> None:
    if not registry.referrers:
        pytest.skip("the stand-in tag has one page")
    there = f"registry:{registry.host}/x:v1"
    push(layout, there)
    registry.more_pages = True
    with pytest.raises(InputError, match="more than one page"):
        list(open_statements(there).attached(TYPE))
