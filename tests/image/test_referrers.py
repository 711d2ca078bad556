"""Statements attached in a layout: nothing is lost, strangers' candidates count for nothing, a killed run leaves the old index or the new one."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pratique.image import Attachment, Target, attach, attached, open_image, open_statements
from pratique.image.referrers import MANIFEST
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, UnsupportedError, UsageError
from tests.making.images import Layout, docker_archive
from tests.making.tar import Item, tar

KIND = "application/vnd.example+json"
OTHER = digest_of(b"another image")


def one(number: int = 0) -> Attachment:
    return Attachment(b'{"number":%d}' % number, KIND, {"of": "a test"})


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    (tmp_path / "image").mkdir()
    made = Layout(tmp_path / "image")
    made.image([tar([Item("a")])], name="latest")
    made.image([tar([Item("b")])], name="other")
    return made


@pytest.fixture
def target(layout: Layout) -> Target:
    return Target(layout.path, "latest")


@pytest.fixture
def image(layout: Layout) -> Digest:
    return Digest(layout.manifests[0]["digest"])


def index(layout: Layout) -> Any:
    return json.loads((layout.path / "index.json").read_bytes())


def put(layout: Layout, document: Any, **entry: Any) -> dict[str, Any]:
    """Write a manifest of somebody else's into a layout, and its entry into the index."""
    descriptor = {**layout.blob(json.dumps(document).encode(), MANIFEST), "artifactType": KIND, **entry}
    whole = index(layout)
    whole["manifests"].append(descriptor)
    (layout.path / "index.json").write_text(json.dumps(whole))
    return descriptor


def forged(layout: Layout, content: bytes, subject: str, **more: Any) -> dict[str, Any]:
    layer = {**layout.blob(content, KIND), **more}
    subjects = {"mediaType": MANIFEST, "digest": subject, "size": 1}
    empty = layout.blob(b"{}", "application/vnd.oci.empty.v1+json")
    return {
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": empty,
        "layers": [layer],
        "subject": subjects,
    }


def test_what_is_attached_is_found(target: Target, image: Digest) -> None:
    attach(target, image, [one(1), one(2)])
    assert list(attached(target, image, KIND)) == [one(1).data, one(2).data]
    assert list(attached(target, image, f"{KIND}2")) == []
    assert list(attached(target, OTHER, KIND)) == []


def test_the_manifest_is_an_artifact_about_the_image(target: Target, image: Digest, layout: Layout) -> None:
    (made,) = attach(target, image, [one()])
    manifest = json.loads(layout.file(made).read_bytes())
    subject = next(m for m in layout.manifests if m["digest"] == image)
    assert manifest["subject"] == {k: subject[k] for k in ("mediaType", "digest", "size")}
    assert manifest["artifactType"] == manifest["layers"][0]["mediaType"] == KIND
    assert layout.file(manifest["config"]["digest"]).read_bytes() == b"{}"
    assert layout.file(manifest["layers"][0]["digest"]).read_bytes() == one().data


def test_attached_twice_is_attached_once(target: Target, image: Digest, layout: Layout) -> None:
    attach(target, image, [one(1), one(2)])
    before = (layout.path / "index.json").read_bytes()
    attach(target, image, [one(2), one(1)])
    assert (layout.path / "index.json").read_bytes() == before


def test_other_tags_and_what_we_do_not_know_stay(target: Target, image: Digest, layout: Layout) -> None:
    layout.index(annotations={"a": "b"}, somethingNew=[1])
    before = index(layout)
    attach(target, image, [one()])
    after = index(layout)
    assert after["manifests"][:-1] == before["manifests"]
    assert {k: v for k, v in after.items() if k != "manifests"} == {
        k: v for k, v in before.items() if k != "manifests"
    }
    assert open_image(f"oci:{layout.path}:other").source.digest == layout.manifests[1]["digest"]
    assert open_image(f"oci:{layout.path}:latest").source.digest == image


def test_nothing_is_attached_to_an_image_that_is_not_there(target: Target, layout: Layout) -> None:
    before = (layout.path / "index.json").read_bytes()
    with pytest.raises(UsageError, match="no such image"):
        attach(target, OTHER, [one()])
    assert (layout.path / "index.json").read_bytes() == before


def test_a_candidate_about_another_image_is_passed_over(
    layout: Layout, target: Target, image: Digest
) -> None:
    put(layout, forged(layout, b"1", OTHER))
    put(layout, forged(layout, b"2", image))
    document = forged(layout, b"3", image)
    put(layout, {k: v for k, v in document.items() if k != "subject"})
    assert list(attached(target, image, KIND)) == [b"2"]


@pytest.mark.parametrize(
    "entry",
    [
        {"digest": "sha256:" + "0" * 64},
        {"digest": "sha256:../../../etc/passwd"},
        {"digest": "sha512:" + "0" * 128},
        {"digest": None},
        {"digest": ["a"]},
    ],
)
def test_an_entry_that_leads_nowhere_is_passed_over(
    layout: Layout, target: Target, image: Digest, entry: Any
) -> None:
    attach(target, image, [one()])
    put(layout, forged(layout, b"1", image), **entry)
    assert list(attached(target, image, KIND)) == [one().data]


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [{"mediaType": KIND, "digest": digest_of(b"1"), "size": 1}] * 2,
        [{"mediaType": f"{KIND}2", "digest": digest_of(b"1"), "size": 1}],
        [{"mediaType": KIND, "digest": digest_of(b"1"), "size": 2}],
        [{"mediaType": KIND, "digest": digest_of(b"1"), "size": -1}],
        [{"mediaType": KIND, "digest": digest_of(b"1"), "size": 1 << 40}],
        [{"mediaType": KIND, "digest": digest_of(b"2"), "size": 1}],
        [{"mediaType": KIND, "digest": "1", "size": 1}],
        "layers",
    ],
)
def test_a_damaged_candidate_is_passed_over(
    layout: Layout, target: Target, image: Digest, layers: Any
) -> None:
    attach(target, image, [one()])
    layout.blob(b"1", KIND)
    put(layout, {**forged(layout, b"1", image), "layers": layers})
    assert list(attached(target, image, KIND)) == [one().data]


def test_a_forged_size_hides_nothing(layout: Layout, target: Target, image: Digest) -> None:
    attach(target, image, [one()])
    put(layout, forged(layout, one().data, image, size=1))
    assert list(attached(target, image, KIND)) == [one().data]


def test_a_changed_blob_or_manifest_is_passed_over(layout: Layout, target: Target, image: Digest) -> None:
    first, second, third = attach(target, image, [one(1), one(2), one(3)])
    layout.file(digest_of(one(1).data)).write_bytes(b'{"number":9}')
    manifest = layout.file(second)
    manifest.write_bytes(manifest.read_bytes().replace(b"a test", b"a jest"))
    assert list(attached(target, image, KIND)) == [one(3).data]
    assert len({first, second, third}) == 3


def test_hundreds_about_one_image_are_read(target: Target, image: Digest) -> None:
    """An image that is judged every week for years is not locked out."""
    attach(target, image, [one(n) for n in range(300)])
    assert len(list(attached(target, image, KIND))) == 300


def test_those_about_other_images_do_not_count(layout: Layout, target: Target, image: Digest) -> None:
    attach(Target(layout.path, "other"), Digest(layout.manifests[1]["digest"]), [one(n) for n in range(101)])
    attach(target, image, [one(1)])
    assert list(attached(target, image, KIND)) == [one(1).data]


def test_a_flood_of_candidates_is_refused_before_they_are_read(
    layout: Layout, target: Target, image: Digest
) -> None:
    entry = {"mediaType": MANIFEST, "digest": OTHER, "size": 1, "artifactType": KIND}
    layout.manifests += [entry] * 5000
    layout.index()
    started = time.monotonic()
    with pytest.raises(InputError, match="more than 4096"):
        list(attached(target, image, KIND))
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("name", ["repo/name:v1", "v1", "a b"])
def test_a_name_is_understood_as_where_images_are_opened(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "image:with-a-colon"
    folder.mkdir()
    made = Layout(folder).image([tar([Item("a")])], name=name)
    about = open_statements(f"oci:{folder}:{name}")
    about.attach([one()])
    assert list(open_statements(f"{folder}:{name}").attached(KIND)) == [one().data]
    assert (about.image, about.name) == (made["digest"], name)
    assert [p.name for p in tmp_path.iterdir()] == ["image:with-a-colon"]


def test_an_archive_takes_no_statements(tmp_path: Path) -> None:
    archive = docker_archive(tmp_path / "a.tar", [Item("a")])
    with pytest.raises(UnsupportedError, match="statements are attached to images"):
        open_statements(f"docker-archive:{archive}")


_ATTACH = """
import sys
from pathlib import Path
from pratique.image import Attachment, Target, attach
from pratique.model.digest import Digest
print("ready", flush=True)
for n in range(10000):
    attach(Target(Path(sys.argv[1]), "latest"), Digest(sys.argv[2]), [Attachment(b'{"number":%d}' % n, sys.argv[3], {})])
"""


@pytest.mark.parametrize("after", [n * 0.007 for n in range(20)])
def test_killed_at_any_moment_the_index_is_the_old_or_the_new_one(
    layout: Layout, image: Digest, after: float
) -> None:
    call = [sys.executable, "-c", _ATTACH, str(layout.path), image, KIND]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        time.sleep(after)
        running.send_signal(signal.SIGKILL)
    entries = index(layout)["manifests"]
    assert [e["digest"] for e in entries[:2]] == [m["digest"] for m in layout.manifests]
    for number, entry in enumerate(entries[2:]):
        content = b'{"number":%d}' % number
        assert layout.file(digest_of(content)).read_bytes() == content
        assert digest_of(layout.file(entry["digest"]).read_bytes()) == entry["digest"]
    attach(
        Target(layout.path, "latest"), image, [one(-1)]
    )  # whoever comes next is not stopped by what was left
    assert list(layout.path.rglob("*.part")) == []


@pytest.mark.skipif(not shutil.which("skopeo"), reason="needs skopeo")
def test_skopeo_still_reads_the_image(target: Target, image: Digest) -> None:
    attach(target, image, [one()])
    call = ["skopeo", "inspect", "--format", "{{.Digest}}", f"oci:{target.folder}:latest"]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, image)


@pytest.mark.skipif(not shutil.which("umoci"), reason="needs umoci")
@pytest.mark.usefixtures("as_root")
def test_umoci_still_unpacks_the_image(target: Target, image: Digest, tmp_path: Path) -> None:
    attach(target, image, [one()])
    call = ["umoci", "unpack", "--image", f"{target.folder}:latest", str(tmp_path / "out")]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "rootfs" / "a").exists()
