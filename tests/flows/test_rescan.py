"""Judging again: what turns, why, and what must never turn an image to pass."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pratique.advisories import open_snapshot
from pratique.fleet import Store, View, make_record
from pratique.flows.clock import Clock
from pratique.flows.fleet import fleet
from pratique.flows.rescan import rescan
from pratique.flows.scan import database, report
from pratique.formats.documents import Report, digest_of_document
from pratique.model.errors import InputError, UnavailableError, UsageError
from pratique.model.finding import ProofNote
from pratique.model.fleet import Rescan
from pratique.model.inventory import Inventory
from pratique.policy import Policy, decide, parse_rule
from tests.making import fleet as making
from tests.making import scans
from tests.making.feeds import COMPLETE, Record, built, declare, jsonl, record
from tests.making.values import ZERO, gap, package

HIGH = [{"type": "CVSS_V3", "score": scans.CVSS}]
BAD = record("PYSEC-1", "demo", aliases=["CVE-2026-1"], severity=HIGH)
OTHER = record("PYSEC-2", "other", aliases=["CVE-2026-2"], severity=HIGH)
ELSEWHERE = record("PYSEC-9", "elsewhere", severity=HIGH)
A, B = making.image("a"), making.image("b", package("other", "1.0"))
RULES = Policy((parse_rule("high"),))


class Watch:
    """A store and a snapshot in a folder."""

    def __init__(self, folder: Path) -> None:
        self.store, self.cache = folder / "s", folder / "cache"

    def knows(self, *records: Record, declared: str = COMPLETE) -> None:
        """Import a feed of these records in the place of the one before."""
        folder = self.cache / "feed"
        jsonl(folder / "osv.jsonl", ELSEWHERE, *records)
        built(database(str(self.cache)), declare(folder, declared))

    def scans(self, *held: Inventory, policy: Policy | None = RULES) -> list[Report]:
        """Record what a scan of some inventories would have said a day ago."""
        clock = Clock(making.days(-1), "system")
        made = [report(i, policy, open_snapshot(database(str(self.cache))), clock) for i in held]
        making.stored(self.store, *made)
        return made

    def again(self, *fail_on: str, policy: str = "", note: Callable[[str], None] = lambda _: None) -> Rescan:
        rules = fail_on if fail_on or policy else ("high",)
        return rescan(rules, policy, str(self.store), str(self.cache), note)


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watch:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    made = Watch(tmp_path)
    made.knows()
    return made


def causes(found: tuple[Any, ...]) -> list[tuple[str, str, tuple[str, ...], tuple[str, ...]]]:
    return [(c.finding, c.package, c.rules, c.feeds) for c in found]


def test_a_new_advisory_turns_an_image_and_is_named(watch: Watch) -> None:
    watch.scans(A, B)
    watch.knows(BAD)
    made = watch.again()
    (turn,) = made.turned
    assert (turn.image.reference, turn.before, turn.after, turn.by) == ("oci:a", "pass", "fail", "")
    assert causes(turn.appeared) == [("CVE-2026-1", "pkg:pypi/demo@1.0", ("high",), ("osv",))]
    assert (turn.ended, turn.opened, turn.closed, made.changed) == ((), (), (), ())
    assert made.unchanged == {"pass": 1}
    assert made.snapshot == open_snapshot(database(str(watch.cache))).digest
    assert [s.verdict for s in fleet(str(watch.store)).images] == ["fail", "pass"]


def test_what_was_made_is_recorded_and_named(watch: Watch) -> None:
    watch.scans(A)
    watch.knows(BAD)
    (turn,) = watch.again().turned
    with Store(watch.store) as store:
        (known,) = View(store).images()
    assert known.decision
    assert (known.decision.digest, known.decision.findings) == (turn.decision, turn.findings)
    assert known.findings
    assert known.findings.digest == turn.findings


def test_a_withdrawn_advisory_turns_it_back(watch: Watch) -> None:
    watch.knows(BAD)
    watch.scans(A)
    watch.knows()
    (turn,) = watch.again().turned
    assert (turn.before, turn.after) == ("fail", "pass")
    assert [c.finding for c in turn.ended] == ["CVE-2026-1"]


def test_a_second_time_nothing_turns_and_nothing_is_recorded_twice(watch: Watch) -> None:
    watch.scans(A, B)
    watch.knows(BAD)
    watch.again()
    size = count(watch)
    assert watch.again().unchanged == {"fail": 1, "pass": 1}
    assert count(watch) == size


def test_findings_that_say_the_same_are_recorded_once(watch: Watch) -> None:
    watch.scans(A)
    before = count(watch)
    watch.again()
    assert count(watch) == before + 1  # the decision of the day alone


def count(watch: Watch) -> int:
    with Store(watch.store) as store:
        return int(store.rows("SELECT count(*) FROM document")[0][0])


def test_other_reasons_for_the_same_verdict_are_told(watch: Watch) -> None:
    both = making.image("both", package("demo", "1.0"), package("other", "1.0"))
    watch.knows(BAD)
    watch.scans(both)
    watch.knows(BAD, OTHER)
    made = watch.again()
    assert made.turned == ()
    assert [c.finding for turn in made.changed for c in turn.appeared] == ["CVE-2026-2"]
    assert made.unchanged == {}


def test_a_feed_that_no_longer_knows_opens_a_gap_and_never_passes(watch: Watch) -> None:
    watch.knows(BAD)
    watch.scans(A)
    watch.knows(declared=COMPLETE.replace('"complete"', '"sample"'))
    (turn,) = watch.again().turned
    assert (turn.before, turn.after) == ("fail", "incomplete")
    assert [c.finding for c in turn.ended] == ["CVE-2026-1"]
    assert [(g.kind, len(g.packages)) for g in turn.opened] == [("feed-sample", 1)]
    watch.knows()
    (turn,) = watch.again().turned
    assert [g.kind for g in turn.closed] == ["feed-sample"]


def test_a_feed_that_only_grew_older_is_told_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    watch.scans(A)
    day = 86_400
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(scans.EPOCH) + 20 * day))
    (turn,) = watch.again().turned
    assert (turn.after, [g.kind for g in turn.opened]) == ("incomplete", ["feed-age"])
    monkeypatch.setenv("SOURCE_DATE_EPOCH", str(int(scans.EPOCH) + 21 * day))
    assert watch.again().unchanged == {"incomplete": 1}


def test_rules_that_were_others_are_told(watch: Watch) -> None:
    watch.knows(BAD)
    watch.scans(A, policy=None)
    watch.scans(B, policy=Policy((parse_rule("low"),)))
    made = watch.again()
    (turn,) = made.turned
    assert (turn.before, turn.after, turn.by, turn.appeared) == ("not judged", "fail", "no rule", ())
    assert made.unchanged == {"pass": 1}


def test_an_inventory_alone_is_judged_for_the_first_time(watch: Watch) -> None:
    watch.knows(BAD)
    with Store(watch.store) as store:
        store.add([make_record(A)])
    (turn,) = watch.again().turned
    assert (turn.before, turn.after, turn.compared, turn.appeared) == (None, "fail", False, ())
    assert [r.rule for r in turn.reasons] == ["high"]


def test_without_the_last_findings_nothing_is_called_new(watch: Watch) -> None:
    (made,) = [making.judged(A, at=making.days(-1))]
    with Store(watch.store) as store:
        store.add([make_record(made.inventory), make_record(made.decision)])
    watch.knows(BAD)
    (turn,) = watch.again().turned
    assert (turn.before, turn.after, turn.compared, turn.appeared) == ("pass", "fail", False, ())


def test_a_refuted_image_stays_refuted(watch: Watch) -> None:
    (made,) = watch.scans(A, policy=None)
    proofs = (ProofNote(proof=ZERO, phase="training", verdict="different"),)
    decision = replace(
        decide(made.findings, digest_of_document(made.findings), RULES, making.days(-1)),
        created=making.days(0),
        verdict="fail",
        proofs=proofs,
    )
    with Store(watch.store) as store:
        store.add([make_record(decision)])
    assert watch.again().unchanged == {"fail": 1}


def test_the_latest_inventory_is_judged(watch: Watch) -> None:
    old = making.judged(A, at=making.days(-2))
    watch.knows(BAD)
    with Store(watch.store) as store:
        store.add(making.records(old))
        store.add([make_record(making.image("a", package("demo", "2.5"), created=making.days(-1)))])
    assert watch.again().unchanged == {"pass": 1}


def test_a_gap_of_the_inventory_is_no_pass(watch: Watch) -> None:
    watch.scans(making.image("a", gaps=(gap(),), completeness="partial"))
    assert watch.again().unchanged == {"incomplete": 1}


def test_inventories_that_are_not_there_are_named(watch: Watch) -> None:
    watch.scans(A)
    lone = making.judged(B)
    with Store(watch.store) as store:
        store.add([make_record(lone.decision)])
    assert watch.again().missing == (digest_of_document(lone.inventory),)


def test_names_of_images_are_noted(watch: Watch) -> None:
    watch.scans(A, B)
    noted: list[str] = []
    watch.again(note=noted.append)
    assert noted == ["oci:a", "oci:b"]


def test_what_leaves_nothing_to_say_is_an_error(watch: Watch, tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="no store here"):
        watch.again()
    with Store(watch.store):
        pass
    with pytest.raises(InputError, match="no image is recorded"):
        watch.again()
    watch.scans(A)
    with pytest.raises(UsageError, match="no rule"):
        rescan((), "", str(watch.store), str(watch.cache), lambda _: None)
    with pytest.raises(InputError, match="no advisory was imported"):
        rescan(("high",), "", str(watch.store), str(tmp_path / "empty"), lambda _: None)
