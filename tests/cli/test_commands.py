"""Commands through the door that the program uses: exit codes, streams, files, and errors in one line."""

import json
from pathlib import Path

import pytest
from typer.models import CommandInfo

from pratique import __version__
from pratique.cli import run
from pratique.cli.main import app, database
from pratique.flows.outputs import FORMATS
from tests.making import scans
from tests.making.feeds import jsonl, record
from tests.making.tar import Item

Capture = pytest.CaptureFixture[bytes]
NOWHERE = ("error: gone: no such file or ", "       Check the path")
PASSING = 'fail-on = ["critical"]\n' + scans.ACCEPTED


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the small image; its advisories are imported into the test's own cache, the clock stands still."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    scans.imported(tmp_path / "pratique-cache")
    return str(scans.image(tmp_path / "image"))


def written(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def lines(data: bytes) -> list[str]:
    return [line.rstrip() for line in data.decode().splitlines()]


def test_exit_codes(image: str, tmp_path: Path, capsysbinary: Capture) -> None:
    policy = written(tmp_path / "policy.toml", PASSING)
    assert run(["scan", image]) == 0  # nothing is judged
    assert run(["scan", image, "--policy", policy]) == 0
    assert run(["scan", str(tmp_path / "gone")]) == 1
    assert run(["scan", image, "--fail-on", "high"]) == 2
    assert run(["scan", image, "--fail-on", "critical"]) == 3
    assert run(["scan", image, "--fail-on", "severe"]) == 4
    assert b"Traceback" not in capsysbinary.readouterr().err


@pytest.mark.parametrize(
    ("code", "rule", "want"), [("7", "high", 7), ("255", "high", 255), ("7", "critical", 3)]
)
def test_exit_code_of_a_failure_can_be_chosen(image: str, code: str, rule: str, want: int) -> None:
    assert run(["scan", image, "--exit-code", code, "--fail-on", rule]) == want


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["scan"], "error: Missing argument 'SOURCE'"),
        (["scan", "x", "--colour"], "error: No such option: --colour"),
        (
            ["scan", "x", "--format", "xml"],
            "'--format' / '-f': 'xml' is not one of 'table', 'json', 'sarif'",
        ),
        (
            ["scan", "x", "--exit-code", "256"],
            "'--exit-code': ",
        ),
        (["scan", "x", "-o", "xml=a"], "error: --output: not FORMAT=FILE: 'xml=a'"),
        (["scan", ""], "error: no image was named"),
        (["launch"], "error: No such command 'launch'"),
        (["db", "import"], "error: Missing argument 'PATH...'"),
        (
            ["db", "import", "x", "--as-of", "soon"],
            "'soon' does not match the format",
        ),
        (
            ["completion", "tcsh"],
            "'tcsh' is not one of 'bash', 'zsh', 'fish'",
        ),
    ],
)
def test_wrong_calls(arguments: list[str], said: str, capsysbinary: Capture) -> None:
    assert run(arguments) == 4
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert lines(err)[0].startswith("error: ")
    assert said in lines(err)[0]
    assert len(lines(err)) == 2
    assert lines(err)[1].startswith("       ")


@pytest.mark.parametrize(
    ("arguments", "what", "remedy"),
    [
        (["scan", "gone"], *NOWHERE),
        (
            ["scan", "x", "--policy", "gone.toml"],
            "error: gone.toml: no such file or directory",
            "       Check the path and its permissions.",
        ),
        (["db", "import", "gone"], "error: gone: no such file or folder", "       Check the path."),
        (["explain", "CVE-1", "gone"], *NOWHERE),
        (["sbom", "gone"], *NOWHERE),
    ],
)
def test_errors_are_one_line_and_a_remedy(
    arguments: list[str], what: str, remedy: str, capsysbinary: Capture
) -> None:
    assert run(arguments) == 1
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert len(lines(err)) == 2
    assert lines(err)[0].startswith(what)
    assert lines(err)[1].startswith(remedy)


def test_damaged_database_is_one_line(tmp_path: Path, capsysbinary: Capture) -> None:
    broken = [*scans.LOWER[:7], Item("var/lib/dpkg/status", b"Package: a\nSta")]
    assert run(["scan", str(scans.image(tmp_path / "image", broken))]) == 1
    said = lines(capsysbinary.readouterr().err)
    assert len(said) == 1
    assert said[0].endswith("var/lib/dpkg/status: line 2: the last line has no end: the file is cut")


@pytest.mark.parametrize(
    "arguments", [["--debug", "db", "import", "gone"], ["db", "import", "gone", "--debug"]]
)
def test_debug_lets_an_error_through(arguments: list[str]) -> None:
    with pytest.raises(Exception, match="no such file or folder"):
        run(arguments)


def test_debug_after_two_dashes_is_an_argument(capsysbinary: Capture) -> None:
    assert run(["db", "import", "--", "--debug"]) == 1
    assert lines(capsysbinary.readouterr().err)[0] == "error: --debug: no such file or folder"


def test_scan_as_json(image: str, capsysbinary: Capture) -> None:
    assert run(["scan", image, "--format", "json", "--fail-on", "high"]) == 2
    out, err = capsysbinary.readouterr()
    assert (out[-1:], out.count(b"\n"), err) == (b"\n", 1, b"")
    report = json.loads(out)
    assert report["schema"] == "pratique.report/1"
    assert report["decision"]["document"]["verdict"] == "fail"
    assert [f["id"] for f in report["findings"]["document"]["findings"]] == [
        "CVE-2026-1111",
        "CVE-2026-2222",
        "PYSEC-2026-2",
    ]


def test_scan_as_sarif(image: str, capsysbinary: Capture) -> None:
    assert run(["scan", image, "--format", "sarif"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["version"] == "2.1.0"


def test_table(image: str, capsysbinary: Capture) -> None:
    assert run(["scan", image, "--fail-on", "high,kev"]) == 2
    out = capsysbinary.readouterr().out.decode()
    assert "3 findings in 3 packages" in out
    assert "CVE-2026-2222 KEV" in out
    assert "FAIL  by high, kev" in out
    assert out.endswith(
        f" explain CVE-2026-2222 {image} --cache-dir {image.removesuffix('image')}pratique-cache\n"
    )
    assert "\x1b" not in out


def test_one_row_a_finding(image: str, capsysbinary: Capture) -> None:
    assert run(["scan", image, "--all"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert [i in out for i in ("CVE-2026-1111", "CVE-2026-2222", "PYSEC-2026-2")] == [True, True, True]


def test_several_files(image: str, tmp_path: Path, capsysbinary: Capture) -> None:
    outputs = [word for name in FORMATS for word in ("-o", f"{name}={tmp_path}/out/{name}")]
    assert run(["scan", image, "--fail-on", "high", *outputs]) == 2
    assert {p.name: json.loads(p.read_bytes()) != {} for p in (tmp_path / "out").iterdir()} == dict.fromkeys(
        FORMATS, True
    )
    assert lines(capsysbinary.readouterr().err) == [f"{name}: {tmp_path}/out/{name}" for name in FORMATS]


def test_quiet_has_no_notes(image: str, tmp_path: Path, capsysbinary: Capture) -> None:
    assert run(["scan", image, "-q", "-o", f"json={tmp_path}/a"]) == 0
    assert run(["sbom", image, "-q"]) == 0
    assert run(["db", "import", str(jsonl(tmp_path / "a.jsonl", record("A"))), "-q"]) == 0
    assert capsysbinary.readouterr().err == b""


def test_file_that_cannot_be_written(image: str, tmp_path: Path, capsysbinary: Capture) -> None:
    place = tmp_path / "file"
    place.write_text("x")
    for command in (["scan", image, "-o", f"json={place}/a"], ["sbom", image, "-o", f"spdx-json={place}/a"]):
        assert run(command) == 1
        out, err = capsysbinary.readouterr()
        assert out == b""
        assert lines(err)[0].startswith(f"error: {place}: ")
        assert lines(err)[1] == "       Free space, or name a folder that this user may write."


def test_sbom(image: str, tmp_path: Path, capsysbinary: Capture) -> None:
    assert run(["sbom", image]) == 0
    assert json.loads(capsysbinary.readouterr().out)["bomFormat"] == "CycloneDX"
    assert run(["sbom", image, "--format", "spdx-json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["spdxVersion"] == "SPDX-2.3"
    assert run(["sbom", image, "-o", f"cyclonedx-json={tmp_path}/a", "-o", f"spdx-json={tmp_path}/b"]) == 0
    assert capsysbinary.readouterr().out == b""
    assert json.loads((tmp_path / "a").read_bytes())["specVersion"] == "1.6"


def test_sbom_of_a_partial_inventory_says_so(tmp_path: Path, capsysbinary: Capture) -> None:
    assert run(["sbom", str(scans.image(tmp_path / "image", scans.UPPER))]) == 0
    said = lines(capsysbinary.readouterr().err)
    assert said == ["The inventory is partial: 2 gaps stand in the document"]


@pytest.mark.parametrize("name", ["CVE-2026-2222", "ghsa-aaaa-bbbb-cccc", "PYSEC-2026-1"])
def test_explain(image: str, name: str, capsysbinary: Capture) -> None:
    assert run(["explain", name, image]) == 0
    out = capsysbinary.readouterr().out.decode()
    for part in (
        "CVE-2026-2222",
        "high 7.5",
        "EPSS 0.420",
        "known to be exploited (CISA, 2026-11-01)",
        "layer       2 of 2",
        "RUN step 2",
        "PYSEC-2026-1 (feed pypi, as of 2026-11-23)",
        "< 2.0",
    ):
        assert part in out


def test_explain_as_json(image: str, capsysbinary: Capture) -> None:
    assert run(["explain", "CVE-2026-1111", image, "--format", "json"]) == 0
    (one,) = json.loads(capsysbinary.readouterr().out)
    assert (one["schema"], one["package"]["name"], one["position"]) == (
        "pratique.explanation/1",
        "libssl3",
        1,
    )


def test_explain_what_is_not_there(image: str, capsysbinary: Capture) -> None:
    assert run(["explain", "CVE-1999-0001", image]) == 1
    said = lines(capsysbinary.readouterr().err)
    assert said == [
        f"error: {image}: no finding CVE-1999-0001 in this image",
        "       This proves nothing for the 3 packages that could not be assessed in full: see pratique scan.",
    ]


def test_database_without_a_snapshot(capsysbinary: Capture) -> None:
    assert run(["db", "status"]) == 0
    assert capsysbinary.readouterr().out == b"No snapshot. Run: pratique db import PATH\n"
    assert run(["db", "status", "--format", "json"]) == 0
    assert json.loads(capsysbinary.readouterr().out) == {
        "schema": "pratique.database/1",
        "snapshot": None,
        "feeds": [],
    }


def test_database_import_and_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    assert run(["db", "import", str(scans.feeds(tmp_path / "feeds"))]) == 0
    out, err = capsysbinary.readouterr()
    assert lines(err) == ["read dsa", "read pypi", "read kev", "read epss"]
    assert run(["db", "status"]) == 0
    assert capsysbinary.readouterr().out == out
    assert b"Debian:12: window 2026-01-01 to 2026-11-23" in out
    assert b"stale" not in out


def test_database_in_a_folder_of_choice(tmp_path: Path, capsysbinary: Capture) -> None:
    feed = str(jsonl(tmp_path / "a.jsonl", record("A-1")))
    more = ["--feed", "mine", "--coverage", "complete", "--as-of", "2026-11-20", "--format", "json"]
    assert run(["db", "import", feed, *more, "--cache-dir", str(tmp_path / "here")]) == 0
    (state,) = json.loads(capsysbinary.readouterr().out)["feeds"]
    assert (state["feed"]["name"], state["feed"]["coverage"], state["feed"]["as_of"]) == (
        "mine",
        "complete",
        "2026-11-20T00:00:00Z",
    )
    assert run(["db", "status", "--format", "json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["snapshot"] is None


def test_stale_feed_says_so(tmp_path: Path, capsysbinary: Capture) -> None:
    assert run(["db", "import", str(jsonl(tmp_path / "a.jsonl", record("A-1")))]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert "of unknown age (stale)" in out
    assert "A stale feed is older than 7 days: a policy must accept that before an image can pass." in out


def test_version(capsysbinary: Capture) -> None:
    assert run(["version"]) == 0
    assert capsysbinary.readouterr().out.decode().startswith(f"pratique {__version__} (Python 3.")
    assert run(["version", "--format", "json"]) == 0
    assert json.loads(capsysbinary.readouterr().out)["pratique"] == __version__
    assert run(["--version"]) == 0
    assert capsysbinary.readouterr().out.decode() == f"pratique {__version__}\n"


def words(prefix: list[str], commands: list[CommandInfo]) -> list[list[str]]:
    return [[*prefix, c.name or str(getattr(c.callback, "__name__", ""))] for c in commands]


COMMANDS = words([], app.registered_commands) + words(["db"], database.registered_commands)


def test_commands_are_known() -> None:
    assert {" ".join(c) for c in COMMANDS} >= {
        "scan",
        "sbom",
        "explain",
        "version",
        "completion",
        "db import",
        "db status",
    }


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_help_has_an_example_that_names_the_command(command: list[str], capsysbinary: Capture) -> None:
    assert run([*command, "--help"]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert "Example" in out
    assert f"pratique {' '.join(command)}" in out.partition("Example")[2]


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_of_the_program(arguments: list[str], capsysbinary: Capture) -> None:
    assert run(arguments) == 0
    out = capsysbinary.readouterr().out.decode()
    assert all(c[0] in out for c in COMMANDS)


def test_group_without_a_command_shows_its_help(capsysbinary: Capture) -> None:
    assert run(["db"]) == 4
    out, err = capsysbinary.readouterr()
    assert b"import" in out + err


def test_a_fault_of_ours_is_one_line_too(tmp_path: Path, capsysbinary: Capture) -> None:
    feed = str(jsonl(tmp_path / "a.jsonl", record("A-1")))
    assert run(["db", "import", feed, "--feed", "\udcff", "-q"]) == 1  # text that no document can hold
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert lines(err)[0].startswith("error: a fault of Pratique (UnicodeEncodeError: ")
    assert lines(err)[1] == "       Run it again with --debug and report what it prints."
