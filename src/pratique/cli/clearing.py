"""The clear command: the whole way, one line a step, and the table of before and after."""

from pathlib import Path

from pratique.cli.options import (
    Cache,
    Checks,
    Command,
    Documents,
    Drives,
    Environment,
    Expects,
    FailOn,
    Form,
    Keep,
    Key,
    Mirror,
    PlainFormat,
    Platform,
    PolicyFile,
    Quiet,
    Readies,
    Record,
    Source,
    StoreFile,
    Timeout,
    To,
    Unproven,
    Usages,
    Workloads,
    render,
)
from pratique.cli.screen import Screen
from pratique.model.errors import UsageError


def clear(
    source: Source,
    command: Command = None,
    *,
    to: To,
    workload: Workloads = None,
    ready: Readies = None,
    drive: Drives = None,
    expect: Expects = None,
    check: Checks = None,
    environment: Environment = None,
    timeout: Timeout = None,
    usage: Usages = None,
    keep: Keep = None,
    policy: PolicyFile = "",
    fail_on: FailOn = None,
    unproven: Unproven = False,
    key: Key = None,
    record: Record = False,
    store: StoreFile = "",
    documents: Documents = None,
    mirror: Mirror = "",
    platform: Platform = "",
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
    quiet: Quiet = False,
) -> int:
    """Take an image the whole way: judge, profile, plan, harden, prove, judge again, publish.

    Needs root. Each step is a command of its own; killed at any moment, the next run goes on where this one was. Packages
    that a failed proof names are kept and the rest tried again, three times at most. What does not do the same work is not
    published; what is the same by its exit code alone is, and is called weakly proven. Ends with the verdict on the result, and with 2 where nothing was published. With several workloads,
    --ready, --drive, --expect and --check say whose they are: --expect NAME=PATH. With --key what is published is signed, as
    `attest --all` does it; with --record both images go into the store, as `fleet add` does it.
    """
    from pratique.cli.attesting import passphrase_of
    from pratique.cli.clearance import LiveView, show_clearance
    from pratique.cli.exits import VERDICTS
    from pratique.cli.workloads import parse_scenarios
    from pratique.flows.clear import Order, Seal, clear_and_tell
    from pratique.flows.scan import Request
    from pratique.image import parse_target

    screen = Screen(quiet=quiet)
    target = parse_target(to)
    scenarios = parse_scenarios(
        workload or (),
        command or (),
        ready=ready or (),
        drive=drive or (),
        expect=expect or (),
        check=check or (),
        environment=environment or (),
        timeout=timeout,
    )
    order = Order(
        request=Request(source, platform, cache, tuple(fail_on or ()), policy),
        target=target,
        scenarios=scenarios,
        usages=tuple(usage or ()),
        keep=tuple(keep or ()),
        mirror=mirror,
        unproven=unproven,
    )
    folder = documents or documents_folder(target.folder)
    secret = passphrase_of(key, screen) if key else b""
    with LiveView(screen) as view:
        told = clear_and_tell(order, folder, view, Seal(key, secret, store if record else None))
    render(screen, told, form, show_clearance)
    screen.note(f"documents: {folder}")
    return VERDICTS[told.after.verdict] if told.published else VERDICTS["fail"]


def documents_folder(image: Path) -> Path:
    """Return where documents go unless it is said: beside the folder of the new image."""
    named = image.resolve() if image.name in {"", ".."} else image
    if not named.name:
        raise UsageError(
            "nothing lies beside it", place="--to", remedy="Say where documents go: --documents DIR"
        )
    return named.with_name(f"{named.name}.documents")
