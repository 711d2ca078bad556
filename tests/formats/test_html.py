"""The page of a clearance: whole, the same every time, and deaf to whatever an image says."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from pratique.formats.html import html
from pratique.formats.text import visible
from pratique.model.clearance import Clearance, StepNote
from pratique.model.digest import Digest
from pratique.model.proof import Lost
from tests.making import hostile, ways

VOID = {"meta", "br"}
BIG = 10 << 20
NAMES = (
    *(n for n in hostile.NAMES if len(n) < 1000),
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title></head><body onload=alert(1)>",
    '"onmouseover="alert(1)',
    "'onmouseover='alert(1)",
    "javascript:alert(1)",
    '<a href="https://example.invalid/">x</a>',
    "<img src=x onerror=alert(1)>",
    "<!-- ",
    "]]>",
    "&lt;script&gt;",
    "{% include '/etc/passwd' %}{{ c.__class__ }}",
    "\u202egpj.exe\u2069",
    "\x1b[31mred\x1b[0m",
    "\ud800\udcff",
)


class Page(HTMLParser):
    """Every element, attribute and text of a page; end tags have to fit."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.parts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(data.decode("utf-8"))
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.parts.append((self._open[-1] if self._open else "", data))

    def text(self, wanted: str = "") -> str:
        """Return the text of an element, or of all but the style."""
        return "".join(text for tag, text in self.parts if tag == wanted or (not wanted and tag != "style"))


def hostile_clearance(name: str) -> Clearance:
    """Return a clearance that holds a name wherever it holds text."""
    digest: Any = Digest(name)
    proof = ways.line(
        "different",
        name,
        compared=(name,),
        lost=(Lost(package=name, name=name, path=name),),
        replaced=(name,),
        said=name,
    )
    tally = ways.tally(packages={name: 1}, used={name: 1}, verdict=name)
    return ways.clearance(
        tool=name,
        clock=name,
        reference=name,
        target=name,
        work=name,
        **dict.fromkeys(("original", "result", "manifest"), digest),
        before=tally,
        after=tally,
        attempts=(ways.attempt(proof), ways.attempt(proof, keep=(name, name))),
        unfixed=(name,),
        untouched=(name,),
        steps=(StepNote(name=name, seconds=1.0, again=False, text=name, open=(name,)),),
        documents={name: digest},
    )


BENIGN = Page(html(hostile_clearance("benign")))


@pytest.mark.parametrize("name", NAMES, ids=lambda n: ascii(n[:30]))
def test_a_hostile_name_stays_text_wherever_it_stands(name: str) -> None:
    data = html(hostile_clearance(name))
    assert hostile.raw(data) == []
    page = Page(data)
    assert page.tags == BENIGN.tags
    assert page.attributes == BENIGN.attributes
    shown = page.text().count(visible(name)) - BENIGN.text().count(visible(name))
    said = 2 * ("\n" in name)  # what a program said keeps its line ends
    assert shown >= BENIGN.text().count("benign") - said


def test_a_name_of_ten_megabytes() -> None:
    name = "a" * BIG + "<script>"
    page = Page(html(ways.clearance(reference=name, unfixed=("\x1b" * 1000,))))
    assert page.tags == Page(html(ways.clearance(unfixed=("x",)))).tags
    assert page.text("h1") == name


def test_nothing_is_loaded_or_run() -> None:
    assert not {"script", "link", "img", "iframe", "object", "a", "form", "base"} & set(BENIGN.tags)
    names = {name for _, name, _ in BENIGN.attributes}
    assert names <= {"lang", "charset", "name", "content", "http-equiv", "class"}
    text = html(ways.clearance()).decode()
    assert not re.search(r"https?:|//[a-z]|url\(|@import|expression\(", text)


def test_the_policy_allows_the_style_of_the_page_and_nothing_else() -> None:
    page = Page(html(ways.clearance()))
    style = page.text("style")
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    (policy,) = (v for tag, name, v in page.attributes if name == "content" and "default-src" in v)
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{allowed}'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    assert ("meta", "http-equiv", "Content-Security-Policy") in page.attributes
    assert page.tags.count("style") == 1
    assert not [name for _, name, _ in page.attributes if name == "style" or name.startswith("on")]


def test_the_page_is_a_function_of_the_clearance() -> None:
    assert html(hostile_clearance("x")) == html(hostile_clearance("x"))


def shown(**more: Any) -> str:
    return re.sub(r"\s+", " ", Page(html(ways.clearance(**more))).text())


def test_what_is_published_says_so() -> None:
    text = shown()
    assert "Published as oci:out:latest: proven" in text
    assert "; policy:" not in text
    assert "3.0 MiB1.0 MiB 33 %" in text
    assert "Packages, deb2,000 4 ran2,000 4 ran" in text


def test_what_is_not_published_says_so() -> None:
    data = html(ways.clearance(published=False, work="refuted", after=ways.tally(verdict="fail")))
    page = Page(data)
    assert "Not published: refuted" in page.text()
    assert "; policy: fail" in page.text()
    assert ("p", "class", "verdict bad") in page.attributes


@pytest.mark.parametrize(
    ("work", "look"), [("proven", "good"), ("weakly proven", "fair"), ("unproven", "fair")]
)
def test_only_what_is_proven_looks_good(work: str, look: str) -> None:
    page = Page(html(ways.clearance(work=work)))
    assert ("p", "class", f"verdict {look}") in page.attributes


def test_two_attempts_are_told_in_their_order() -> None:
    first = ways.attempt(ways.line("different", lost=(ways.lost("tornado"),), replaced=("a 1 -> 2",)))
    text = shown(attempts=(first, ways.attempt(ways.line(), keep=("tornado", "six"))))
    order = ["Attempt 1", "different", "tornado was used", "a 1 -> 2", "Attempt 2, keeping tornado, six", "the same"]  # fmt: skip
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "Attempt" not in shown()


def test_without_workloads_that_is_said() -> None:
    assert "No workload was run." in shown(attempts=(ways.attempt(),), work="unproven")
    assert "No workload was run." not in shown()


def test_what_a_run_said_keeps_its_lines() -> None:
    said = "Traceback:\n  File <x>\r\n\x1b[1mImportError"
    page = Page(html(ways.clearance(attempts=(ways.attempt(ways.line("different", said=said)),))))
    assert page.text("pre") == "Traceback:\n  File <x>\\x0d\n\\x1b[1mImportError"


def test_sizes_that_are_not_known_are_not_shown_as_nothing() -> None:
    text = shown(before=ways.tally(compressed=0))
    assert "Compressed sizenot known1.0 MiB " in text
    assert "%" not in text


def test_steps_and_what_they_left_open() -> None:
    steps = (
        StepNote(name="plan", seconds=2.345, again=False, text="1 to remove", open=("a: why",)),
        StepNote(name="base", seconds=0.0, again=True, text="1 layer", open=()),
    )
    assert "plan2.31 to removea: why base" in shown(steps=steps)
    assert "baseearlier1 layer" in shown(steps=steps)


def test_a_plan_that_ends_everything_says_so() -> None:
    assert "The plan ends every finding that is known." in shown()
    assert "The plan ends every" not in shown(unfixed=("a: why",))
