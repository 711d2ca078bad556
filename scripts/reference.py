"""Write the generated pages: commands, exit codes, documents, catalogers, and the README's output of the demo.

``--check`` compares instead of writing and names every page that differs. ``--demo`` also writes the README's output of
the demo, for which it takes the demo image the whole way anew (needs root); the end-to-end tests compare it.
"""

import contextlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
REFERENCE = ROOT / "docs" / "reference"
README = ROOT / "README.md"
_MADE = "Made from the code by `make reference`."
SCREEN = {"CI": "1", "COLUMNS": "110", "NO_COLOR": "1"}
_MARK = ("<!-- demo output: written by `make readme` -->\n```text\n", "```\n<!-- end of demo output -->")


def pages() -> dict[Path, str]:
    """Return every generated page of the documentation."""
    made = {
        REFERENCE / "commands.md": commands(),
        REFERENCE / "exit-codes.md": exit_codes(),
        REFERENCE / "documents.md": documents(),
        REFERENCE / "catalogers.md": catalogers(),
    }
    return {path: text.replace("``", "`") if "```" not in text else text for path, text in made.items()}


def commands() -> str:
    """Return the help of every command, as the terminal shows it."""
    parts = [
        "# Commands",
        "",
        f"{_MADE} `pratique COMMAND --help` prints the same.",
        "",
    ]
    for words in command_lines():
        title = " ".join(("pratique", *words))
        parts += [f"## {title}" if words else "## pratique", "", "```text", help_text(words), "```", ""]
    return "\n".join(parts)


def command_lines() -> list[tuple[str, ...]]:
    """Return the words of every command, groups before what they hold."""
    import typer

    from pratique.cli.main import app

    def below(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield words
        for name, inner in getattr(command, "commands", {}).items():
            yield from below(inner, (*words, name))

    return list(below(typer.main.get_command(app), ()))


def help_text(words: tuple[str, ...]) -> str:
    """Return what ``--help`` prints on a terminal of 100 columns, without trailing blanks."""
    from pratique.cli import run

    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb", "TERMINAL_WIDTH": "100"}
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        run([*words, "--help"])
    return "\n".join(line.rstrip() for line in out.getvalue().strip("\n").splitlines())


def exit_codes() -> str:
    """Return the table of exit codes."""
    from pratique.cli.exits import MEANINGS

    rows = [f"| {code} | {meaning} |" for code, meaning in sorted(MEANINGS.items())]
    note = "`--exit-code N` puts N in the place of 2, as users of other scanners know it."
    return "\n".join(
        ["# Exit codes", "", _MADE, "", "| code | meaning |", "| --- | --- |", *rows, "", note, ""]
    )


def documents() -> str:
    """Return what each document kind holds, from its schema."""
    from pratique.formats.documents import schemas

    parts = [
        "# Documents",
        "",
        _MADE,
        "",
        "Every stage ends in one JSON document with a version (`schema`). Documents name each other by the sha256 of their bytes;",
        "`--format json` prints the three of a scan, each beside its digest. The schemas lie in `src/pratique/formats/schemas/`.",
        "",
    ]
    for name, text in schemas().items():
        parts += [f"## {name.removesuffix('.schema.json')}", "", *_described(json.loads(text)), ""]
    return "\n".join(parts)


def _described(schema: dict[str, Any]) -> Iterator[str]:
    """Yield the description and fields of a schema's root type."""
    root = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    yield from (
        line.strip() for line in root.get("description", "").partition("Attributes:")[0].strip().splitlines()
    )
    yield ""
    yield "| field | type |"
    yield "| --- | --- |"
    for field, kind in root["properties"].items():
        yield f"| `{field}` | {_type(kind)} |"


def _type(kind: dict[str, Any]) -> str:
    if "$ref" in kind:
        return f"`{kind['$ref'].rpartition('/')[2]}`"
    if "anyOf" in kind:
        return " or ".join(_type(k) for k in kind["anyOf"])
    if "enum" in kind:
        return ", ".join(f"`{value}`" for value in kind["enum"])
    if kind.get("type") == "array":
        return f"list of {_type(kind.get('items') or {})}"
    return f"{kind.get('format') or kind.get('type', 'any')}"


def catalogers() -> str:
    """Return the catalogers with the first lines of what they promise."""
    from pratique.catalog import CATALOGERS

    rows = []
    for cataloger in CATALOGERS:
        promise = (type(cataloger).__doc__ or "").strip().partition("\n")[0]
        wants = (type(cataloger).wants.__doc__ or "").strip().partition("\n")[0]
        rows.append(f"| `{cataloger.name}` | {promise} | {wants} |")
    head = [
        "# Catalogers",
        "",
        _MADE,
        "",
        "| name | what it does | what it wants of a layer |",
        "| --- | --- | --- |",
    ]
    return "\n".join(
        [*head, *rows, "", "How to add one: [Add a cataloger](../how-to/add-a-cataloger.md).", ""]
    )


def demo_output() -> str:
    """Return the screen of ``make demo`` on the demo image, every step of it done anew."""
    for name in ("cache/journal", "clear"):
        shutil.rmtree(ROOT / ".demo" / name, ignore_errors=True)
    command = ["bash", "demo/run.sh", ".demo", ".venv/bin/pratique"]
    return shown(
        subprocess.run(command, cwd=ROOT, env=os.environ | SCREEN, check=True, capture_output=True, text=True)
    )


def shown(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a run of the demo printed, without its last lines and without the day of a set clock."""
    text = f"{done.stderr.partition('documents:')[0]}\n{done.stdout.partition('More to try:')[0]}"
    lines = (line.rstrip() for line in text.strip().splitlines() if "Judged as of" not in line)
    return "\n".join(lines) + "\n"


def loosened(text: str) -> str:
    """Return a text's words, one a line, with digests, numbers and times blotted out.

    What may differ when the Debian mirror moves on goes, and where lines break, which the folder's name decides.
    """
    text = re.sub(r"[0-9][0-9,.]*", "N", re.sub(r"\b[0-9a-f]{12,64}\b", "N", text))
    return re.sub(r"\s+", "\n", text.replace(" before ", " N s "))


def readme_output(text: str) -> str:
    """Return the demo output that stands in a README."""
    return text.partition(_MARK[0])[2].partition(_MARK[1])[0]


def main() -> int:
    """Write or compare the pages."""
    check = "--check" in sys.argv[1:]
    wanted = pages()
    if "--demo" in sys.argv[1:]:
        before, _, rest = README.read_text().partition(_MARK[0])
        wanted[README] = before + _MARK[0] + demo_output() + _MARK[1] + rest.partition(_MARK[1])[2]
    different = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in different:
        if check:
            print(f"{path.relative_to(ROOT)} is not what the code says: run make reference", file=sys.stderr)
        else:
            path.write_text(wanted[path])
            print(f"wrote {path.relative_to(ROOT)}", file=sys.stderr)
    return int(check and bool(different))


if __name__ == "__main__":
    sys.exit(main())
