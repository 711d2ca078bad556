"""Commands about the cache folder."""

from typing import Annotated

import typer

from pratique.cli.options import Cache, Form, PlainFormat, render
from pratique.cli.screen import Screen, text
from pratique.formats.text import plural
from pratique.model.cache import CacheState, Pruned


def cache_status(
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
) -> int:
    """Show what lies in the cache folder: kinds, sizes, and when the oldest entry was used last.

    Everything there is made anew when it is missing. Imported advisories lie beside it, see ``db status``.
    """
    from pratique.flows.cache import cache_state
    from pratique.flows.setting import setting

    render(Screen(), cache_state(setting(cache)), form, _show)
    return 0


def cache_prune(
    *,
    most: Annotated[
        str, typer.Option("--max-size", metavar="SIZE", help="Keep no more than this, as 20GB or 500MiB.")
    ] = "",
    older: Annotated[
        str, typer.Option("--older-than", metavar="AGE", help="Take what was not used since, as 30d or 12h.")
    ] = "",
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
) -> int:
    """Take away what was used longest ago. What was used within the last hour stays, and so do advisories."""
    from pratique.flows.cache import prune_cache
    from pratique.flows.setting import setting

    screen = Screen()
    pruned = prune_cache(setting(cache), most=most, older=older)
    render(screen, pruned, form, _show_pruned)
    if pruned.over:
        screen.note(f"{_mib(pruned.over)} over the limit: used within the last hour")
    return 0


def cache_clear(
    form: Form = PlainFormat.TABLE,
    cache: Cache = "",
) -> int:
    """Take everything out of the cache folder, but advisories. Waits for a workload that runs."""
    from pratique.flows.cache import clear_cache
    from pratique.flows.setting import setting

    render(Screen(), clear_cache(setting(cache)), form, _show_pruned)
    return 0


def _show(screen: Screen, state: CacheState) -> None:
    screen.line(text(state.folder, "bold"), f"  {_mib(state.size)}")
    rows = (
        (k.name, k.holds, f"{k.entries:,}", _mib(k.size), f"{k.oldest:%Y-%m-%d}" if k.oldest else "-")
        for k in state.kinds
    )
    screen.table(("Kind", "Holds", "Entries", "Size", "Oldest use"), rows, right=("Entries", "Size"))


def _show_pruned(screen: Screen, pruned: Pruned) -> None:
    screen.line(f"{plural(pruned.entries, 'entry')} gone, {_mib(pruned.size)}")
    _show(screen, pruned.left)


def _mib(size: int) -> str:
    return f"{size / (1 << 20):,.1f} MiB"
