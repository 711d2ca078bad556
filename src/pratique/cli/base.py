"""What an image stands on, on a terminal."""

from pratique.cli.screen import Screen, text
from pratique.formats.text import plural
from pratique.model.base import Base, Unpatched

_SHOWN = 10
_STYLES = {"supported": "green", "extended support only": "yellow", "ended": "bold red", "unknown": "yellow"}


def show_base(screen: Screen, base: Base) -> None:
    """Print the base layers, what the image says of its maker, support, and the longest unpatched findings."""
    system = base.distribution
    name = (
        " ".join(w for w in (system.name or system.id, system.version_id) if w)
        if system
        else "distribution unknown"
    )
    screen.line(text(name, "bold"))
    if base.layers:
        screen.item(
            text("base    ", "dim"), f"{plural(base.layers, 'layer')} at the bottom, told by {base.told_by}"
        )
    else:
        screen.item(
            "base", text("unknown: the image holds no essential package whose layer could be told", "yellow")
        )
    for diff_id in base.diff_ids:
        screen.item(text("layer   ", "dim"), diff_id)
    _support(screen, base)
    for key, value in base.claims.items() or [("maker", "the image does not say")]:
        screen.item(text("claims  ", "dim"), f"{key}: {value}")
    _unpatched(screen, base)


def _support(screen: Screen, base: Base) -> None:
    dates = ""
    if base.support:
        dates = f": security updates until {base.support.regular}"
        dates += f", long-term support until {base.support.extended}" if base.support.extended else ""
    screen.item(text("support ", "dim"), text(f"{base.state}{dates}", _STYLES[base.state]))


def _unpatched(screen: Screen, base: Base) -> None:
    screen.heading(f"{plural(len(base.unpatched), 'finding')} in the base whose fix has a date")
    worst: dict[tuple[str, str], Unpatched] = {}
    for found in base.unpatched:
        worst.setdefault((found.name, found.version), found)
    rows = [(u.name, u.version, u.fixed, f"{u.days}", str(u.since), u.finding) for u in worst.values()]
    if rows:
        screen.line()
        columns = ("Package", "Installed", "Fixed in", "Days", "Since", "Oldest")
        screen.table(columns, iter(rows[:_SHOWN]), right=("Days",), whole=("Oldest",))
    if len(rows) > _SHOWN:
        screen.line(text(f"… {plural(len(rows) - _SHOWN, 'more package')}, see --format json", "dim"))
