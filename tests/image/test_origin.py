"""Where the files of a merged tree come from, and what a tree cannot do without."""

from collections.abc import Sequence

import pytest

from pratique.image import MergedTree
from pratique.image.origin import Origins, whiteouts
from tests.making.growth import growth
from tests.making.layers import layer, merged
from tests.making.tar import Item, folder, hardlink, symlink

A = Item("a", b"data")
B, C = hardlink("b", "a"), hardlink("c", "b")


def origins(*layers: Sequence[Item]) -> Origins:
    facts = [layer(*items) for items in layers]
    return Origins(facts, MergedTree(facts))


def sources(*layers: Sequence[Item]) -> dict[tuple[int, int], list[str]]:
    """Return the paths that show each position's content, folders aside."""
    found = origins(*layers).paths
    return {
        at: paths for at, paths in sorted(found.items()) if layers[at[0]][at[1]].kind in {b"0", b"1", b"2"}
    }


def needed(*layers: Sequence[Item], top: Sequence[Item] = ()) -> list[list[int]]:
    """Return what a tree needs that has one more layer on top."""
    facts = [layer(*items) for items in layers]
    tree = MergedTree([*facts, layer(*top)])
    return [sorted(places) for places in Origins(facts, tree).needed()]


def hidden(without: Sequence[Sequence[Item]], wanted: Sequence[Sequence[Item]]) -> list[str]:
    return list(whiteouts(merged(*map(list, without)), merged(*map(list, wanted))))


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([[A, B]], {(0, 0): ["a", "b"]}),
        ([[A, B, C]], {(0, 0): ["a", "b", "c"]}),
        ([[A], [B], [C]], {(0, 0): ["a", "b", "c"]}),
        ([[A, B], [Item("a", b"new")]], {(0, 0): ["b"], (1, 0): ["a"]}),
        ([[A, B], [Item(".wh.a")], [C]], {(0, 0): ["b", "c"]}),
        ([[A, B, Item("a", b"again")]], {(0, 0): ["b"], (0, 2): ["a"]}),
        ([[A], [Item("a", b"new"), B]], {(1, 0): ["a", "b"]}),
        ([[B, A]], {(0, 0): ["b"], (0, 1): ["a"]}),
        ([[symlink("s", "a"), hardlink("h", "s")]], {(0, 0): ["h", "s"]}),
        (
            [[symlink("lib", "usr/lib"), Item("usr/lib/x"), hardlink("y", "lib/x")]],
            {(0, 1): ["usr/lib/x", "y"]},
        ),
        (
            [[symlink("lib", "usr/lib"), Item("lib/x"), hardlink("y", "usr/lib/x")]],
            {(0, 1): ["usr/lib/x", "y"]},
        ),
    ],
    ids=[
        "one",
        "chain",
        "layers",
        "replaced",
        "hidden",
        "twice",
        "later",
        "ahead",
        "symlink",
        "through",
        "under",
    ],
)
def test_hard_links_show_what_their_target_s_name_stood_for(
    layers: list[list[Item]], expected: dict[tuple[int, int], list[str]]
) -> None:
    assert {at: paths for at, paths in sources(*layers).items() if paths != ["lib"]} == expected


def test_of_a_layer_that_is_there_twice_the_upper_one_is_shown() -> None:
    facts = layer(A)
    assert dict(Origins([facts, facts], MergedTree([facts, facts])).paths) == {(1, 0): ["a"]}


def test_a_plain_folder_is_its_own_origin() -> None:
    assert sources([folder("x"), Item("x/y")]) == {(0, 1): ["x/y"]}


@pytest.mark.parametrize(
    ("top", "expected"),
    [
        ([], [0, 1, 2]),
        ([Item(".wh.a")], [0, 1, 2]),
        ([Item(".wh.a"), Item(".wh.b")], [0, 1, 2]),
        ([Item(".wh.c")], [0, 1]),
        ([Item(".wh.b"), Item(".wh.c")], [0]),
        ([Item("a", b"new"), Item(".wh.c")], [0, 1]),
        ([Item(".wh.a"), Item(".wh.b"), Item(".wh.c")], []),
    ],
)
def test_a_link_needs_every_name_between_it_and_its_data(top: list[Item], expected: list[int]) -> None:
    assert needed([A, B, C], top=top) == [expected]


def test_a_link_needs_its_data_in_a_lower_layer() -> None:
    assert needed([A, Item("x")], [B], top=[Item(".wh.a"), Item(".wh.x")]) == [[0], [0]]


def test_a_link_to_a_symbolic_link_needs_it() -> None:
    assert needed([symlink("s", "x"), hardlink("h", "s")], top=[Item(".wh.s")]) == [[0, 1]]


def test_what_is_hidden_or_replaced_is_not_needed() -> None:
    assert needed([A, Item("x"), Item("y")], [Item("x", b"new"), Item(".wh.y")]) == [[0], [0]]


def test_the_last_of_a_path_given_twice_is_needed() -> None:
    assert needed([A, Item("a", b"again")]) == [[1]]


def test_folders_stay_as_long_as_the_tree_has_them() -> None:
    layers = [[folder("./"), folder("d"), Item("d/x"), folder("e")], [folder("d"), Item("d/y")]]
    assert needed(*layers, top=[Item("d/.wh.x"), Item(".wh.e")]) == [[0, 1], [0, 1]]


def test_what_lay_behind_a_link_among_the_parents_is_needed_when_the_link_goes() -> None:
    """The upper has a folder where a layer's link led elsewhere: the file stays where that link led."""
    lower = [folder("usr"), folder("usr/lib"), symlink("lib", "usr/lib")]
    assert needed(lower, [Item("lib/x")], top=[folder("lib"), Item("lib/new")]) == [[0, 1], [0]]


@pytest.mark.parametrize(
    ("without", "wanted", "expected"),
    [
        ([A], [A], []),
        ([A, Item("b")], [A], ["b"]),
        ([folder("d"), Item("d/x"), Item("d/y")], [], ["d"]),
        ([Item("d/x"), Item("d/e/y")], [Item("d/x")], ["d/e"]),
        ([Item("d/x")], [Item("d", b"file")], []),
        ([Item("d", b"file")], [folder("d")], []),
        ([Item("d/x"), Item("d-e"), Item("d.e/z")], [Item("d-e")], ["d", "d.e"]),
        ([Item("d/x"), Item("d/y")], [Item("d/y")], ["d/x"]),
        ([folder("d"), Item("d/x")], [folder("d")], ["d/x"]),
    ],
)
def test_whiteouts_are_the_topmost_paths_that_are_not_wanted(
    without: list[Item], wanted: list[Item], expected: list[str]
) -> None:
    assert hidden([without], [wanted]) == expected


def test_a_folder_that_nothing_names_any_more_is_no_whiteout() -> None:
    assert hidden([[Item("d/x"), Item("y")]], [[Item("d/x")], [Item("d/.wh.x")]]) == ["d/x", "y"]


def chained(count: int) -> object:
    links = [hardlink(f"f{n + 1}", f"f{n}") for n in range(count)]
    facts = layer(Item("f0"), *links)
    found = Origins([facts], MergedTree([facts]))
    return found.paths, found.needed()


def test_a_chain_of_hard_links_takes_time_in_proportion() -> None:
    assert growth(chained, 500, 8) < 24
