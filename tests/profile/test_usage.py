"""From calls to packages, on trees made in memory."""

from pathlib import Path

import pytest

from pratique.model.files import Tree
from pratique.model.inventory import Inventory
from pratique.model.usage import How, PackageUse, RecordedRun, Usage, UsedPath, UseState
from pratique.profile import combined, usage, with_interpreters
from tests.making.debian import base, distribution, file_list, paragraph, status
from tests.making.tar import Item, folder, hardlink, symlink
from tests.making.trees import catalogued, tree
from tests.making.values import NOW, ZERO, inventory

SITE = "usr/local/lib/python3.11/dist-packages"
LAYER = [
    *base(),
    folder("usr/bin"),
    Item("usr/bin/python3.11", b"\x7fELF"),
    symlink("usr/bin/python3", "python3.11"),
    Item("usr/bin/tool", b"#!/usr/bin/python3 -I\n"),
    Item("usr/lib/python3.11/os.py"),
    Item("usr/lib/python3.11/__pycache__/os.cpython-311.pyc"),
    file_list("python3.11", "usr/bin/python3.11", "usr/bin/python3", "lib/python3.11/os.py"),
    file_list("tool", "usr/bin/tool"),
    status(paragraph("python3.11", "3.11.2"), paragraph("tool", "1")),
    *distribution("web", "1.0"),
    *distribution("spare", "2.0"),
]
RUN = RecordedRun(phase="training", command=("x",), exit_code=0, events=1, lost=0)


@pytest.fixture(scope="module")
def files() -> Tree:
    return tree(LAYER)


@pytest.fixture(scope="module")
def held() -> Inventory:
    return inventory(*catalogued(LAYER).packages)


def seen(
    files: Tree, held: Inventory, calls: dict[str, frozenset[How]]
) -> tuple[dict[str, tuple[How, ...]], tuple[str, ...], dict[str, UseState]]:
    paths, missing, packages = usage([(RUN, calls)], held, files)
    names = {p.id: p.name for p in held.packages}
    return {p.path: p.how for p in paths}, missing, {names[p.package]: p.state for p in packages}


def calls(how: How, *paths: str) -> dict[str, frozenset[How]]:
    return {path: frozenset({how}) for path in paths}


def test_an_open_makes_its_package_used(files: Tree, held: Inventory) -> None:
    paths, missing, states = seen(files, held, calls("opened", f"/{SITE}/web/__init__.py"))
    assert paths == {f"{SITE}/web/__init__.py": ("opened",)}
    assert missing == ()
    assert states == {
        "python3.11": "not observed",
        "tool": "not observed",
        "web": "used",
        "spare": "not observed",
    }


def test_links_on_the_way_are_used_too(files: Tree, held: Inventory) -> None:
    paths, missing, states = seen(files, held, calls("executed", "//usr/./bin/python3"))
    assert paths == {"usr/bin/python3": ("looked up",), "usr/bin/python3.11": ("executed",)}
    assert missing == ()
    assert states["python3.11"] == "used"


def test_links_among_the_parents_are_used_too(files: Tree, held: Inventory) -> None:
    paths, _, states = seen(files, held, calls("opened", "/lib/python3.11/os.py"))
    assert paths == {"lib": ("looked up",), "usr/lib/python3.11/os.py": ("opened",)}
    assert states["python3.11"] == "used"


def test_two_dots_leave_where_a_link_led(files: Tree, held: Inventory) -> None:
    """For the kernel /lib/.. is /usr, where /lib is a link to usr/lib (path_resolution(7))."""
    paths, missing, _ = seen(files, held, calls("executed", "/lib/../bin/python3", "/lib/../usr/bin/tool"))
    assert paths == {
        "lib": ("looked up",),
        "usr/bin/python3": ("looked up",),
        "usr/bin/python3.11": ("executed",),
    }
    assert missing == ("usr/usr/bin/tool",)


def test_a_link_is_used_where_it_leads_out_of_the_image() -> None:
    out = tree([symlink("etc/mtab", "../proc/self/mounts"), symlink("run", "var/run")])
    paths, missing, _ = usage([(RUN, calls("opened", "/etc/mtab", "/run/./x/../y"))], inventory(), out)
    assert [(p.path, p.how) for p in paths] == [("etc/mtab", ("looked up",)), ("run", ("looked up",))]
    assert missing == ("proc/self/mounts", "var/run/y")


@pytest.mark.parametrize(
    ("links", "found"),
    [(40, ["end"]), (41, [])],
)
def test_forty_links_are_followed_and_no_more(links: int, found: list[str]) -> None:
    chain = tree([Item("end"), symlink("0", "end"), *(symlink(str(n), str(n - 1)) for n in range(1, 41))])
    paths, missing, _ = usage([(RUN, calls("opened", f"/{links - 1}"))], inventory(), chain)
    assert [p.path for p in paths if p.how == ("opened",)] == found
    assert missing == (() if found else ("0",))


@pytest.mark.parametrize(
    "path",
    [
        f"/{SITE}/web-1.0.dist-info/METADATA",
        f"/{SITE}/web-1.0.dist-info/RECORD",
        f"/{SITE}/web-1.0.dist-info",
    ],
)
def test_reading_records_is_not_use(files: Tree, held: Inventory, path: str) -> None:
    assert seen(files, held, calls("opened", path))[2]["web"] in {"metadata only", "not observed"}


def test_byte_code_belongs_to_its_source(files: Tree, held: Inventory) -> None:
    states = seen(files, held, calls("opened", "/usr/lib/python3.11/__pycache__/os.cpython-311.pyc"))[2]
    assert states["python3.11"] == "used"


def test_a_look_up_counts(files: Tree, held: Inventory) -> None:
    assert seen(files, held, calls("looked up", "/usr/lib/python3.11/os.py"))[2]["python3.11"] == "used"


def test_what_is_not_there_is_missing_and_uses_nothing(files: Tree, held: Inventory) -> None:
    paths, missing, states = seen(
        files, held, calls("opened", "/srv/none", "//srv/./x/../gone", "/usr/bin/tool/x")
    )
    assert (paths, missing) == ({}, ("srv/gone", "srv/none", "usr/bin/tool/x"))
    assert set(states.values()) == {"not observed"}


def test_folders_are_there_and_are_no_files(files: Tree, held: Inventory) -> None:
    assert seen(files, held, calls("opened", "/usr/bin", "/"))[:2] == ({}, ())


def test_kinds_and_phases_gather(files: Tree, held: Inventory) -> None:
    other = RecordedRun(phase="serving", command=("y",), exit_code=0, events=1, lost=0)
    path = f"/{SITE}/web/__init__.py"
    runs = [(RUN, calls("opened", path)), (other, calls("looked up", path))]
    paths, _, packages = usage(runs, held, files)
    assert paths == (UsedPath(path=path[1:], how=("looked up", "opened"), phases=("serving", "training")),)
    assert [(p.phases, p.files) for p in packages if p.state == "used"] == [(("serving", "training"), 1)]


def test_a_circle_of_links_ends() -> None:
    circle = tree([symlink("a", "b"), symlink("b", "a")])
    assert usage([(RUN, calls("opened", "/a/x"))], inventory(), circle)[1] == ("a/x",)


def test_the_kernel_s_interpreter_is_executed_too(tmp_path: Path, files: Tree) -> None:
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "usr" / "bin" / "tool").write_bytes(b"#!/usr/bin/python3 -I\n")
    (tmp_path / "usr" / "bin" / "python3.11").write_bytes(b"\x7fELF")
    found = with_interpreters(calls("executed", "/usr/bin/tool", "/usr/bin/none"), files, tmp_path)
    assert found["/usr/bin/python3"] == frozenset({"executed"})
    assert len(found) == 3


def test_interpreters_that_name_each_other_end(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"#!/b\n")
    (tmp_path / "b").write_bytes(b"#!/a\n")
    round_trip = tree([Item("a", b"#!/b\n"), hardlink("c", "a"), Item("b", b"#!/a\n")])
    assert set(with_interpreters(calls("executed", "/a"), round_trip, tmp_path)) == {"/a", "/b"}


def test_used_by_one_is_used() -> None:
    def one(state: UseState, phase: str, files: int) -> Usage:
        use = PackageUse(package="a", state=state, phases=(phase,) if phase else (), files=files)
        return Usage(
            tool="0",
            created=NOW,
            clock="system",
            image=ZERO,
            inventory=ZERO,
            mechanism="m",
            valid=True,
            runs=(),
            paths=(),
            missing=(),
            packages=(use,),
        )

    together = combined([one("used", "training", 3), one("metadata only", "", 0), one("used", "serving", 2)])
    assert together == {"a": PackageUse(package="a", state="used", phases=("serving", "training"), files=3)}
