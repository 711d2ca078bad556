"""A step is done once for the same inputs, and anew for whatever else: no state of the journal ends a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pratique.flows.journal import Journal, Step
from pratique.formats.documents import Report, encode
from pratique.model.errors import InputError, UnavailableError
from pratique.model.plan import Plan
from pratique.model.proof import Proof
from tests.making import ways


class Watching:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.steps: list[Step] = []

    def started(self, name: str) -> None:
        self.told.append(f"started {name}")

    def detail(self, text: str) -> None:
        self.told.append(text)

    def ended(self, step: Step) -> None:
        self.told.append(f"ended {step.name}")
        self.steps.append(step)


class Made:
    """A function that counts its calls."""

    def __init__(self, *phases: str) -> None:
        self.calls = 0
        self._phases = phases or ("training",)

    def __call__(self) -> Proof:
        self.calls += 1
        return ways.proof(phase=self._phases[min(self.calls, len(self._phases)) - 1])


@pytest.fixture
def watching() -> Watching:
    return Watching()


@pytest.fixture
def journal(tmp_path: Path, watching: Watching) -> Journal:
    return Journal(tmp_path / "journal", watching)


def written(tmp_path: Path) -> Path:
    (path,) = (tmp_path / "journal").iterdir()
    return path


def test_the_same_inputs_are_not_done_again(journal: Journal, watching: Watching) -> None:
    made = Made()
    first, second = (journal.step("prove", ["a", "b"], Proof, made) for _ in range(2))
    assert (first, made.calls) == (second, 1)
    assert [step.again for step in watching.steps] == [False, True]
    assert watching.told == ["started prove", "ended prove"] * 2
    assert [step.result for step in watching.steps] == [first, second]


def test_another_run_goes_on_where_this_one_was(tmp_path: Path, journal: Journal) -> None:
    made = Made()
    journal.step("prove", ["a"], Proof, made)
    other = Watching()
    Journal(tmp_path / "journal", other).step("prove", ["a"], Proof, made)
    assert (made.calls, [step.again for step in other.steps]) == (1, [True])


def test_a_report_comes_back_as_it_was(journal: Journal) -> None:
    first, second = (journal.step("scan", [], Report, ways.before) for _ in range(2))
    assert encode(first) == encode(second)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["a"], ["b"]),
        (["a"], ["a", "a"]),
        (["a", "bc"], ["ab", "c"]),
        (["a\0b"], ["a", "b"]),
        (["a", ""], ["", "a"]),
        ([("a", "b")], [("a, b",)]),
        (['a", "b'], ["a", "b"]),
        ([None], []),
        (["x\udcff"], ["x\\udcff"]),
    ],
)
def test_other_inputs_are_done_anew(journal: Journal, one: list[object], other: list[object]) -> None:
    made = Made()
    for inputs in (one, other, one, other):
        journal.step("prove", inputs, Proof, made)
    assert made.calls == 2


def test_names_do_not_mix(journal: Journal) -> None:
    made = Made("training", "serving")
    for name in ("prove a", "prove b"):
        journal.step(name, ["x"], Proof, made)
    journal.step("prove", ["a", "x"], Proof, made)
    assert made.calls == 3


def test_another_version_does_every_step_anew(tmp_path: Path, watching: Watching) -> None:
    made = Made()
    for version in ("1.0.0", "1.0.1", "1.0.0"):
        Journal(tmp_path / "journal", watching, version=version).step("prove", [], Proof, made)
    assert (made.calls, [step.again for step in watching.steps]) == (2, [False, False, True])


def test_a_result_that_does_not_hold_is_made_anew(journal: Journal, watching: Watching) -> None:
    made = Made("training", "serving")
    asked: list[str] = []

    def holds(found: Proof) -> bool:
        asked.append(found.phase)
        return False

    results = [journal.step("prove", [], Proof, made, holds=holds) for _ in range(2)]
    assert [r.phase for r in results] == ["training", "serving"]
    assert (asked, [s.again for s in watching.steps]) == (["training"], [False, False])
    assert journal.step("prove", [], Proof, made).phase == "serving"


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def of_another_kind(_: bytes) -> bytes:
    return encode(ways.plan())


def of_another_version(data: bytes) -> bytes:
    return data.replace(b"pratique.proof/1", b"pratique.proof/2")


@pytest.mark.parametrize(
    "damage",
    [
        cut,
        of_another_kind,
        of_another_version,
        lambda _: b"",
        lambda _: b"\xff\xfe garbage \0",
        lambda _: b"null",
        lambda _: b"[" * 100_000,
        lambda _: b'{"schema": "pratique.proof/1"}',
        lambda data: data + data,
    ],
)
def test_a_damaged_journal_is_no_reason_to_stop(
    tmp_path: Path, journal: Journal, watching: Watching, damage: Callable[[bytes], bytes]
) -> None:
    made = Made()
    first = journal.step("prove", [], Proof, made)
    path = written(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert [journal.step("prove", [], Proof, made) for _ in range(2)] == [first, first]
    assert (made.calls, [step.again for step in watching.steps]) == (2, [False, False, True])


def test_a_report_is_not_taken_from_another_document(tmp_path: Path, journal: Journal) -> None:
    first = journal.step("scan", [], Report, ways.before)
    written(tmp_path).write_bytes(encode(ways.plan()))
    assert encode(journal.step("scan", [], Report, ways.before)) == encode(first)


@pytest.mark.parametrize("error", [InputError("bad"), KeyboardInterrupt(), OSError(28, "full")])
def test_a_step_that_fails_leaves_nothing(
    tmp_path: Path, journal: Journal, watching: Watching, error: BaseException
) -> None:
    def fails() -> Plan:
        raise error

    with pytest.raises(type(error)):
        journal.step("plan", [], Plan, fails)
    assert not list(tmp_path.rglob("*.*"))
    assert (watching.told, watching.steps) == (["started plan"], [])


def test_what_cannot_be_written_is_no_document_and_leaves_nothing(tmp_path: Path, journal: Journal) -> None:
    with pytest.raises(UnicodeEncodeError):
        journal.step("prove", [], Proof, lambda: ways.proof(phase="\udcff"))
    assert not list(tmp_path.rglob("*.*"))


def test_a_folder_that_refuses_is_an_error_of_ours(tmp_path: Path, watching: Watching) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(UnavailableError):
        Journal(tmp_path / "file" / "journal", watching).step("prove", [], Proof, Made())


def test_a_step_tells_how_long_it_took(journal: Journal, watching: Watching) -> None:
    journal.step("prove", [], Proof, Made())
    assert 0 <= watching.steps[0].seconds < 60
