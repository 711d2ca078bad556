"""The clear command: what is refused before anything runs, its steps as they go by, and the table at its end."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from pratique.cli import run
from pratique.cli.clearance import LiveView, show_clearance
from pratique.cli.clearing import documents_folder
from pratique.cli.screen import Screen, Status
from pratique.model.advisory import LEVELS
from pratique.model.clearance import StepNote
from pratique.model.errors import UsageError
from tests.making import hostile, ways
from tests.making.images import layout
from tests.making.tar import Item

Capture = pytest.CaptureFixture[bytes]
CLEAR = ["clear", "oci:image", "--to", "oci:out"]
TWO = ["--workload", "a=true", "--workload", "b=true"]
NOTE = StepNote(name="scan", seconds=1.26, again=False, text="2 pypi", open=())


def lines(data: bytes) -> list[str]:
    return [line.rstrip() for line in data.decode().splitlines()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["clear"], "Missing argument 'SOURCE'"),
        (["clear", "a"], "Missing option '--to'"),
        ([*CLEAR, "--workload", "a"], "--workload: not NAME=COMMAND, or a name given twice: 'a'"),
        ([*CLEAR, "--workload", "a/b=c"], "--phase, --workload: not a name for a workload: 'a/b'"),
        ([*CLEAR, *TWO, "--", "c"], "--workload: a command after -- and named workloads"),
        ([*CLEAR, *TWO, "--expect", "/a"], "--expect: of which workload: '/a'"),
        ([*CLEAR, *TWO, "--check", "c=/a"], "--check: of which workload: 'c=/a'"),
        ([*CLEAR, *TWO, "--ready", "a=http://b"], "--ready, --drive: a service needs both"),
        ([*CLEAR, "--check", ""], "--check: given without a value"),
        ([*CLEAR, "--timeout", "inf"], "--timeout: not a time: inf"),
        ([*CLEAR, "--fail-on"], "Option '--fail-on' requires an argument"),
        ([*CLEAR, "-o", "json=a"], "No such option: -o"),
    ],
)
def test_wrong_calls_end_with_4_and_a_remedy(arguments: list[str], said: str, capsysbinary: Capture) -> None:
    assert run(arguments) == 4
    out, err = capsysbinary.readouterr()
    assert out == b""
    assert lines(err)[0].startswith("error: ")
    assert said in lines(err)[0]
    assert len(lines(err)) == 2


@pytest.mark.usefixtures("as_root")
def test_a_rule_that_is_none_is_told_before_the_image_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    layout(tmp_path / "image", [Item("a", b"x")])
    assert run([*CLEAR, "--fail-on", "severe"]) == 4
    assert "not a rule: 'severe'" in lines(capsysbinary.readouterr().err)[0]


@pytest.mark.usefixtures("as_root")
def test_an_unpacked_root_is_not_cleared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Capture
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "root" / "etc").mkdir(parents=True)
    assert run(["clear", "dir:root", "--to", "oci:out"]) == 1
    assert lines(capsysbinary.readouterr().err)[0].endswith("an unpacked root cannot be cleared")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("folder", "documents"),
    [
        ("out", "out.documents"),
        ("a/out", "a/out.documents"),
        ("/a/out", "/a/out.documents"),
        ("out.d/", "out.d.documents"),
        (".", "{here}.documents"),
        ("a/..", "{here}.documents"),
        ("b/c/..", "{here}/b.documents"),
    ],
)
def test_documents_lie_beside_the_image(
    folder: str, documents: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert documents_folder(Path(folder)) == Path(documents.format(here=tmp_path))


@pytest.mark.parametrize("folder", ["/", "/..", "/tmp/.."])
def test_nothing_lies_beside_the_root(folder: str) -> None:
    with pytest.raises(UsageError, match="nothing lies beside it") as caught:
        documents_folder(Path(folder))
    assert caught.value.remedy == "Say where documents go: --documents DIR"


def ended(capture: Capture, note: StepNote, *, quiet: bool = False) -> list[str]:
    with LiveView(Screen(quiet=quiet)) as view:
        view.started(note.name)
        view.detail("unpacking")
        view.ended(note)
    out, err = capture.readouterr()
    assert out == b""
    assert hostile.raw(err) == []
    return lines(err)


def test_a_step_is_a_line(capsysbinary: Capture) -> None:
    assert ended(capsysbinary, NOTE) == ["scan                 1.3 s  2 pypi"]
    assert ended(capsysbinary, replace(NOTE, again=True)) == ["scan                before  2 pypi"]
    assert ended(capsysbinary, NOTE, quiet=True) == []


def test_what_a_step_leaves_open_hangs_below_it(capsysbinary: Capture) -> None:
    shown = ended(capsysbinary, replace(NOTE, open=("a: why", "b: " + "long " * 60)))
    assert shown[1] == " " * 26 + "! a: why"
    assert shown[2] == " " * 26 + "! b: " + ("long " * 60).strip()


@pytest.mark.parametrize("name", [n for n in hostile.NAMES if len(n) < 1000], ids=ascii)
def test_no_step_steers_the_terminal(name: str, capsysbinary: Capture) -> None:
    assert len(ended(capsysbinary, replace(NOTE, name=name, text=name, open=(name,)))) == 2


def test_on_a_terminal_what_goes_on_is_shown_and_then_taken_away(capsysbinary: Capture) -> None:
    console = Console(force_terminal=True, width=80, stderr=True)
    with Status(console) as status:
        status.update("harden: \x1b]52;c;aGk=\x07")
    err = capsysbinary.readouterr().err.decode()
    assert "\x1b]52" not in err
    assert err.endswith("\x1b[2K")


def test_elsewhere_nothing_is_shown_of_what_goes_on(capsysbinary: Capture) -> None:
    with Screen().status() as status:
        status.update("harden")
    assert capsysbinary.readouterr() == (b"", b"")


def shown(capture: Capture, **more: Any) -> str:
    show_clearance(Screen(), ways.clearance(**more))
    return capture.readouterr().out.decode()


def test_before_and_after(capsysbinary: Capture) -> None:
    rows = [line.split() for line in shown(capsysbinary).splitlines()]
    assert ["Compressed", "3.0", "MiB", "1.0", "MiB", "(33%)"] in rows
    assert ["Packages,", "deb", "2,000", "(4", "ran)", "2,000", "(4", "ran)"] in rows
    assert ["critical", "1", "0", "1", "0"] in rows
    assert not [row for row in rows if row[:1] == ["Policy"]]


def test_a_policy_is_told_where_there_was_one(capsysbinary: Capture) -> None:
    out = shown(capsysbinary, before=ways.tally(verdict="fail"), after=ways.tally(verdict="pass"))
    assert ["Policy", "FAIL", "PASS"] in [line.split() for line in out.splitlines()]


def test_sizes_that_are_not_known(capsysbinary: Capture) -> None:
    out = shown(capsysbinary, before=ways.tally(compressed=0))
    assert ["Compressed", "not", "known", "1.0", "MiB"] in [line.split() for line in out.splitlines()]


@pytest.mark.parametrize("work", ["proven", "weakly proven", "unproven", "refuted"])
def test_what_is_published_is_named_with_what_is_known_of_its_work(work: str, capsysbinary: Capture) -> None:
    made = ways.clearance(work=work)
    last = shown(capsysbinary, work=work, target="oci:" + "x" * 200).splitlines()[-1]
    assert last == f"Published, {work}: oci:{'x' * 200}  {made.manifest}"


def test_what_is_not_published_says_how_it_would_be(capsysbinary: Capture) -> None:
    last = shown(capsysbinary, published=False, work="refuted").splitlines()[-1]
    assert last == "Not published, refuted. To publish it all the same: --unproven"


def test_attempts_are_told_one_after_the_other(capsysbinary: Capture) -> None:
    bad = ways.line("different", compared=("exit code: different (0 -> 1)",), lost=(ways.lost("six"),))
    bad = replace(bad, replaced=("b 1 -> 2",), said="Traceback:\n  ImportError\x1b")
    out = shown(capsysbinary, attempts=(ways.attempt(bad), ways.attempt(ways.line(), keep=("six", "b"))))
    wanted = [
        "Attempt 1",
        "training: different",
        "  - exit code: different (0 -> 1)",
        "  - six was used in the original and is gone (lib/six/__init__.py)",
        "  - in use, and of another version now: b 1 -> 2",
        "  it said:",
        "    Traceback:",
        "      ImportError\\x1b",
        "Attempt 2, keeping six, b",
        "training: the same",
    ]
    start = out.splitlines().index("Attempt 1")
    assert out.splitlines()[start : start + len(wanted)] == wanted
    assert "Attempt" not in shown(capsysbinary)


@pytest.mark.parametrize("name", [n for n in hostile.NAMES if len(n) < 1000], ids=ascii)
def test_no_name_steers_the_terminal(name: str, capsysbinary: Capture) -> None:
    proof = ways.line("different", name, compared=(name,), replaced=(name,), said=name)
    proof = replace(proof, lost=(replace(ways.lost("a"), name=name, path=name),))
    tally = ways.tally(packages={name: 1}, findings=dict.fromkeys(LEVELS, 2))
    out = shown(
        capsysbinary,
        reference=name,
        target=name,
        unfixed=(name,),
        untouched=(name,),
        before=tally,
        after=tally,
        attempts=(ways.attempt(proof), ways.attempt(proof, keep=(name,))),
    )
    assert hostile.raw(out.encode()) == []
    assert not [line for line in out.splitlines() if line.strip().startswith(("::", "##"))]
