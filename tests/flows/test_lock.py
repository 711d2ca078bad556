"""Lock files on disk: each construct with its code and line, includes, and hostile input."""

import os
from pathlib import Path

import pytest

from pratique.flows.clock import read_clock
from pratique.flows.lock import check_locks
from pratique.model.errors import InputError, PratiqueError, UnavailableError, UnsupportedError
from pratique.model.pins import Pins

H = f"--hash=sha256:{'a' * 64}"
GOOD = f"idna==3.4 {H}\n"
HEAD = 'lock-version = "1.0"\ncreated-by = "x"\n'
WHEEL = f'{{url = "https://h.invalid/a-1-py3-none-any.whl", hashes = {{sha256 = "{"a" * 64}"}}}}'
PACKAGE = f'[[packages]]\nname = "a"\nversion = "1"\nwheels = [{WHEEL}]\n'


def check(*files: Path, root: Path | None = None) -> Pins:
    return check_locks(files, root, read_clock())


def codes(found: Pins) -> list[tuple[int, str, str]]:
    return [(f.line, f.code, f.level) for f in found.faults]


def requirements(folder: Path, text: str) -> Pins:
    (folder / "requirements.txt").write_text(text)
    return check(folder / "requirements.txt")


def pylock(folder: Path, text: str) -> Pins:
    (folder / "pylock.toml").write_text(text)
    return check(folder / "pylock.toml")


def test_what_holds(tmp_path: Path) -> None:
    found = requirements(tmp_path, f"# locked\n{GOOD}--only-binary :all:\n--require-hashes\n")
    assert (found.verdict, found.faults) == ("pass", ())
    assert [(p.name, p.version, p.line) for p in found.pins] == [("idna", "3.4", 2)]
    assert found.pins[0].digests == (f"sha256:{'a' * 64}",)
    assert found.files[0].kind == "requirements"


@pytest.mark.parametrize(
    ("line", "code", "level"),
    [
        ("idna==3.4", "PIN-01", "refused"),
        (f"idna==3.4 --hash=md5:{'a' * 32}", "PIN-03", "refused"),
        (f"idna==3.4 {H} --hash=sha1:{'a' * 40}", "PIN-03", "refused"),
        (f"idna==3.* {H}", "PIN-04", "refused"),
        (f"idna>=3 {H}", "PIN-04", "refused"),
        (f"idna {H}", "PIN-04", "refused"),
        ("-e .", "PIN-06", "refused"),
        ("./package", "PIN-06", "refused"),
        ("git+https://h.invalid/x@" + "a" * 40, "PIN-07", "refused"),
        (f"x @ https://h.invalid/x-1-py3-none-any.whl {H}", "PIN-08", "note"),
        ("--no-binary :all:", "PIN-09", "refused"),
        (f"idna==3.4 {H} --config-settings=x=y", "PIN-09", "refused"),
        ("--index-url https://h.invalid", "PIN-10", "refused"),
        ("--extra-index-url https://h.invalid", "PIN-10", "refused"),
        ("--find-links x", "PIN-10", "refused"),
        ("--trusted-host h.invalid", "PIN-10", "refused"),
        ("--no-index", "PIN-10", "refused"),
        ("idna==${VERSION}", "PIN-11", "refused"),
        ("-r https://h.invalid/x.txt", "PIN-11", "refused"),
        ("-r ../x.txt", "PIN-11", "refused"),
        ("-c /etc/passwd", "PIN-11", "refused"),
        ("--pre", "PIN-14", "note"),
        ("what is this", "PIN-15", "refused"),
        ("-r gone.txt", "PIN-15", "refused"),
    ],
)
def test_constructs(tmp_path: Path, line: str, code: str, level: str) -> None:
    found = requirements(tmp_path, f"{GOOD}\n{line}\n")
    assert codes(found) == [(3, code, level)]
    assert found.verdict == ("fail" if level == "refused" else "pass")
    assert found.faults[0].remedy


def test_an_address_of_sources_is_built(tmp_path: Path) -> None:
    found = requirements(tmp_path, f"x @ https://me:secret@h.invalid/x-1.tar.gz {H}\n")
    assert codes(found) == [(1, "PIN-08", "note"), (1, "PIN-09", "refused")]
    assert "secret" not in str(found.faults)


@pytest.mark.parametrize(
    "line",
    [
        "--index-url '{}'",
        "--index-url{}",
        "--find-links={}",
        "--hash {}",
        "${{X}} {}",
        "idna==3.4 --other={}",
        "idna==3.4 {} \\",
        "x @ {}/x-1-py3-none-any.whl",
        "{}/x-1.tar.gz",
        "-r {}/more.txt",
    ],
)
@pytest.mark.parametrize("secret", ["hunter2", "p@hunter2", "hunter2" * 30])
def test_no_secret_of_an_address_is_shown(tmp_path: Path, line: str, secret: str) -> None:
    for address in (f"https://me:{secret}@h.invalid", f"https://h.invalid/a?token={secret}"):
        found = requirements(tmp_path, f"{GOOD}\n{line.format(address)}\n")
        assert found.faults
        assert "hunter2" not in str(found.faults)


def test_no_secret_of_a_wheel_s_address_is_shown(tmp_path: Path) -> None:
    head = 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "a"\nversion = "1"\n'
    found = pylock(tmp_path, f'{head}wheels = [{{ url = "https://me:hunter2@h.invalid" }}]\n')
    assert found.faults
    assert "hunter2" not in str(found.faults)


def test_a_hash_in_constraints_alone(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text(GOOD)
    found = requirements(tmp_path, "-c c.txt\nidna\n")
    assert codes(found) == [(2, "PIN-05", "refused")]
    assert [f.kind for f in found.files] == ["requirements", "constraints"]


def test_constraints_need_no_hash_themselves(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("idna<4\n")
    assert requirements(tmp_path, f"-c c.txt\n{GOOD}").verdict == "pass"
    (tmp_path / "c.txt").write_text("idna<4\n--index-url https://h.invalid\n")
    assert requirements(tmp_path, f"-c c.txt\n{GOOD}").faults[0].code == "PIN-10"


@pytest.mark.parametrize("text", ["", "# nothing\n", "--require-hashes\n"])
def test_a_lock_of_nothing_does_not_hold(tmp_path: Path, text: str) -> None:
    assert codes(requirements(tmp_path, text)) == [(0, "PIN-15", "refused")]
    assert codes(pylock(tmp_path, f"{HEAD}packages = []\n")) == [(0, "PIN-15", "refused")]


def test_includes_are_judged_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.txt").write_text("-r ../b.txt\n\nidna==3\n")
    (tmp_path / "b.txt").write_text(f"certifi==1 {H}\n")
    found = requirements(tmp_path, "-r sub/a.txt\n-r b.txt\n")
    assert [(Path(f.file).name, f.line, f.code) for f in found.faults] == [("a.txt", 3, "PIN-01")]
    assert sorted(p.name for p in found.pins) == ["certifi", "idna"]


def test_the_tree_can_be_widened(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "b.txt").write_text(GOOD)
    (tmp_path / "sub" / "a.txt").write_text("-r ../b.txt\n")
    assert codes(check(tmp_path / "sub" / "a.txt")) == [(1, "PIN-11", "refused")]
    assert check(tmp_path / "sub" / "a.txt", root=tmp_path).verdict == "pass"
    with pytest.raises(InputError, match="outside of --root"):
        check(tmp_path / "b.txt", root=tmp_path / "sub")


def test_links_out_of_the_tree(tmp_path: Path) -> None:
    inside = tmp_path / "in"
    inside.mkdir()
    (tmp_path / "out.txt").write_text(GOOD)
    (inside / "link.txt").symlink_to("../out.txt")
    (inside / "up").symlink_to("..")
    found = requirements(inside, "-r link.txt\n-r up/out.txt\n")
    assert codes(found) == [(1, "PIN-11", "refused"), (2, "PIN-11", "refused")]


def test_loops_and_depth(tmp_path: Path) -> None:
    assert "PIN-15" in str(codes(requirements(tmp_path, "-r requirements.txt\n")))
    (tmp_path / "circle.txt").symlink_to("circle.txt")
    with pytest.raises(InputError, match="circle"):
        requirements(tmp_path, "-r circle.txt\n")
    for number in range(30):
        (tmp_path / f"{number}.txt").write_text(f"{GOOD}-r {number + 1}.txt\n")
    found = requirements(tmp_path, "-r 0.txt\n")
    assert [f.code for f in found.faults] == ["PIN-15"]
    assert len(found.files) == 11


def test_many_includes(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number}.txt").write_text(GOOD)
    found = requirements(tmp_path, "".join(f"-r {number}.txt\n" for number in range(200)))
    assert len(found.files) == 100
    assert {f.code for f in found.faults} == {"PIN-15"}


def test_includes_of_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "binary.txt").write_bytes(b"\0")
    found = requirements(tmp_path, "-r pipe.txt\n-r .\n-r binary.txt\n")
    assert codes(found) == [(n, "PIN-15", "refused") for n in (1, 2, 3)]


@pytest.mark.parametrize("data", [b"a==1\0", b"\xff\xfea\0", b"a==1 # \xe9", b"x" * (9 << 20)])
@pytest.mark.parametrize("name", ["requirements.txt", "pylock.toml"])
def test_what_is_no_text(tmp_path: Path, data: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError):
        check(tmp_path / name)


def test_many_lines(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="over 20,000 lines"):
        requirements(tmp_path, "a==1\n" * 20_001)
    (tmp_path / "half.txt").write_text("a==1\n" * 15_000)
    found = requirements(tmp_path, "a==1\n" * 15_000 + "-r half.txt\n")
    assert [f.code for f in found.faults].count("PIN-15") == 1


def test_a_wheel_by_address_has_the_version_of_its_name(tmp_path: Path) -> None:
    (pin,) = requirements(tmp_path, f"x @ https://h.invalid/x-1%2Bcpu-py3-none-any.whl {H}\n").pins
    assert (pin.name, pin.version) == ("x", "1+cpu")


def test_a_huge_line(tmp_path: Path) -> None:
    assert codes(requirements(tmp_path, "a" * (3 << 20)))[0][1] == "PIN-15"


@pytest.mark.parametrize(
    "name", ["uv.lock", "poetry.lock", "pyproject.toml", "environment.yml", "Pipfile.lock"]
)
def test_other_locks(tmp_path: Path, name: str) -> None:
    with pytest.raises(UnsupportedError):
        check(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        check(tmp_path / "gone.txt")


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        (PACKAGE, []),
        (PACKAGE.replace("sha256", "md5"), [("PIN-03", "refused")]),
        (PACKAGE.replace(f', hashes = {{sha256 = "{"a" * 64}"}}', ""), [("PIN-01", "refused")]),
        (PACKAGE.replace("a" * 64, "a" * 63), [("PIN-15", "refused")]),
        (PACKAGE.replace('version = "1"\n', ""), [("PIN-04", "refused")]),
        (PACKAGE.replace('version = "1"', 'version = "2"'), [("PIN-15", "refused")]),
        (PACKAGE.replace("wheels = [", "colour = ["), [("PIN-15", "refused")] * 2),
        (PACKAGE + 'dependencies = [{name = "b"}]\n', [("PIN-02", "refused")]),
        (PACKAGE + f"sdist = {WHEEL.replace('-py3-none-any.whl', '.tar.gz')}\n", [("PIN-09", "note")]),
        (PACKAGE.replace("https:", "file:"), [("PIN-08", "note")]),
        ('[[packages]]\nname = "a"\ndirectory = {path = "x"}\n', [("PIN-06", "refused")]),
        (
            '[[packages]]\nname = "a"\nvcs = {type = "git", url = "u", commit-id = "c"}\n',
            [("PIN-07", "refused")],
        ),
        (f'[[packages]]\nname = "a"\narchive = {WHEEL}\n', [("PIN-08", "note")]),
        (
            f'[[packages]]\nname = "a"\nversion = "1"\nsdist = {WHEEL.replace("-py3-none-any.whl", ".tar.gz")}\n',
            [("PIN-09", "refused")],
        ),
    ],
)
def test_pylock(tmp_path: Path, package: str, expected: list[tuple[str, str]]) -> None:
    found = pylock(tmp_path, f"{HEAD}{package}")
    assert [(f.code, f.level) for f in found.faults] == expected
    assert all(f.line == 3 for f in found.faults)


@pytest.mark.parametrize("text", ["not toml", HEAD, "a = " + "[" * 100_000, f"{HEAD}colour = 1\n{PACKAGE}"])
def test_pylock_that_is_not_understood(tmp_path: Path, text: str) -> None:
    found = pylock(tmp_path, text)
    assert [f.code for f in found.faults] == ["PIN-15"]


def test_errors_are_of_the_family(tmp_path: Path) -> None:
    with pytest.raises(PratiqueError):
        check(tmp_path)
