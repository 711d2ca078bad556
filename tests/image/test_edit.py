"""From an image and what a mount changed of it to new layers, which must give what the mount shows."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from pratique.image import MergedTree, Relayered, unpack
from pratique.model.errors import InputError, UntrustedError
from pratique.model.files import Kind
from tests.making.edits import CAPABILITY, STAMP, Bench, Seen, needs_root, ordinary, read, remade, seen
from tests.making.tar import Item, folder, hardlink, member, patched, pax, symlink, tar

pytestmark = needs_root
OPAQUE = ".wh..wh..opq"
A = Item("a", b"data")
B, C = hardlink("b", "a"), hardlink("c", "b")
KEEP = Item("keep", b"kept")
D = [folder("d"), Item("d/x", b"dx"), Item("d/y", b"dy")]


def states(layers: Sequence[Relayered]) -> list[str]:
    return [layer.state for layer in layers]


def names(layers: Sequence[Relayered]) -> list[list[str]]:
    """Return the entries that each new layer holds."""
    return [[entry.path for entry in facts.entries] for facts in remade(layers)]


def without(bench: Bench, *gone: str, base: int = 0) -> list[list[str]]:
    """Return the entries of each new layer when some paths are removed."""
    for path in gone:
        bench.upper.remove(path)
    made = bench.layers(base)
    assert shown(MergedTree(remade(made))) == shown(bench.edit().tree())
    return names(made)


def shown(tree: MergedTree) -> dict[str, tuple[Kind | None, str]]:
    """Return what a tree shows, folders included that no entry names."""
    found: dict[str, tuple[Kind | None, str]] = dict.fromkeys(tree.folders(), (Kind.DIRECTORY, ""))
    return found | {path: (file.entry.kind, file.entry.link) for path, file in tree.everything()}


def unpacked(bench: Bench, layers: Sequence[Relayered]) -> dict[str, Seen]:
    """Return what the new image is when it is unpacked by us; another program must agree."""
    image = bench.write(layers)
    facts = read(image)
    unpack(image, facts, MergedTree(facts), bench.folder / "ours")
    found = seen(bench.folder / "ours")
    if shutil.which("umoci"):
        command = ["umoci", "raw", "unpack", "--image", f"{bench.folder}/new:new", f"{bench.folder}/theirs"]
        subprocess.run(command, check=True, capture_output=True)
        assert ordinary(seen(bench.folder / "theirs")) == found
    return found


def test_a_layer_of_which_nothing_goes_keeps_its_bytes(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [A], [KEEP], D)
    bench.upper.remove("keep")
    made = bench.layers()
    assert states(made) == ["kept", "rewritten", "kept", "added"]
    assert [made[k].now for k in (0, 2)] == [bench.image.layers[k] for k in (0, 2)]
    assert made[1].before == bench.image.layers[1]
    assert made[1].now.diff_id != bench.image.layers[1].diff_id


@pytest.mark.parametrize(
    ("base", "patched", "left"),
    [
        (0, [], ["d", "d/y"]),
        (1, [], ["d", "d/x", "d/y"]),
        (2, ["d/y"], ["d", "d/x", "d/y"]),
        (2, ["d/x"], ["d", "d/y"]),
    ],
)
def test_a_base_layer_is_left_alone_unless_what_goes_was_patched(
    base: int, patched: list[str], left: list[str], tmp_path: Path
) -> None:
    bench = Bench(tmp_path, D, [KEEP])
    bench.upper.write("d/x", b"new", 0o644, STAMP)
    assert names(bench.layers(base, patched)) == [left, ["keep"], ["d", "d/x"]]


def test_a_patched_file_is_known_by_the_path_that_it_has_in_the_tree(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [folder("usr"), symlink("lib", "usr"), Item("lib/x")], [KEEP])
    bench.upper.write("usr/x", b"new", 0o644, STAMP)
    assert states(bench.layers(base=2, patched=["usr/x"])) == ["rewritten", "kept", "added"]


def test_what_is_removed_from_the_base_is_hidden(tmp_path: Path) -> None:
    found = without(Bench(tmp_path, D, [KEEP]), "d/x", base=1)
    assert found == [["d", "d/x", "d/y"], ["keep"], ["d", "d/.wh.x"]]


def test_what_was_hidden_already_goes_from_a_layer_that_is_written_anew(tmp_path: Path) -> None:
    layers = [A, Item("old"), Item("x"), KEEP], [Item("old", b"new"), Item(".wh.x"), Item("z")]
    assert without(Bench(tmp_path, *layers), "a") == [["keep"], ["old", ".wh.x", "z"], []]


def test_a_layer_that_names_the_root_is_rid_of_what_goes(tmp_path: Path) -> None:
    layers = [folder("./"), A, Item("x")], [folder("./"), KEEP, Item("y")]
    assert without(Bench(tmp_path, *layers), "a", "keep") == [["", "x"], ["", "y"], []]


@pytest.mark.parametrize(
    ("gone", "expected"),
    [
        ("a", [["a", "b"], ["c"], ["keep"], [".wh.a"]]),
        ("b", [["a", "b"], ["c"], ["keep"], [".wh.b"]]),
        ("c", [["a", "b"], [], ["keep"], []]),
        ("ab", [["a", "b"], ["c"], ["keep"], [".wh.a", ".wh.b"]]),
        ("bc", [["a"], [], ["keep"], []]),
        ("abc", [[], [], ["keep"], []]),
    ],
)
def test_a_hard_link_keeps_its_data_under_a_name_that_is_hidden(
    gone: str, expected: list[list[str]], tmp_path: Path
) -> None:
    bench = Bench(tmp_path, [A, B], [C], [KEEP])
    assert without(bench, *gone) == expected
    shutil.rmtree(tmp_path / "work")
    left = {name: f.content for name, f in unpacked(bench, bench.layers()).items() if name != "keep"}
    assert left == dict.fromkeys(sorted(set("abc") - set(gone)), b"data")


def test_a_hard_link_whose_target_is_replaced_keeps_the_old_data(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [A, B, C], [KEEP])
    bench.upper.write("a", b"new", 0o644, STAMP)
    bench.upper.remove("keep")
    found = unpacked(bench, bench.layers())
    assert {name: file.content for name, file in found.items()} == {"a": b"new", "b": b"data", "c": b"data"}


@pytest.mark.parametrize(
    ("lower", "upper", "gone", "expected"),
    [
        (D, [Item("d/.wh.x"), A], "a", [["d", "d/x", "d/y"], ["d/.wh.x"]]),
        (D, [Item("d/.wh.x"), Item("d/z"), A], "d", [[], ["a"]]),
        (D, [Item(".wh.d"), A], "a", [["d", "d/x", "d/y"], [".wh.d"]]),
        (D, [folder("d"), Item(f"d/{OPAQUE}"), A], "a", [["d", "d/x", "d/y"], ["d", f"d/{OPAQUE}"]]),
        ([folder("d"), KEEP], [folder("d"), Item(f"d/{OPAQUE}"), A], "a", [["d", "keep"], ["d"]]),
        (D, [Item(OPAQUE), A, KEEP], "a", [["d", "d/x", "d/y"], [OPAQUE, "keep"]]),
        ([KEEP], [Item("d/.wh.x"), Item(f"n/{OPAQUE}"), A], "a", [["keep"], []]),
        ([folder("./"), KEEP], [Item(".wh.no"), folder("./"), A], "a", [["", "keep"], [""]]),
    ],
)
def test_whiteouts_stay_as_long_as_they_hide_something(
    lower: list[Item], upper: list[Item], gone: str, expected: list[list[str]], tmp_path: Path
) -> None:
    assert without(Bench(tmp_path, lower, upper), gone)[:2] == expected


def test_whiteouts_of_a_base_that_stays_are_kept(tmp_path: Path) -> None:
    layers = [A, KEEP], [Item(".wh.a"), Item("b")], [Item("c")]
    assert without(Bench(tmp_path, *layers), "b", base=1) == [["a", "keep"], [".wh.a"], ["c"], []]


def test_of_a_path_given_twice_the_first_goes_with_the_rest(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [A, KEEP, Item("a", b"again"), Item("x")])
    assert without(bench, "x") == [["keep", "a"], []]


def test_folders_around_a_whiteout_come_with_it(tmp_path: Path) -> None:
    """Docker makes a folder that only its own root may enter where a layer does not name one."""
    layers = D, [folder("./"), Item("d", b"file"), A], [folder("d"), Item("d/z")]
    assert without(Bench(tmp_path, *layers), "a", base=1)[-1] == ["d", "d/.wh.x", "d/.wh.y"]


def test_a_folder_that_only_something_gone_told_of_is_still_there(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [Item("d/x"), A], [Item("d/.wh.x")])
    assert without(bench, "a") == [[], ["d/.wh.x"], ["d"]]


def test_folders_that_only_the_mount_needed_are_left_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [A, folder("proc"), Item("tmp/x")])
    for name in ("dev", "proc", "tmp"):
        (bench.above / name).mkdir()
    assert names(bench.layers())[-1] == ["proc", "tmp"]


def test_an_image_without_layers_gets_its_first(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.upper.write("a", b"x", 0o644, STAMP)
    assert names(bench.layers()) == [["a"]]


def test_a_layer_that_changed_since_is_not_trusted(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [A, KEEP])
    blob = bench.layout.file(bench.image.layers[0].digest or "")
    blob.write_bytes(blob.read_bytes()[:-1] + b"x")
    bench.upper.remove("a")
    with pytest.raises(UntrustedError):
        bench.layers()
    assert sorted(p.name for p in (tmp_path / "work").iterdir()) == ["top"]


def test_a_name_that_no_layer_can_hold_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path, [A])
    (bench.above / ".wh.x").touch()
    with pytest.raises(InputError):
        bench.layers()
    assert list((tmp_path / "work").iterdir()) == []


PING = pax({"SCHILY.xattr.security.capability": CAPABILITY}) + member(Item("bin/ping", b"ping", mode=0o755))
OTHERS = patched(member(Item("etc/shadow", b"root", mode=0o640)), (108, b"0000001\00000052\0"))
LOWER = tar([folder("bin"), folder("etc"), *D, *(Item(f"etc/{n}", b"x") for n in "abcdef")]).removesuffix(
    bytes(1024)
)
SCRIPTS = {
    "nothing": ":",
    "removals": "rm bin/ping etc/a; rm -r d",
    "changes": "echo new > etc/a; chmod 600 etc/b; chown 3:4 etc/c; mv etc/d etc/moved; touch -d @99 etc/e",
    "links": "ln etc/a etc/hard; ln -s ../x etc/soft; rm etc/link1; echo more >> etc/link3; ln etc/link2 new",
    "kinds": "rm -r d; echo file > d; rm etc/a; mkdir etc/a; echo x > etc/a/x; mkfifo pipe; mknod null c 1 3",
    "again": "rm -r d; mkdir d; echo z > d/z; rm etc/soft2; mkdir etc/soft2; chmod 700 d; rm late/y; rmdir late",
    "strange": 'f=$(printf \'n\\377\'); rm "$f"; mkdir "$f"; echo x > "$f/y"; cp -a bin/ping "$f/p"; rm etc/soft2',
}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    links = [
        hardlink("etc/link2", "etc/link1"),
        hardlink("etc/link3", "etc/link2"),
        symlink("etc/soft2", "a"),
    ]
    more = tar([Item("etc/link1", b"linked"), *links, Item(b"n\xff", b"strange")])
    second = [
        folder("d"),
        Item("d/.wh.x"),
        Item("d/z", b"dz"),
        folder("late"),
        Item("late/y"),
        Item("etc/f", b"f2"),
    ]
    third = [folder("etc"), hardlink("etc/lower", "etc/f"), Item("etc/.wh.e"), folder("./")]
    return Bench(tmp_path, LOWER + PING + OTHERS + more, second, third)


@pytest.mark.parametrize("base", [0, 1, 3])
@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_the_new_layers_give_what_the_mount_shows(script: str, base: int, bench: Bench) -> None:
    there = bench.run(script)
    assert unpacked(bench, bench.layers(base)) == ordinary(there)
