"""Interpreters that the kernel opens by itself: no call names them, the first line of an executed script does."""

import os
from collections.abc import Mapping
from pathlib import Path

from pratique.model.files import Kind, Tree
from pratique.model.usage import How

_LINE = 256
_DEEP = 4


def with_interpreters(
    calls: Mapping[str, frozenset[How]], tree: Tree, root: Path
) -> dict[str, frozenset[How]]:
    """Return the calls with the interpreter of every executed script added (execve(2), "Interpreter scripts").

    Args:
        calls: path -> kinds of use.
        tree: of the image.
        root: the image's files, as unpacked from this tree.
    """
    found = dict(calls)
    waiting = [(path, 0) for path, how in calls.items() if "executed" in how]
    while waiting:
        path, depth = waiting.pop()
        interpreter = _interpreter(path, tree, root)
        if interpreter and depth < _DEEP and "executed" not in found.get(interpreter, ()):
            found[interpreter] = found.get(interpreter, frozenset()) | {"executed"}
            waiting.append((interpreter, depth + 1))
    return found


def _interpreter(path: str, tree: Tree, root: Path) -> str:
    """Return what the first line of a script names; empty for what is no script of the image."""
    real = _end(path, tree)
    if not real:
        return ""
    descriptor = os.open(root / real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        line = file.read(_LINE).partition(b"\n")[0]
    words = line[2:].split() if line.startswith(b"#!") else []
    return words[0].decode("utf-8", "replace") if words else ""


def _end(path: str, tree: Tree) -> str:
    """Return where a path leads in the tree; empty where it leads to no file."""
    end = tree.lookup(path.lstrip("/"))
    if end is None or end.entry.kind not in {Kind.FILE, Kind.HARDLINK}:
        return ""
    return tree.resolve(end.entry.path)
