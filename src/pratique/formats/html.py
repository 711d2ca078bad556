"""The report of an image's whole way as one HTML page: no script, nothing loaded from elsewhere.

Every value is escaped by the template engine, and made visible before: nothing that an image names can become markup or
mislead a reader by direction marks.
"""

import base64
import hashlib
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from pratique.formats.text import mib, visible
from pratique.model.advisory import LEVELS
from pratique.model.clearance import Clearance


def html(clearance: Clearance) -> bytes:
    """Return the page of a clearance, in UTF-8."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"mib": mib, "seen": lambda value: visible(str(value)), "said": _said}
    style = _template("clearance.css")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = environment.from_string(_template("clearance.html"))
    ours = Markup(style)  # noqa: S704 - a file of this package
    return page.render(c=clearance, levels=LEVELS, style=ours, allowed=allowed).encode()


def _template(name: str) -> str:
    return files("pratique.formats").joinpath(f"templates/{name}").read_text("utf-8")


def _said(text: str) -> str:
    """Return what a program wrote, with its line ends."""
    return "\n".join(map(visible, text.split("\n")))
