"""uv itself, against an index on loopback or a folder of wheels: no test of this file needs the network."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pratique.model.digest import digest_of
from pratique.model.errors import InputError, UnavailableError, UnsupportedError, UntrustedError
from pratique.repositories.python import IndexSettings, PythonIndex, Solution
from pratique.transport import Secret
from tests.making.http import Server
from tests.making.wheels import Index, filename, wheel

PLATFORM = "x86_64-manylinux_2_36"
Make = Callable[..., None]
INSTALLED = {"web": "1.0", "Core_Lib": "1.0", "torch": "2.0+cu118", "local": "3.0", "other": "1.0"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "links").mkdir()
    return tmp_path / "links"


@pytest.fixture
def make(folder: Path) -> Make:
    def make_(name: str, version: str, *requires: str) -> None:
        (folder / filename(name, version)).write_bytes(wheel(name, version, requires))

    return make_


@pytest.fixture
def index(folder: Path, make: Make) -> Iterator[PythonIndex]:
    """A small world: ``web`` holds ``core-lib`` back until 2.0, torch holds ``other``; ``local`` is offered nowhere."""
    make("core-lib", "1.0")
    make("core-lib", "2.0")
    make("core-lib", "2.1")
    make("web", "1.0", "core-lib<2")
    make("web", "2.0", "core-lib>=1", "new-one")
    make("new-one", "0.5")
    make("other", "1.0")
    make("other", "2.0rc1")
    make("other", "2.0")
    make("lonely", "1.0")
    settings = IndexSettings(no_index=True, find_links=(Secret(str(folder)),))
    with PythonIndex("3.11", PLATFORM, settings=settings) as found:
        yield found


def test_nothing_to_fix_asks_nothing(index: PythonIndex) -> None:
    assert index.solve([], INSTALLED) == Solution((), ())
    assert index.solve([("other", "0.9"), ("other", "1.0")], INSTALLED) == Solution((), ())


def test_a_fix_that_nothing_holds_back(index: PythonIndex) -> None:
    assert index.solve([("Other", "1.5")], INSTALLED) == Solution((("other", "2.0"),), ())


def test_of_two_fixes_for_one_package_the_higher_counts(index: PythonIndex) -> None:
    installed = {"core-lib": "1.0"}
    assert index.solve([("core-lib", "2.1"), ("core-lib", "1.5")], installed).changed == (
        ("core-lib", "2.1"),
    )


def test_the_lowest_version_that_ends_the_flaw_is_taken(index: PythonIndex) -> None:
    assert index.solve([("core-lib", "1.5")], {"core-lib": "1.0"}).changed == (("core-lib", "2.0"),)


def test_what_holds_a_fix_back_is_freed_and_no_more(index: PythonIndex) -> None:
    found = index.solve([("core-lib", "2.0"), ("other", "2.0")], INSTALLED)
    assert found.unsolved == ()
    assert found.changed == (("core-lib", "2.0"), ("new-one", "0.5"), ("other", "2.0"), ("web", "2.0"))


def test_torch_holds_back_what_it_holds_back(index: PythonIndex) -> None:
    found = index.solve([("other", "2.0"), ("core-lib", "2.0")], INSTALLED, {"torch": ["other<2"]})
    assert found.changed == (("core-lib", "2.0"), ("new-one", "0.5"), ("web", "2.0"))
    assert found.unsolved == (("other", "torch 2.0+cu118 needs other <2"),)


@pytest.mark.parametrize("name", ["torch", "nvidia-cublas-cu12", "triton"])
def test_torch_and_cuda_stay(index: PythonIndex, name: str) -> None:
    ((fixed, reason),) = index.solve([(name, "99")], {name: "1.0"}).unsolved
    assert (fixed, "stay as they are" in reason) == (name, True)


def test_what_is_not_offered(index: PythonIndex) -> None:
    found = index.solve([("other", "3.0"), ("local", "4.0"), ("missing", "1"), ("web", "what?")], INSTALLED)
    assert found.changed == ()
    assert dict(found.unsolved) == {
        "other": f"no wheel of other 3.0 or later is offered for Python 3.11 on {PLATFORM}",
        "local": f"no wheel of local 4.0 or later is offered for Python 3.11 on {PLATFORM}",
        "missing": "it is not installed, or at no version that an index knows",
        "web": "not a PEP 440 version: 'what?'",
    }


def test_a_pre_release_is_never_chosen(index: PythonIndex) -> None:
    assert index.solve([("other", "2.0rc1")], INSTALLED).changed == (("other", "2.0"),)
    assert index.solve([("other", "1.1")], {"other": "1.0"}).changed == (("other", "2.0"),)


def test_an_image_that_never_went_together(index: PythonIndex) -> None:
    installed = {"web": "1.0", "core-lib": "2.0", "other": "1.0", "bad": "not a version"}
    assert index.solve([("other", "2.0")], installed).changed == (("other", "2.0"),)


def test_what_the_image_lacks_anyhow_is_not_added(index: PythonIndex, make: Make) -> None:
    make("needy", "1.0", "lonely", "absent-one")
    installed = {"needy": "1.0", "other": "1.0"}
    requires = {"needy": ["lonely", "absent-one", 'x ; extra == "y"', "not a requirement ???"]}
    for known in ({}, requires):
        assert index.solve([("other", "2.0")], installed, known).changed == (("other", "2.0"),)


def test_the_requirements_of_the_image_count(index: PythonIndex) -> None:
    found = index.solve([("core-lib", "2.0")], {"web": "1.0", "core-lib": "1.0"}, {"web": ["core-lib<3"]})
    assert found == Solution((("core-lib", "2.0"),), ())


def test_an_index_that_does_not_answer(tmp_path: Path) -> None:
    settings = IndexSettings(index=Secret("http://user:canary@127.0.0.1:9/simple"))
    with PythonIndex("3.11", PLATFORM, settings=settings) as index, pytest.raises(UnavailableError) as caught:
        index.locate([("a", "1")])
    assert "canary" not in str(caught.value)
    assert not list(tmp_path.glob("pratique-*"))


@pytest.mark.parametrize(
    ("python", "platform"), [("2.7", PLATFORM), ("3.11", "win_amd64"), ("3.11", "linux")]
)
def test_targets_that_are_not_known(python: str, platform: str) -> None:
    with pytest.raises(UnsupportedError, match="no tags are known"):
        PythonIndex(python, platform, settings=IndexSettings())


@pytest.mark.loopback
class TestWheels:
    @pytest.fixture(params=[True, False], ids=["sizes", "no sizes"])
    def offered(self, request: pytest.FixtureRequest, server: Server) -> Index:
        return Index(server, sizes=request.param)

    @pytest.fixture
    def index(self, offered: Index) -> Iterator[PythonIndex]:
        settings = IndexSettings(index=Secret(offered.url.replace("//", "//user:canary@")))
        with PythonIndex("3.11", PLATFORM, settings=settings) as found:
            yield found

    def test_the_best_wheel_is_located_and_fetched(
        self, offered: Index, index: PythonIndex, server: Server, tmp_path: Path
    ) -> None:
        for tag in ("py3-none-any", "cp311-cp311-manylinux_2_28_x86_64", "cp311-cp311-manylinux_2_99_x86_64"):
            path = offered.offer("Some.Name".lower().replace(".", "-"), "1.0", tag=tag)
        best = "some_name-1.0-cp311-cp311-manylinux_2_28_x86_64.whl"
        (artifact,) = index.locate([("Some.Name", "1.0")])
        assert (artifact.kind, artifact.name, artifact.version) == ("wheel", "some-name", "1.0")
        assert (artifact.filename, artifact.origin, artifact.location) == (best, "python index", "")
        assert artifact.digest == digest_of(server.files[f"/files/{best}"])
        assert artifact.size == len(server.files[f"/files/{best}"])
        assert path.endswith("2_99_x86_64.whl")
        assert index.fetch(artifact, tmp_path / "wheels").read_bytes() == server.files[f"/files/{best}"]
        assert all("Authorization" in r.headers for r in server.requests if r.path.startswith("/files"))

    def test_a_later_run_fetches_by_the_plan_alone(
        self, offered: Index, index: PythonIndex, server: Server, tmp_path: Path
    ) -> None:
        path = offered.offer("a", "1.0")
        (artifact,) = index.locate([("a", "1.0")])
        with PythonIndex("3.11", PLATFORM, settings=index._settings) as later:
            assert later.fetch(artifact, tmp_path).read_bytes() == server.files[path]

    def test_other_bytes_are_refused(
        self, offered: Index, index: PythonIndex, server: Server, tmp_path: Path
    ) -> None:
        path = offered.offer("a", "1.0")
        (artifact,) = index.locate([("a", "1.0")])
        server.files[path] = server.files[path][:-1] + b"x"
        with pytest.raises(UntrustedError, match="hashes to"):
            index.fetch(artifact, tmp_path / "wheels")
        assert list((tmp_path / "wheels").iterdir()) == []

    def test_a_digest_that_the_index_does_not_offer(
        self, offered: Index, index: PythonIndex, tmp_path: Path
    ) -> None:
        offered.offer("a", "1.0")
        (artifact,) = index.locate([("a", "1.0")])
        for wrong in (
            replace(artifact, digest=digest_of(b"x")),
            replace(artifact, filename="b-1.0-py3-none-any.whl"),
        ):
            with pytest.raises(UntrustedError, match="the index offers no"):
                index.fetch(wrong, tmp_path)
        with pytest.raises(InputError, match="not the name of a wheel"):
            index.fetch(replace(artifact, filename="../x"), tmp_path)

    def test_no_wheel_for_this_platform(self, offered: Index, index: PythonIndex) -> None:
        offered.offer("a", "1.0", tag="cp311-cp311-win_amd64")
        with pytest.raises(UnsupportedError, match="no wheel is offered"):
            index.locate([("a", "1.0")])


def test_every_wheel_of_a_version_is_offered(index: PythonIndex, tmp_path: Path) -> None:
    pins = [("Core_Lib", "1.0"), ("core-lib", "2.0"), ("missing", "1"), ("other", "9"), ("web", "1.0")]
    pins += [("other", "1.0 --index-url https://h.invalid"), ("web", "")]
    found = index.offered(pins)
    assert sorted((w.name, w.version) for w in found) == [
        ("core-lib", "1.0"),
        ("core-lib", "2.0"),
        ("web", "1.0"),
    ]
    taken = index.take(found[0], tmp_path / "taken")
    assert digest_of(taken.read_bytes()) == found[0].digest
    assert index.offered([]) == ()
