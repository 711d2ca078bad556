"""The house rules that no linter knows: sizes, words, bounds, and where imports may go."""

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median
from typing import NamedTuple

import pytest

from tests.conftest import ROOT

SOURCES = sorted((ROOT / "src").rglob("*.py"))
TESTS = [p for p in sorted((ROOT / "tests").rglob("*.py")) if "data" not in p.relative_to(ROOT).parts]
NAMES = ("utils", "util", "common", "helpers", "types", "manager", "misc")
HOSTS = (
    "pypi|org",
    "pythonhosted|org",
    "npmjs|org",
    "deb.debian|org",
    "crates|io",
    "proxy.golang|org",
    "anaconda|org",
)
PLACES = ("|work/", "|farm/", "|root/.pyenv")
FOREIGN = ("data", "tests/data", "tests/conformance/data", "src/pratique/formats/schemas/official")
WORDS = ("TO|DO", "FIX|ME", "X|XX", "HA|CK")
"""Written with a bar, so that this file is not the first to break its rules."""


BOUNDED = {"src/pratique/image/streams.py": "VerifiedBlob.read, which gives one chunk of a fixed size"}
BLIND = {
    "test_the_suite_s_valid_texts_are_read": "fails by an error of the reader",
    "test_any_bytes_are_a_value_or_an_error_of_ours": "fails by an error of another family",
}


class Function(NamedTuple):
    """A function, where it stands and how long it is."""

    place: str
    lines: int
    node: ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def functions(paths: list[Path]) -> Iterator[Function]:
    for path in paths:
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                place = f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
                yield Function(place, (node.end_lineno or node.lineno) - node.lineno + 1, node)


@cache
def tracked() -> tuple[Path, ...]:
    """Return the text files that git keeps, data of others left out."""
    if not shutil.which("git") or not (ROOT / ".git").exists():
        pytest.skip("no git repository")
    done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    foreign = [ROOT / place for place in FOREIGN]
    paths = (ROOT / name for name in done.stdout.split("\0") if name)
    return tuple(p for p in paths if p.is_file() and not any(p.is_relative_to(f) for f in foreign))


def hits(pattern: str, paths: tuple[Path, ...] | list[Path]) -> list[str]:
    """Return where a pattern stands."""
    wanted = re.compile(pattern)
    found = []
    for path in paths:
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), 1):
            if wanted.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}")
    return found


def spelled(words: tuple[str, ...], glue: str) -> str:
    return "|".join(re.escape(word.replace("|", glue)) for word in words)


def test_functions_are_short() -> None:
    assert [f.place for f in functions(SOURCES + TESTS) if f.lines > 80] == []
    lengths = sorted(f.lines for f in functions(SOURCES))
    assert median(lengths) <= 11
    assert lengths[len(lengths) * 9 // 10] <= 45


def test_files_are_short() -> None:
    sizes = {p.relative_to(ROOT): len(p.read_text("utf-8").splitlines()) for p in SOURCES + TESTS}
    assert {p: n for p, n in sizes.items() if n > 500} == {}


def test_no_read_without_a_bound() -> None:
    paths = [p for p in SOURCES if str(p.relative_to(ROOT)) not in BOUNDED]
    assert [place for path in paths for place in unbounded(path)] == []
    assert [p for p in BOUNDED if not list(unbounded(ROOT / p))] == []


def unbounded(path: Path) -> Iterator[str]:
    """Yield where a file-like thing is read without saying how much."""
    readers = {"read", "readline", "readlines", "readall", "read1"}
    for node in ast.walk(tree(path)):
        match node:
            case ast.Call(func=ast.Attribute(attr=name), args=[], keywords=[]) if name in readers:
                yield f"{path.relative_to(ROOT)}:{node.lineno}"


def test_nothing_is_left_to_do() -> None:
    assert hits(rf"\b({spelled(WORDS, '')})\b", tracked()) == []


def test_no_host_of_a_package_registry() -> None:
    assert hits(spelled(HOSTS, "."), tracked()) == []


def test_no_path_of_the_machine_that_it_was_written_on() -> None:
    assert hits(rf"(?<![\w.-])({spelled(PLACES, '/')})", tracked()) == []


def test_no_room_without_a_name() -> None:
    assert [p.relative_to(ROOT) for p in SOURCES if p.stem in NAMES or p.parent.name in NAMES] == []


def test_every_folder_of_sources_is_a_package() -> None:
    assert [p.parent.relative_to(ROOT) for p in SOURCES if not (p.parent / "__init__.py").exists()] == []


def test_tests_patch_nothing() -> None:
    """Fakes stand at protocols; only the network is cut off, in one place."""
    others = [p for p in TESTS if p != ROOT / "tests" / "conftest.py" and p != Path(__file__)]
    assert hits(r"monkeypatch\.(setattr|delattr|setitem)|unittest\.mock|mocker\b|@patch", others) == []


def test_every_test_can_fail() -> None:
    """A test asserts or expects an error, by itself or by a helper of its module."""
    blind = []
    for path in TESTS:
        own = {f.node.name for f in functions([path]) if any(map(_asserts, ast.walk(f.node)))}
        for function in functions([path]):
            name = function.node.name
            if name.startswith("test_") and name not in own | set(BLIND) and not own & called(function.node):
                blind.append(function.place)
    assert blind == []


def called(function: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}


def _asserts(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else ""
    return isinstance(node, ast.Assert) or name in {"raises", "warns", "check", "fail"}


def test_imports_go_down() -> None:
    """The contracts of ``[tool.importlinter]``: floors, no cycles, judgement without I/O."""
    script = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports(no_cache=True))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "0 broken" in done.stdout
