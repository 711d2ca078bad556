"""The whole way: judge, profile, plan, harden, prove, judge again, publish. The sum of commands, and nothing beside.

Every step is in the journal, so a killed run goes on where it was, and an unchanged one reads no image.
"""

from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from pratique.attest import load_private
from pratique.attest.keys import LIMIT
from pratique.flows.attest import attest_all
from pratique.flows.clearance import Tried, Way, clearance, documents, write_documents
from pratique.flows.fleet import add
from pratique.flows.journal import Journal, Watcher
from pratique.flows.road import Order, Road
from pratique.flows.setting import setting
from pratique.flows.steps import Teller, View
from pratique.formats.documents import Report, encode
from pratique.formats.html import html
from pratique.formats.text import plural, readable
from pratique.model.clearance import Clearance, StepNote
from pratique.model.usage import Usage
from pratique.sandbox import available
from pratique.storage import read_whole

__all__ = ["Order", "Seal", "clear", "clear_and_tell"]

_ATTEMPTS = 3
_RECORDED = ("inventory.json", "findings.json", "decision.json")
"""Ends of the names of documents that go into the record; usages come from ``usage-``."""


def clear(order: Order, watcher: Watcher) -> Way:
    """Take an image the whole way.

    1. Inventory, findings and decision; what it stands on.
    2. What each workload uses.
    3. Plan, carry out, prove; what a proof misses stays in the next plan, three times at most.
    4. Judge the result by the same policy, with its proofs.
    5. Publish it, if it is proven or was asked for unproven.

    Raises:
        PratiqueError: a step cannot be done; what is done stays in the journal.
    """
    available()
    here = setting(order.request.cache, watcher.detail, order.mirror)
    road = Road(order, here, Journal(here.cache / "journal", watcher))
    before = road.judged("scan", road.identity, lambda: road.original, ())  # 1
    base = road.base(before)
    usages = tuple(road.usages(before))  # 2
    attempts = _attempts(road, before, usages, order.keep)  # 3
    last = attempts[-1]
    after = road.judged("judge", last.hardening.result, lambda: road.candidate(last), last.proofs)  # 4
    published = order.unproven or after.decision.work in {"proven", "weakly proven"}
    if published:  # 5
        road.publish(last)
    road.tidy(attempts)
    names = readable(order.request.reference), readable(str(order.target))
    return Way(*names, before, base, usages, attempts, after, published)


def _attempts(
    road: Road, before: Report, usages: Sequence[Usage], keep: tuple[str, ...]
) -> tuple[Tried, ...]:
    """Try until the proof holds, or says nothing that a plan could mend."""
    tried: list[Tried] = []
    while True:
        tried.append(road.attempt(before, usages, keep))
        lost = {lost.name for proof in tried[-1].proofs for lost in proof.lost} - set(keep)
        if not lost or len(tried) == _ATTEMPTS:
            return tuple(tried)
        keep = (*keep, *sorted(lost))


class Seal(Struct, frozen=True):
    """How a way is to end.

    Attributes:
        key: private key that what is published is signed with; None to sign nothing.
        passphrase: of the key.
        store: file of records that both images go into; None to keep no record.
    """

    key: Path | None = None
    passphrase: bytes = b""
    store: str | None = None


_OPEN = Seal()


def clear_and_tell(order: Order, folder: Path, view: View, seal: Seal = _OPEN) -> Clearance:
    """Take an image the whole way, write every document into a folder, and return the one that tells the way.

    What was asked for comes after: what is published is signed, and the documents of both images are recorded.

    Raises:
        PratiqueError: a step cannot be done, or the folder cannot be written.
    """
    if seal.key:  # minutes before it is used
        load_private(read_whole(seal.key, LIMIT), seal.passphrase, str(seal.key))
    teller = Teller(view)
    way = clear(order, teller)
    found = documents(way)
    told = clearance(way, teller.notes, found)
    write_documents(folder, {**found, "clearance.json": encode(told), "report.html": html(told)})
    if seal.key and told.published:
        signed = attest_all(str(order.target), folder, seal.key, seal.passphrase)
        text = f"{plural(len(signed.statements), 'statement')} signed by {signed.key} and attached"
        view.ended(StepNote(name="attest", seconds=0.0, again=False, text=text, open=()))
    if seal.store is not None:
        added = add(
            [folder / n for n in found if n.endswith(_RECORDED) or n.startswith("usage-")], seal.store
        )
        text = f"{plural(added.new, 'new document')} recorded in {added.store}"
        view.ended(StepNote(name="record", seconds=0.0, again=False, text=text, open=()))
    return told
