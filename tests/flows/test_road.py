"""The way of an image without running any: what is judged again, what is not, and when another plan is tried."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest
from msgspec.structs import replace

from pratique.flows.clear import Order, _attempts
from pratique.flows.clearance import Tried
from pratique.flows.journal import Journal, Step
from pratique.flows.road import Road, programs
from pratique.flows.scan import Request
from pratique.flows.setting import setting
from pratique.formats.documents import Report, encode
from pratique.image import Target
from pratique.model.usage import Usage
from tests.making import scans, ways


class Watching:
    """Keeps which steps were done again."""

    def __init__(self) -> None:
        self.again: list[bool] = []

    def started(self, name: str) -> None:
        assert name

    def detail(self, text: str) -> None:
        assert text

    def ended(self, step: Step) -> None:
        self.again.append(step.again)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    return scans.imported(tmp_path / "cache")


def order(reference: Path | str, cache: Path, *fail_on: str, policy: str = "") -> Order:
    request = Request(str(reference), cache=str(cache), fail_on=fail_on, policy=policy)
    return Order(request=request, target=Target(cache / "out", "t"), scenarios=())


def scanned(wanted: Order) -> tuple[Report, bool]:
    """Judge an image in a run of its own; return the report, and whether it was known before."""
    here, watching = setting(wanted.request.cache, lambda _: None), Watching()
    road = Road(wanted, here, Journal(here.cache / "journal", watching))
    report = road.judged("scan", road.identity, lambda: road.original, ())
    assert encode(road.base(report)) == encode(road.base(report))
    return report, watching.again[0]


def test_a_second_run_reads_no_layer(tmp_path: Path, cache: Path) -> None:
    image = scans.image(tmp_path / "image")
    first, known = scanned(order(image, cache))
    assert not known
    for digest in first.inventory.source.layers:
        (image / "blobs" / "sha256" / digest.removeprefix("sha256:")).unlink()
    second, known = scanned(order(image, cache))
    assert known
    assert encode(second) == encode(first)


def test_what_judgement_rests_on_is_judged_anew(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, policy = scans.image(tmp_path / "image"), tmp_path / "policy.toml"
    policy.write_text('fail-on = ["critical"]')
    wanted = [order(image, cache), order(image, cache, "high"), order(image, cache, policy=str(policy))]
    assert [scanned(one)[1] for one in wanted] == [False] * 3
    assert [scanned(one)[1] for one in wanted] == [True] * 3
    policy.write_text('fail-on = ["kev"]')
    assert [scanned(one)[1] for one in wanted] == [True, True, False]
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(scans.EPOCH) + 86400))
    assert [scanned(one)[1] for one in wanted] == [False] * 3


def test_an_image_that_changes_under_its_name_is_read_anew(tmp_path: Path, cache: Path) -> None:
    scanned(order(scans.image(tmp_path / "image"), cache))
    (tmp_path / "image").rename(tmp_path / "old")
    report, known = scanned(order(scans.image(tmp_path / "image", scans.LOWER), cache))
    assert (known, len(report.inventory.layers)) == (False, 1)


def test_a_place_that_is_no_utf_8(tmp_path: Path, cache: Path) -> None:
    wanted = order(scans.image(Path(f"{tmp_path}/im\udcffage")), cache)
    assert [scanned(wanted)[1] for _ in range(2)] == [False, True]
    assert scanned(wanted)[0].inventory.source.reference.endswith("im\\xffage")


class Trying:
    """A road on which packages are missed, some more at each attempt."""

    def __init__(self, *missed: Sequence[str]) -> None:
        self._missed = missed
        self.kept: list[tuple[str, ...]] = []

    def attempt(self, _before: Report, _usages: Sequence[Usage], keep: tuple[str, ...]) -> Tried:
        lost = tuple(ways.lost(name) for name in self._missed[len(self.kept)])
        self.kept.append(keep)
        proof = replace(ways.proof("different" if lost else "same"), lost=lost)
        return Tried(ways.plan(keep=keep), ways.hardening(), (ways.proof(), proof))


@pytest.mark.parametrize(
    ("missed", "kept"),
    [
        ([()], [("x",)]),
        ([("b", "a", "b"), ()], [("x",), ("x", "a", "b")]),
        ([("a",), ("b",), ("c",), ("d",)], [("x",), ("x", "a"), ("x", "a", "b")]),
        ([("x",), ()], [("x",)]),
        ([("a",), ("a", "x")], [("x",), ("x", "a")]),
    ],
)
def test_what_a_proof_misses_stays_in_the_next_plan(
    missed: list[Sequence[str]], kept: list[tuple[str, ...]]
) -> None:
    trying = Trying(*missed)
    attempts = _attempts(cast("Road", trying), ways.before(), (), ("x",))
    assert trying.kept == kept
    assert [tried.plan.keep for tried in attempts] == kept


def test_a_changed_script_is_another_command(tmp_path: Path) -> None:
    script = tmp_path / "drive.py"
    script.write_text("one")
    first = programs(("python3", str(script), "--flag", "no such file"))
    script.write_text("two")
    second = programs(("python3", str(script), "--flag", "no such file"))
    assert (len(first), first[0], first[1] == second[1]) == (2, second[0], False)
