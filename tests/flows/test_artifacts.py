"""Package files that were fetched before: found by digest and by name, checked each time, and never outside of the cache."""

from pathlib import Path

import pytest

from pratique.flows.artifacts import fetch_artifacts
from pratique.flows.inventory import Taken, take_inventory
from pratique.flows.setting import Setting, setting
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError, UnsupportedError
from pratique.model.plan import Artifact, Plan, Step
from tests.making import ways
from tests.making.images import layout
from tests.making.tar import Item

DATA = b"a package"
WHEEL = "demo-2.0-py3-none-any.whl"


@pytest.fixture
def here(tmp_path: Path) -> Setting:
    return setting(str(tmp_path / "cache"), lambda _: None)


@pytest.fixture
def taken(tmp_path: Path, here: Setting) -> Taken:
    """Return an image without packages: nothing can be fetched for it."""
    image = layout(tmp_path / "image", [Item("a", b"x")])
    return take_inventory(str(image), "", here, lambda _d, _t: None)


def artifact(filename: str = WHEEL, digest: str = digest_of(DATA)) -> Artifact:
    return Artifact(
        kind="wheel",
        name="demo",
        version="2.0",
        filename=filename,
        digest=Digest(digest),
        size=len(DATA),
        origin="python index",
    )


def plan(*artifacts: Artifact) -> Plan:
    steps = [
        Step(action="install", type="pypi", name=a.name, to_version="2.0", artifact=a, reason="r")
        for a in artifacts
    ]
    gone = Step(action="remove", type="pypi", name="gone", reason="r")
    return ways.plan(steps=(gone, *steps))


def kept(here: Setting, name: str, data: bytes = DATA) -> Path:
    """Put a file where it would lie if it had been fetched."""
    path = here.cache / "artifacts" / digest_of(DATA).removeprefix("sha256:") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_a_file_that_was_fetched_before_is_not_fetched_again(taken: Taken, here: Setting) -> None:
    path = kept(here, WHEEL)
    kept(here, ".1234.part", b"half")
    (path.parent / "folder").mkdir()
    assert fetch_artifacts(plan(artifact()), taken, here) == {artifact(): path}


def test_nothing_to_fetch(taken: Taken, here: Setting) -> None:
    assert fetch_artifacts(plan(), taken, here) == {}
    assert not (here.cache / "artifacts").exists()


@pytest.mark.parametrize("name", ["other-2.0-py3-none-any.whl", ".1234.part", f"{WHEEL}.part"])
def test_a_file_of_another_name_is_not_taken(taken: Taken, here: Setting, name: str) -> None:
    kept(here, name)
    with pytest.raises(UnsupportedError):  # it would be fetched, for which this image has no Python
        fetch_artifacts(plan(artifact()), taken, here)


@pytest.mark.parametrize("data", [b"", DATA[:-1], DATA + b"x"])
def test_a_file_that_was_changed_is_not_taken(taken: Taken, here: Setting, data: bytes) -> None:
    kept(here, WHEEL, data)
    with pytest.raises(UnsupportedError):
        fetch_artifacts(plan(artifact()), taken, here)


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "/etc/cron.d/x", "..", "."])
def test_no_plan_names_a_file_outside(taken: Taken, here: Setting, name: str) -> None:
    kept(here, WHEEL)
    with pytest.raises(UnsupportedError):
        fetch_artifacts(plan(artifact(name)), taken, here)


@pytest.mark.parametrize("digest", ["", "sha256:../../x", "sha512:" + "0" * 64, "sha256:" + "0" * 63])
def test_a_plan_names_files_by_digests(taken: Taken, here: Setting, digest: str) -> None:
    with pytest.raises(InputError, match="plan: demo: not a sha256 digest"):
        fetch_artifacts(plan(artifact(digest=digest)), taken, here)


def test_a_setting_has_the_clock_of_its_flow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    notes: list[str] = []
    here = setting(str(tmp_path), notes.append, "http://mirror")
    here.note("x")
    assert (here.cache, here.clock.source, here.mirror, notes) == (
        tmp_path,
        "SOURCE_DATE_EPOCH",
        "http://mirror",
        ["x"],
    )
