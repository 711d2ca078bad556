"""The merged tree: OCI whiteouts, links inside the root, and a naive overlay model that it must agree with."""

from collections.abc import Sequence
from itertools import product
from pathlib import Path
from posixpath import normpath
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.image import MergedTree
from pratique.image.limits import DEFAULT
from pratique.image.root import reduce_root
from pratique.model.digest import digest_of
from pratique.model.files import Entry, Kind, LayerFacts, LinkedFact, TreeFile, Unread
from tests.making.layers import Texts, layer, merged, reduced
from tests.making.tar import Item, folder, hardlink, symlink, tar

MARKERS = Path(__file__).parent.parent / "conformance" / "data" / "oci-images" / "whiteout-layers"
OPAQUE = ".wh..wh..opq"


def shown(tree: MergedTree) -> list[str]:
    """Return the path of everything but folders, in the order of the paths' parts."""
    return sorted((path for path, _ in tree.files()), key=lambda path: path.split("/"))


def text(tree: MergedTree, path: str) -> Any:
    """Return the fact of what a path leads to."""
    file = tree.lookup(path)
    return file.facts.get("text") if file else None


def faults(tree: MergedTree) -> list[tuple[int, str, str]]:
    return [(number, found.path, found.reason) for number, found in tree.anomalies]


ETC = [folder("etc"), Item("etc/passwd", b"root"), Item("etc/hostname", b"h")]
BOTH = ["etc/hostname", "etc/passwd"]


@pytest.mark.parametrize(
    ("upper", "left"),
    [
        ([Item("etc/.wh.passwd")], ["etc/hostname"]),
        ([Item(".wh.etc")], []),
        ([Item("etc/" + OPAQUE)], []),
        ([Item(OPAQUE)], []),
        ([Item("etc/.wh.passwd"), Item("etc/passwd", b"new")], BOTH),
        ([Item("etc/passwd", b"new"), Item("etc/.wh.passwd")], BOTH),
        ([Item("etc/new"), Item("etc/" + OPAQUE)], ["etc/new"]),
        ([Item("etc/" + OPAQUE), Item("etc/new")], ["etc/new"]),
        ([folder("etc"), Item("etc/passwd", b"new"), Item(".wh.etc")], ["etc/passwd"]),
        ([Item("etc/.wh.missing"), Item("nowhere/.wh.x"), Item("nowhere/" + OPAQUE)], BOTH),
        ([Item("etc/passwd/.wh.x"), Item("etc/passwd/" + OPAQUE)], BOTH),
        ([folder("etc/.wh.passwd")], ["etc/hostname"]),
        ([Item("etc/.wh..passwd"), Item("etc/wh.passwd"), Item("etc/x.wh.passwd")], None),
    ],
)
def test_whiteouts_hide_lower_layers_alone_wherever_they_stand(
    upper: list[Item], left: list[str] | None
) -> None:
    tree = merged(ETC, upper)
    assert shown(tree) == (left if left is not None else [*BOTH, "etc/wh.passwd", "etc/x.wh.passwd"])
    assert faults(tree) == []


def test_a_whiteout_hides_in_every_layer_below_and_none_above() -> None:
    tree = merged(ETC, [Item("etc/passwd", b"2")], [Item("etc/.wh.passwd")], [Item("etc/passwd", b"4")])
    assert text(tree, "etc/passwd") == "4"
    file = tree.at("etc/passwd")
    assert file is not None
    assert file.layer == 3
    assert shown(merged(ETC, [Item("etc/passwd", b"2")], [Item("etc/.wh.passwd")])) == ["etc/hostname"]


def test_stereoscope_647_a_bare_whiteout_hides_nothing() -> None:
    tree = merged(ETC, [Item("etc/.wh."), Item(".wh.")])
    assert shown(tree) == BOTH
    assert faults(tree) == [
        (1, "etc/.wh.", "a whiteout that names nothing"),
        (1, ".wh.", "a whiteout that names nothing"),
    ]


@pytest.mark.parametrize("name", [".wh..", ".wh...", ".wh..wh..opqX", ".wh..wh.", ".wh..wh..plnk"])
def test_stereoscope_696_near_misses_hide_nothing(name: str) -> None:
    tree = merged(ETC, [Item("etc/" + name), Item(name)])
    assert shown(tree) == BOTH
    assert faults(tree) == [(1, path, "a whiteout that names nothing") for path in ("etc/" + name, name)]


def test_stereoscope_696_markers_of_the_lowest_layer_are_no_files() -> None:
    tree = merged([Item("etc/.wh.x"), Item("etc/" + OPAQUE), Item("etc/passwd"), Item(".wh.y")])
    assert shown(tree) == ["etc/passwd"]


TARGET = [folder("target"), Item("target/keep", b"k"), symlink("link", "/target")]


@pytest.mark.parametrize(
    "upper",
    [
        [folder("link"), Item("link/" + OPAQUE), Item("link/new")],
        [Item("link/" + OPAQUE), Item("link/new"), folder("link")],
        [Item("link/.wh.keep"), folder("link"), Item("link/new")],
    ],
)
def test_stereoscope_694_a_marker_hides_nothing_through_a_link(upper: list[Item]) -> None:
    """The folder takes the place of the link; what the link led to stays, as in an overlay mount."""
    tree = merged(TARGET, upper)
    assert text(tree, "target/keep") == "k"
    assert "target/keep" in shown(tree)
    link = tree.at("link")
    assert link is not None
    assert link.entry.kind is Kind.DIRECTORY


def test_stereoscope_694_without_the_folder_nothing_is_hidden_either() -> None:
    """Here runtimes differ: podman's overlay keeps the target's files, its vfs hides them. Showing them is safe."""
    tree = merged(TARGET, [Item("link/" + OPAQUE)], [Item("link/.wh.keep")])
    assert shown(tree) == ["link", "target/keep"]


def test_stereoscope_206_a_cycle_hides_nothing_beside_it() -> None:
    tree = merged(
        [Item("bin/a"), symlink("bin/xz", "xzcat"), symlink("bin/xzcat", "xz"), Item("bin/zz", b"z")]
    )
    assert shown(tree) == ["bin/a", "bin/xz", "bin/xzcat", "bin/zz"]
    assert [path for path, _, _ in tree.facts("text")] == ["bin/a", "bin/zz"]
    assert tree.lookup("bin/xz") is None
    assert tree.lookup("bin/xz/below") is None


@pytest.mark.parametrize(
    ("file", "lower", "left"),
    [
        (
            "whiteout.layer",
            [Item("etc/profile"), Item("etc/profile.d/x"), Item("profile")],
            ["etc/profile.d/x", "profile"],
        ),
        (
            "whiteout_advanced.layer",
            [Item(p) for p in ("a/a_file.txt", "a/b", "a_root_file.txt", "b/deep/file", "bb")],
            ["a/b", "bb"],
        ),
        (
            "whiteout_opaque.layer",
            [Item(p) for p in ("a/x", "a/y/z", "b/x")],
            ["b/not.a.wh..wh..opq", "b/x"],
        ),
    ],
)
def test_the_layers_of_claircore(file: str, lower: list[Item], left: list[str]) -> None:
    tree = MergedTree([layer(*lower), reduced((MARKERS / file).read_bytes())])
    assert shown(tree) == left
    assert faults(tree) == []


@pytest.mark.parametrize(
    ("layers", "left", "kind"),
    [
        ([[folder("a"), Item("a/b/c")], [Item("a")]], ["a"], Kind.FILE),
        ([[Item("a")], [folder("a"), Item("a/b")]], ["a/b"], Kind.DIRECTORY),
        ([[Item("a")], [folder("a")]], [], Kind.DIRECTORY),
        ([[Item("a/b")], [folder("a")]], ["a/b"], Kind.DIRECTORY),
        ([[folder("t"), symlink("a", "t")], [folder("a"), Item("a/b")]], ["a/b"], Kind.DIRECTORY),
        ([[folder("a"), Item("a/b")], [symlink("a", "t")]], ["a"], Kind.SYMLINK),
        ([[Item("a")], [Item("a", kind=b"6")]], ["a"], Kind.FIFO),
        ([[Item("a"), folder("a"), Item("a")]], ["a"], Kind.FILE),
        ([[folder("a"), Item("a"), folder("a")]], [], Kind.DIRECTORY),
    ],
)
def test_what_comes_later_takes_the_place(layers: list[list[Item]], left: list[str], kind: Kind) -> None:
    tree = merged(*layers)
    assert shown(tree) == left
    file = tree.at("a")
    assert file is not None
    assert file.entry.kind is kind


@pytest.mark.parametrize("below", ["a/b", "a/b/c"])
def test_an_entry_below_a_file_makes_a_folder_of_it(below: str) -> None:
    tree = merged([Item("a", b"file")], [Item(below)])
    assert shown(tree) == [below]
    assert tree.at("a") is None


def test_a_folder_over_a_folder_keeps_what_is_below_and_takes_its_layer() -> None:
    tree = merged([folder("a"), Item("a/b", b"b")], [Item("a", kind=b"5", mode=0o700)])
    file = tree.at("a")
    assert file == TreeFile(Entry("a", Kind.DIRECTORY, mode=0o700), 1, {})
    assert text(tree, "a/b") == "b"


MERGED_USR = [folder("usr/lib"), symlink("lib", "usr/lib"), Item("usr/lib/a", b"1")]


def test_entries_written_through_a_linked_folder_land_where_it_leads() -> None:
    """As umoci and podman's vfs do; in an overlay mount the link becomes a folder."""
    tree = merged(MERGED_USR, [Item("lib/a", b"2"), Item("lib/new/b", b"3")])
    assert shown(tree) == ["lib", "usr/lib/a", "usr/lib/new/b"]
    assert text(tree, "usr/lib/a") == "2"
    assert text(tree, "lib/new/b") == "3"
    assert tree.resolve("lib/new/b") == "usr/lib/new/b"
    assert tree.resolve("lib") == "lib"
    assert tree.at("lib/a") is None


@pytest.mark.parametrize(
    ("target", "at"),
    [
        ("../../../../out", "out/x"),
        ("/out", "out/x"),
        ("out", "in/out/x"),
        (".././out/.", "out/x"),
        ("..", "x"),
        ("/", "x"),
    ],
)
def test_links_never_leave_the_root(target: str, at: str) -> None:
    tree = merged([symlink("in/link", target)], [Item("in/link/x", b"x")])
    assert shown(tree) == sorted([at, "in/link"])
    assert text(tree, "in/link/x") == "x"
    assert tree.resolve("in/link/x") == at


def test_parents_above_a_link_are_those_of_its_target() -> None:
    tree = merged([folder("far/away/deep"), symlink("near", "far/away/deep"), Item("far/away/x", b"x")])
    assert text(tree, "near/../x") == "x"


def test_a_link_that_changes_leads_what_follows_elsewhere() -> None:
    tree = merged([symlink("l", "a"), Item("l/1"), symlink("l", "b"), Item("l/2"), Item("l"), Item("l/3")])
    assert shown(tree) == ["a/1", "b/2", "l/3"]


def test_forty_links_are_followed_and_not_one_more() -> None:
    chain = [symlink(f"l{n}", f"l{n + 1}") for n in range(1000)]
    tree = merged([*chain, Item("l1000", b"end")])
    assert text(tree, "l960") == "end"
    assert tree.lookup("l959") is None
    assert tree.lookup("l0") is None
    assert [path for path, _, _ in tree.facts("text")] == ["l1000"]


def test_an_entry_below_a_cycle_is_not_lost() -> None:
    tree = merged([symlink("a", "b"), symlink("b", "a"), Item("a/x", b"x")])
    assert [tree.lookup(path) is not None for path in ("a/x", "b/x")] == [True, True]
    assert len(shown(tree)) == 2


@pytest.mark.parametrize(
    ("items", "fact"),
    [
        ([Item("a", b"text"), hardlink("h", "a")], "text"),
        ([Item("a", b""), hardlink("h", "a")], ""),
        ([Item("a", b"text"), hardlink("b", "a"), hardlink("h", "./b")], "text"),
        ([symlink("l", "d"), Item("d/a", b"text"), hardlink("h", "l/a")], "text"),
        ([Item("a", kind=b"6"), hardlink("h", "a")], Unread("a fifo, not a file")),
        ([hardlink("h", "a")], Unread("a hard link to a, which was not read")),
        ([hardlink("h", "a"), Item("a", b"later")], Unread("a hard link to a, which was not read")),
        ([hardlink("h", "h")], Unread("a hard link to h, which was not read")),
        ([folder("a"), hardlink("h", "a")], Unread("a hard link to a, which was not read")),
        ([hardlink("h", "../../../h2")], Unread("a hard link to h2, which was not read")),
    ],
    ids=["file", "empty", "twice", "through-link", "fifo", "missing", "later", "itself", "folder", "outside"],
)
def test_a_hard_link_has_its_target_s_fact(items: list[Item], fact: Any) -> None:
    tree = merged(items)
    assert text(tree, "h") == fact
    assert ("h", fact) in [(path, found) for path, _, found in tree.facts("text")]


def test_a_hard_link_reaches_into_lower_layers_and_keeps_what_it_found() -> None:
    tree = merged([Item("a", b"one")], [hardlink("h", "a")], [Item("a", b"two"), Item(".wh.a")])
    assert (text(tree, "h"), text(tree, "a")) == ("one", "two")
    hidden = merged([Item("a", b"one")], [Item(".wh.a"), hardlink("h", "a")])
    assert text(hidden, "h") == Unread("a hard link to a, which was not read")


def test_a_hard_link_to_a_symbolic_link_is_that_link() -> None:
    tree = merged([Item("d/t", b"text"), symlink("s", "d"), hardlink("h", "s")])
    file = tree.at("h")
    assert file is not None
    assert (file.entry.kind, file.entry.link) == (Kind.SYMLINK, "d")
    assert text(tree, "h/t") == "text"


WANTED = Texts("status", "read")


@pytest.mark.parametrize(
    ("items", "facts"),
    [
        ([symlink("status", "read"), Item("read", b"r")], [("read", "r")]),
        (
            [symlink("status", "other"), Item("other")],
            [("status", "a symbolic link to other, which was not read")],
        ),
        ([symlink("status", "missing")], []),
        ([symlink("status", "other"), folder("other")], []),
        ([symlink("status", "status")], []),
        (
            [symlink("x", "other"), hardlink("status", "x"), Item("other")],
            [("status", "a symbolic link to other, which was not read")],
        ),
        ([symlink("x", "read"), hardlink("status", "x"), Item("read", b"r")], [("read", "r")]),
    ],
)
def test_a_wanted_symbolic_link_is_read_elsewhere_or_reported(
    items: list[Item], facts: list[tuple[str, str]]
) -> None:
    tree = MergedTree([reduced(tar(items), WANTED)])
    found = [
        (path, fact.reason if isinstance(fact, Unread) else fact) for path, _, fact in tree.facts("text")
    ]
    assert found == facts


def test_facts_are_sorted_and_belong_to_one_reader() -> None:
    tree = merged([Item("b", b"2"), Item("a/z", b"1"), Item("a.b", b"3")], [Item("c", b"4"), Item(".wh.b")])
    assert [(path, file.layer, fact) for path, file, fact in tree.facts("text")] == [
        ("a.b", 0, "3"),
        ("a/z", 0, "1"),
        ("c", 1, "4"),
    ]
    assert list(tree.facts("other")) == []


def test_everything_comes_in_the_order_of_its_parts() -> None:
    tree = merged([Item("a.b"), Item("a/z"), folder("a/d"), Item("a/b/c"), symlink("b", "a"), folder("a")])
    listed = [path for path, _ in tree.everything()]
    assert listed == ["a", "a/b/c", "a/d", "a/z", "a.b", "b"]
    assert set(shown(tree)) == set(listed) - {"a", "a/d"}
    assert set(tree.folders()) == {"a", "a/b", "a/d"}


def test_nothing_lies_at_the_root_or_at_missing_paths() -> None:
    tree = merged([folder("./"), Item("a")])
    assert [tree.at(path) for path in ("", "b", "a/b")] == [None, None, None]
    assert [tree.lookup(path) for path in ("", "/", "b", "a/b")] == [None, None, None, None]
    assert tree.lookup("/a") == tree.at("a")


def test_no_layers_are_an_empty_tree() -> None:
    assert shown(MergedTree([])) == []


def test_in_a_plain_folder_whiteout_names_are_names(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for name in (".wh.passwd", OPAQUE, "passwd"):
        (tmp_path / "etc" / name).write_text(name)
    tree = MergedTree([reduce_root(tmp_path, [Texts()], DEFAULT, digests=True)])
    assert shown(tree) == [f"etc/{OPAQUE}", "etc/.wh.passwd", "etc/passwd"]
    assert faults(tree) == []
    file = tree.at("etc/passwd")
    assert file is not None
    assert file.layer is None


# A second opinion: the naive model keeps one dictionary of paths, and looks at all of it for each step.

Model = dict[str, tuple[Entry, int, Any]]


def naive(layers: Sequence[LayerFacts]) -> Model:
    model: Model = {}
    for number, facts in enumerate(layers):
        # of two entries at one path in one layer the facts are those of the last: LayerFacts has them by path
        for entry in facts.entries:
            naive_whiteout(model, entry.path)
        for entry in facts.entries:
            if not entry.path.rpartition("/")[2].startswith(".wh."):
                naive_entry(model, entry, number, facts.facts[entry.path].get("text"))
    return model


def naive_whiteout(model: Model, path: str) -> None:
    parent, slash, name = path.rpartition("/")
    if name == OPAQUE:
        drop(model, parent + slash)
    elif name.startswith(".wh.") and name not in {".wh.", ".wh..wh..opqX"}:
        model.pop(parent + slash + name[4:], None)
        drop(model, parent + slash + name[4:] + "/")


def naive_entry(model: Model, entry: Entry, number: int, fact: Any) -> None:
    path = naive_place(model, entry.path)
    above = path.split("/")[:-1]
    for n in range(1, len(above) + 1):
        if kind_at(model, "/".join(above[:n])) not in {None, Kind.DIRECTORY}:
            del model["/".join(above[:n])]
    if entry.kind is Kind.HARDLINK:
        nothing = Entry("", Kind.FILE), 0, None
        target, _, shared = model.get(naive_place(model, entry.link), nothing)
        linked = target.kind is Kind.SYMLINK
        if fact and linked:
            fact = LinkedFact(target.link, symbolic=True)
        elif fact:
            fact = shared or Unread(f"a hard link to {entry.link}, which was not read")
        entry = target if linked else entry
    if entry.kind is not Kind.DIRECTORY:
        drop(model, path + "/")
    model[path] = (entry, number, fact)


def naive_place(model: Model, path: str) -> str:
    """Return the path with links among its parents followed: the leftmost is written out, up to 40 times."""
    parent, _, name = path.rpartition("/")
    for _ in range(40):
        parts = parent.split("/")
        heads = ["/".join(parts[:n]) for n in range(1, len(parts) + 1)]
        link = next((head for head in heads if kind_at(model, head) is Kind.SYMLINK), None)
        if link is None:
            break
        target = model[link][0].link
        base = "" if target.startswith("/") else link.rpartition("/")[0]
        parent = normpath(f"/{base}/{target}/{parent[len(link) :]}").strip("/")
    return f"{parent}/{name}".lstrip("/")


def kind_at(model: Model, path: str) -> Kind | None:
    return model[path][0].kind if path in model else None


def drop(model: Model, prefix: str) -> None:
    for path in [path for path in model if path.startswith(prefix)]:
        del model[path]


ZERO = digest_of(b"")
NAMES = st.sampled_from(["a", "b"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
FOLDERS = st.lists(NAMES, max_size=2).map(lambda parts: "".join(f"{part}/" for part in parts))
MARKS = st.sampled_from([".wh.a", ".wh.b", OPAQUE, ".wh.", ".wh..wh..opqX"])
TARGETS = st.sampled_from(["a", "b", "../a", "../../b", "/a", "/b/a", "a/b", "."])
ENTRIES = st.one_of(
    st.builds(Entry, PATHS, st.sampled_from([Kind.FILE, Kind.FILE, Kind.DIRECTORY])),
    st.builds(lambda path, link: Entry(path, Kind.SYMLINK, link=link), PATHS, TARGETS),
    st.builds(lambda path, link: Entry(path, Kind.HARDLINK, link=link), PATHS, PATHS),
    st.builds(lambda parent, mark: Entry(parent + mark, Kind.FILE), FOLDERS, MARKS),
)
SHORT = ["/".join(parts) for size in range(1, 5) for parts in product("ab", repeat=size)]
STACKS = st.lists(st.lists(ENTRIES, min_size=1, max_size=6), min_size=1, max_size=4)


def with_facts(number: int, entries: list[Entry]) -> LayerFacts:
    facts: dict[str, dict[str, Any]] = {}
    for n, entry in enumerate(entries):
        made: dict[Kind, dict[str, Any]] = {
            Kind.FILE: {"text": f"{number}.{n}"},
            Kind.DIRECTORY: {},
            Kind.SYMLINK: {"text": LinkedFact(entry.link, symbolic=True)},
            Kind.HARDLINK: {"text": LinkedFact(entry.link, symbolic=False)},
        }
        facts[entry.path] = made[entry.kind]
    return LayerFacts(ZERO, 0, tuple(entries), facts, ())


@settings(max_examples=400, deadline=None)
@given(STACKS)
def test_the_merge_equals_a_naive_overlay(stack: list[list[Entry]]) -> None:
    layers = [with_facts(number, entries) for number, entries in enumerate(stack)]
    tree, model = MergedTree(layers), naive(layers)
    for path in {*SHORT, *model, *shown(tree)}:
        file, expected = tree.at(path), model.get(path)
        assert (file is None) == (expected is None), path
        if file and expected:
            entry, number, fact = expected
            assert (file.entry.kind, file.entry.link, file.layer) == (entry.kind, entry.link, number), path
            assert file.facts.get("text") == fact, path
    assert set(shown(tree)) == {p for p, (entry, _, _) in model.items() if entry.kind is not Kind.DIRECTORY}


def test_a_path_given_twice_in_one_layer_is_reported_and_the_last_counts() -> None:
    tree = merged([Item("a", b"one"), folder("d"), folder("d"), Item("a", b"two")])
    assert [(index, anomaly.path, anomaly.reason) for index, anomaly in tree.anomalies] == [
        (0, "a", "a path given twice in one layer")
    ]
    assert merged([Item("a", b"one")], [Item("a", b"two")]).anomalies == []
