"""Commands about recorded images: add, list, judge again, ask who is affected; and their answers on a terminal."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pratique.cli import exits
from pratique.cli.options import Cache, FailOn, Form, PlainFormat, PolicyFile, Quiet, StoreFile, render
from pratique.cli.report import VERDICT_STYLES, show_feeds
from pratique.cli.screen import Screen, text
from pratique.formats.text import gap_text, plural
from pratique.model.digest import Digest
from pratique.model.finding import Reason, Verdict
from pratique.model.fleet import Added, Affected, Cause, Fleet, Holding, ImageName, ImageState, Rescan, Turn

_SHOWN = 8
_STALE = 7
_UNJUDGED: list[Verdict] = ["incomplete"]
"""What counts where something could not be judged at all, however often."""


def fleet_add(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Inventory, findings, decision, usage or json report documents, in any order.",
            show_default=False,
        ),
    ],
    *,
    form: Form = PlainFormat.TABLE,
    store: StoreFile = "",
) -> int:
    """Record documents of scans and profiles: all of them, or none where one is at fault.

    Documents name each other by digest. What is recorded already is not recorded twice.
    """
    from pratique.flows.fleet import add

    render(Screen(), add(files, store), form, _show_added)
    return 0


def _show_added(screen: Screen, added: Added) -> None:
    screen.line(f"{plural(added.documents, 'document')}, {added.new:,} new: {added.store}", whole=True)


def fleet_list(form: Form = PlainFormat.TABLE, store: StoreFile = "") -> int:
    """Show every recorded image with its last decision and how old that is."""
    from pratique.flows.fleet import fleet

    render(Screen(), fleet(store), form, show_fleet)
    return 0


def rescan(
    *,
    policy: PolicyFile = "",
    fail_on: FailOn = None,
    form: Form = PlainFormat.TABLE,
    store: StoreFile = "",
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Judge every recorded image again by the current advisories, without the image; tell what turned, and why.

    Takes the latest inventory of each image, and records new findings and a new decision. Proofs of the last decision
    still count. Exit code 2 if an image fails, else 3 if one could not be judged in full.
    """
    from pratique.flows.rescan import rescan as flow

    screen = Screen(quiet=quiet)
    with screen.status() as status:
        made = flow(tuple(fail_on or ()), policy, store, cache, status.update)
    render(screen, made, form, show_rescan)
    after: list[Verdict] = [*(t.after for t in (*made.turned, *made.changed)), *made.unchanged]
    return exits.worst(after + _UNJUDGED[: len(made.missing)])


def affected(
    query: Annotated[
        str,
        typer.Argument(
            metavar="CVE|PURL",
            help="A vulnerability by any of its ids; or a package, as pkg:pypi/urllib3 or pkg:pypi/urllib3@1.26.15.",
            show_default=False,
        ),
    ],
    *,
    form: Form = PlainFormat.TABLE,
    store: StoreFile = "",
) -> int:
    """Show which recorded images hold a vulnerability or a package, whether workloads used it, and what is not known.

    A vulnerability is looked up in the latest findings, a package in the latest inventory. Exit code 3 if there is an
    image of which it cannot be known.
    """
    from pratique.flows.affected import affected as flow

    found = flow(query, store)
    render(Screen(), found, form, show_affected)
    return exits.worst(_UNJUDGED[: len(found.unknown) + len(found.missing)])


def show_fleet(screen: Screen, fleet: Fleet) -> None:
    """Print a table of images."""
    columns = ("Image", "Config", "Packages", "Inventory", "Scans", "Verdict", "Decided", "Age")
    if fleet.images:
        rows = (_row(state) for state in fleet.images)
        screen.table(columns, rows, right=("Packages", "Scans"), whole=("Config", "Verdict", "Decided"))
    else:
        screen.line("No image is recorded. Run: pratique scan SOURCE --record")
    _missing(screen, fleet.missing)


def _row(state: ImageState) -> tuple[str | Text, ...]:
    whole = state.completeness == "complete"
    return (
        state.image.reference,
        _short(state.image.config or state.image.manifest),
        f"{state.packages:,}",
        text(state.completeness, "" if whole else "yellow"),
        f"{state.inventories:,}",
        _verdict(state.verdict),
        f"{state.decided:%Y-%m-%d}" if state.decided else "",
        _age(state.age),
    )


def _age(days: int | None) -> Text:
    if days is None:
        return text("")
    if days < 0:
        return text("in the future", "yellow")
    return text(plural(days, "day"), "yellow" if days > _STALE else "")


def _verdict(verdict: Verdict | None) -> Text:
    return text(verdict.upper(), VERDICT_STYLES[verdict]) if verdict else text("no decision", "yellow")


def _short(digest: Digest | None) -> str:
    return digest.removeprefix("sha256:")[:12] if digest else ""


def show_rescan(screen: Screen, made: Rescan) -> None:
    """Print what turned and why, what else changed, how many stayed, and how old the advisories are."""
    screen.line(text("judged by  ", "bold"), ", ".join(made.rules))
    if made.policy:
        screen.line(text("policy     ", "bold"), made.policy)
    screen.line(text("snapshot   ", "bold"), made.snapshot or "")
    screen.heading(f"{plural(len(made.turned), 'image')} turned")
    for turn in made.turned:
        _turn(screen, turn)
    if made.changed:
        screen.heading(f"{plural(len(made.changed), 'image')} with the same verdict for other reasons")
        for turn in made.changed:
            _turn(screen, turn)
    screen.line()
    kept = ", ".join(f"{count:,} {verdict}" for verdict, count in sorted(made.unchanged.items()))
    total = sum(made.unchanged.values())
    screen.line(f"{plural(total, 'image')} unchanged{f': {kept}' if kept else ''}")
    _missing(screen, made.missing)
    screen.line()
    show_feeds(screen, made.feeds, made.created)
    if made.clock != "system":
        screen.line(text(f"  Judged as of {made.created:%Y-%m-%d} ({made.clock})", "yellow"))


def _turn(screen: Screen, turn: Turn) -> None:
    screen.line(*_name(turn.image), "  ", _verdict(turn.before), " -> ", _verdict(turn.after))
    if turn.by:
        screen.item(text("-", "yellow"), f"judged by {turn.by} before")
    if turn.before and not turn.compared:
        screen.item(text("-", "yellow"), "what is new cannot be told: the last findings are not recorded")
    lines: list[tuple[Text, str]] = [
        *((text("-", "red"), f"new: {_cause(cause)}") for cause in turn.appeared),
        *((text("-", "green"), f"ended: {_cause(cause)}") for cause in turn.ended),
        *((text("-", "yellow"), f"gap opened: {gap_text(gap)}") for gap in turn.opened),
        *((text("-", "green"), f"gap closed: {gap_text(gap)}") for gap in turn.closed),
    ]
    if not lines or (turn.before != turn.after and not turn.appeared):
        lines = [
            (text("-"), f"{reason.rule}: {reason.text}") for reason in turn.reasons if _told(turn, reason)
        ] + lines
    for label, line in lines[:_SHOWN]:
        screen.item(label, line)
    if len(lines) > _SHOWN:
        screen.line(text(f"  … {len(lines) - _SHOWN:,} more, see --format json", "dim"))


def _told(turn: Turn, reason: Reason) -> bool:
    """Say whether a reason is worth its line: gaps that have opened have lines of their own."""
    return reason.rule != "coverage" or not turn.opened


def _cause(cause: Cause) -> str:
    feeds = f"{'feed' if len(cause.feeds) == 1 else 'feeds'} {', '.join(cause.feeds)}"
    return f"{cause.finding} in {cause.package} breaks {', '.join(cause.rules)} ({feeds})"


def _name(image: ImageName) -> Iterator[str | Text]:
    yield text(image.reference, "bold")
    yield f"  {_short(image.config or image.manifest)}"


def _missing(screen: Screen, missing: Sequence[Digest]) -> None:
    if missing:
        screen.line()
        screen.line(
            text(
                f"{plural(len(missing), 'inventory')} named by recorded documents and not recorded: nothing is known of them",
                "yellow",
            )
        )
    for digest in missing:
        screen.item(text("-", "yellow"), digest)


def show_affected(screen: Screen, found: Affected) -> None:
    """Print who holds it, of whom it cannot be known, and how many do not."""
    total = len(found.held) + len(found.unknown) + found.clear
    screen.line(
        text(found.query, "bold"), f"  held by {len(found.held):,} of {plural(total, 'recorded image')}"
    )
    for holder in found.held:
        by = f", snapshot {_short(holder.snapshot)}" if holder.snapshot else ""
        screen.line()
        screen.line(*_name(holder.image), f"  as of {holder.as_of:%Y-%m-%d}{by}")
        for holding in holder.packages:
            screen.item(text("-", "red"), _holding(holding))
        for doubt in holder.doubts:
            screen.item(text("-", "yellow"), f"may hold more: {doubt}")
    if found.unknown:
        screen.heading(f"Cannot be known of {plural(len(found.unknown), 'image')}")
    for unknown in found.unknown:
        screen.line(*_name(unknown.image))
        for doubt in unknown.doubts:
            screen.item(text("-", "yellow"), doubt)
    screen.line()
    day = f"; the oldest document is of {found.oldest:%Y-%m-%d}" if found.oldest else ""
    screen.line(
        f"Not in {plural(found.clear, 'image')} that {'leaves' if found.clear == 1 else 'leave'} no doubt{day}"
    )
    _missing(screen, found.missing)


def _holding(holding: Holding) -> str:
    use = f"used by {', '.join(holding.phases)}" if holding.use == "used" else holding.use
    told = {"itself": "", "also": ", another name", "source": ", by its source"}[holding.told]
    if not holding.state:
        return f"{holding.purl}{told}: {use}"
    fixed = f"fixed in {holding.fixed}" if holding.fixed else "no fixed version known"
    return f"{holding.purl}: {holding.state}, {fixed}; {use}"
