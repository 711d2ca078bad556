"""One line for each step, whatever its document holds."""

from typing import Any

import pytest

from pratique.flows.journal import Step
from pratique.flows.steps import Teller
from pratique.model.base import Support
from pratique.model.clearance import StepNote
from pratique.model.plan import Plan, Unfixed
from pratique.model.plan import Step as Change
from pratique.model.proof import Compared
from tests.making import hostile, ways
from tests.making.values import DEBIAN, NOW, findings, gap, inventory, package, report

DAY = NOW.date()


class Viewing:
    """Writes down what it is shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.notes: list[StepNote] = []

    def started(self, name: str) -> None:
        self.shown.append(name)

    def detail(self, text: str) -> None:
        self.shown.append(text)

    def ended(self, note: StepNote) -> None:
        self.notes.append(note)


def told(result: Any, name: str = "step") -> StepNote:
    """Return what is told of a step."""
    teller = Teller(Viewing())
    teller.ended(Step(name=name, seconds=1.26, again=False, result=result))
    (note,) = teller.notes
    return note


def removal(name: str, size: int = 3 << 20) -> Change:
    return Change(
        action="remove", package=f"pkg:pypi/{name}@1#p", type="pypi", name=name, reason="r", bytes=size
    )


def upgrade(name: str, *ended: str) -> Change:
    return Change(action="upgrade", package=name, type="deb", name=name, reason="r", findings=ended)


def open_ends(count: int) -> tuple[Unfixed, ...]:
    return tuple(Unfixed(package=f"pkg:pypi/p{n}@1#x", findings=("A",), reason="why") for n in range(count))


def test_what_is_shown_is_what_is_kept() -> None:
    view = Viewing()
    teller = Teller(view)
    teller.started("prove training")
    teller.detail("running")
    teller.ended(Step(name="prove training", seconds=0.04, again=True, result=ways.proof()))
    assert view.shown == ["prove training", "running"]
    assert view.notes == teller.notes
    assert [(n.name, n.seconds, n.again) for n in teller.notes] == [("prove training", 0.0, True)]


def test_a_report() -> None:
    assert told(ways.before()).text == "2 pypi; 2 findings, 2 critical or high; not judged"
    mixed = inventory(package("a", "1"), package("b", "1", kind="deb"), package("c", "1"))
    assert told(report(mixed, findings())).text == "1 deb, 2 pypi; 0 findings, 0 critical or high; not judged"


def test_a_report_of_nothing() -> None:
    assert told(report(inventory(), findings())).text.startswith("no package; 0 findings, ")


def test_gaps_of_a_report_are_open() -> None:
    note = told(report(inventory(), findings(gaps=(gap(), gap("anomaly", "x")))))
    assert note.open == ("unread-file: a: reason of a", "anomaly: x: reason of x")


@pytest.mark.parametrize(
    ("more", "text", "left"),
    [
        (
            {},
            "0 layers of no distribution that is known, unknown",
            ("which layers are the base cannot be told",),
        ),
        (
            {
                "layers": 1,
                "distribution": DEBIAN,
                "state": "supported",
                "support": Support(regular=DAY, extended=None),
            },
            "1 layer of Debian GNU/Linux, supported until 2026-11-24",
            (),
        ),
        (
            {
                "layers": 2,
                "distribution": DEBIAN,
                "state": "ended",
                "support": Support(regular=DAY, extended=DAY),
            },
            "2 layers of Debian GNU/Linux, ended on 2026-11-24",
            (),
        ),
    ],
)
def test_a_base(more: dict[str, Any], text: str, left: tuple[str, ...]) -> None:
    note = told(ways.base(**more))
    assert (note.text, note.open) == (text, left)


def test_a_usage() -> None:
    assert told(ways.usage("a", "b", used=("x",))).text == "1 of 1 package used; 14 calls seen, none lost"


def test_a_plan() -> None:
    steps = (removal("a"), removal("b"), upgrade("c", "CVE-1", "CVE-2"), upgrade("d", "CVE-1"))
    note = told(ways.plan(steps=steps, keep=("e", "f"), unfixed=open_ends(1)))
    assert note.text == "2 packages to remove (6 MiB), 2 to install; 3 findings end; kept by request: e, f"
    assert note.open == ("pkg:pypi/p0@1: 1 finding: why",)
    assert told(ways.plan(steps=(upgrade("c", "CVE-1"),))).text.endswith(", 1 to install; 1 finding ends")


def test_a_hardening() -> None:
    note = told(ways.hardening(audit="half\ninstalled", notes=("not compiled: a.py",)))
    assert note.text == "100 MiB became 75 MiB (75%); 1 layer kept, 1 rewritten, 1 added"
    assert note.open == ("dpkg --audit: half installed", "not compiled: a.py")


@pytest.mark.parametrize("layers", [(), (ways.layer("kept", 0),), (ways.layer("kept", 0), ways.LAYERS[1])])
def test_sizes_that_the_source_does_not_tell_are_not_made_up(layers: tuple[Any, ...]) -> None:
    made = ways.hardening(*layers) if layers else ways.hardening(ways.layer("added", 9))
    assert told(made).text.startswith("sizes not known; ")


def test_a_proof() -> None:
    json = Compared(kind="json", subject="/tmp/m", same=True, before="1", after="1")
    good = ways.proof(compared=(*ways.proof().compared, json, json))
    assert told(good).text == "the same; compared: exit code, json"
    assert told(ways.proof("weak")).text.startswith("the same by exit code alone, which is weak; ")


def test_a_proof_that_differs_says_what_and_why() -> None:
    note = told(ways.proof("different", lost=(ways.lost("a"),), replaced=("b 1 -> 2", "c 1 -> 2")))
    assert note.text == "different; compared: exit code"
    assert note.open == (
        "exit code python3 train.py: 0 -> 1",
        "a was used and is gone (lib/a/__init__.py)",
        "in use and replaced: b 1 -> 2, c 1 -> 2",
    )


@pytest.mark.parametrize(("count", "shown"), [(4, 4), (5, 5), (6, 5), (1000, 5)])
def test_open_lines_are_capped(count: int, shown: int) -> None:
    left = told(ways.plan(unfixed=open_ends(count))).open
    assert len(left) == shown
    assert (left[-1] == f"and {count - 4:,} more, in the step's document") is (count > 5)


NAMES = [*hostile.NAMES, "a\nb\r\nc\td\x0b\x0ce", " \x85 "]


def documents(name: str) -> list[Any]:
    """Return a document of each kind that holds a name wherever it holds text."""
    compared = Compared(kind="json", subject=name, same=False, before=name, after=name)
    unfixed = Unfixed(package=name, findings=("A",), reason=name)
    held = package("a", "1", kind="deb", path="p", purl="pkg:deb/a@1")
    return [
        report(inventory(held), findings(gaps=(gap("anomaly", name),))),
        ways.base(layers=1, distribution=type(DEBIAN)(id=name, version_id=name, name=name, codename=name)),
        ways.usage(name, used=(name,)),
        ways.plan(unfixed=(unfixed,), keep=(name,)),
        ways.hardening(audit=name, notes=(name,)),
        ways.proof("different", name, compared=(compared,), lost=(ways.lost(name),), replaced=(name,)),
    ]


@pytest.mark.parametrize("name", NAMES, ids=lambda n: repr(n[:20]))
def test_no_name_makes_a_second_line_or_a_long_one(name: str) -> None:
    for document in documents(name):
        note = told(document, "prove x")
        for line in (note.name, note.text, *note.open):
            assert hostile.raw(line.encode()) == []
            assert "\n" not in line
            assert len(line) <= 400


def test_every_kind_of_step_is_told() -> None:
    kinds = {type(document) for document in documents("x")}
    assert Plan in kinds
    assert all(told(document).text for document in documents("x"))
