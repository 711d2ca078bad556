"""Any small stack of layers, changed anyhow: the new layers give the wanted tree, and hold nothing else."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.image import MergedTree
from pratique.model.errors import PratiqueError
from pratique.model.files import Kind, LayerFacts
from tests.image.test_edit import OPAQUE, shown
from tests.making.edits import STAMP, Bench, needs_root, remade
from tests.making.tar import Item, folder, hardlink, symlink

pytestmark = needs_root
NAMES = ["a", "b", "c", "a/a", "a/b", "b/a", "b/c/a", "a/a/a"]
LEAVES = st.sampled_from(NAMES)
APART = [
    (x, y) for x in NAMES for y in NAMES if not f"{x}/".startswith(f"{y}/") and not y.startswith(f"{x}/")
]
LINKS = st.sampled_from(APART).map(lambda pair: hardlink(*pair))
WAYS = [(name, link) for name, link in APART if name < link]
SYMLINKS = st.sampled_from(WAYS).map(lambda way: symlink(way[0], f"/{way[1]}"))
MARKS = st.sampled_from(
    [".wh.a", ".wh.b", "a/.wh.a", "a/.wh.b", "b/.wh.c", OPAQUE, f"a/{OPAQUE}", f"b/c/{OPAQUE}"]
)
FILES = LEAVES.map(Item)
FOLDERS = st.sampled_from(["./", "a", "b", "b/c", "c"]).map(folder)
ITEMS = FILES | FILES | LINKS | SYMLINKS | FOLDERS | MARKS.map(Item)
LAYERS = st.lists(st.lists(ITEMS, max_size=7, unique_by=lambda item: item.name), min_size=1, max_size=4)
CHANGES = st.lists(st.tuples(st.booleans(), LEAVES), max_size=5)


def numbered(layers: list[list[Item]]) -> list[list[Item]]:
    """Return layers in which no file's content is like another's; whiteouts are empty."""
    return [
        [
            x._replace(content=b"%d.%d" % (i, k)) if x.kind == b"0" and x.name in NAMES else x
            for k, x in enumerate(items)
        ]
        for i, items in enumerate(layers)
    ]


def texts(tree: MergedTree, upper: Path) -> dict[str, object]:
    """Return the content of every file of a tree; of one in the upper, which no reader has read, from there."""
    return {p: f.facts.get("text") or (upper / p).read_text("utf-8") for p, f in tree.files()}


def stored(facts: LayerFacts) -> set[object]:
    return {
        fact["text"] for fact in facts.facts.values() if isinstance(fact.get("text"), str) and fact["text"]
    }


def broken(tree: MergedTree) -> bool:
    """Say whether a hard link's target is missing or a folder, so that nobody can unpack it."""
    links = [file for _, file in tree.files() if file.entry.kind is Kind.HARDLINK]
    return any(not isinstance(file.facts.get("text"), str) for file in links)


def leads_elsewhere(layers: list[list[Item]]) -> bool:
    """Say whether an entry lies behind a link: should that link go, Edit refuses, for the entry would lie elsewhere."""
    items = [item for layer in layers for item in layer]
    links = tuple(f"{item.name!s}/" for item in items if item.kind in {b"1", b"2"})
    return any(str(item.name).startswith(links) for item in items)


@settings(max_examples=100)
@given(LAYERS, CHANGES, st.integers(0, 4))
def test_the_new_tree_is_the_wanted_one_and_holds_nothing_else(
    layers: list[list[Item]], changes: list[tuple[bool, str]], base: int
) -> None:
    with TemporaryDirectory() as place:
        bench = Bench(Path(place), *numbered(layers))
        for writes, path in changes:
            real = bench.edit().tree().resolve(path)
            bench.upper.write(real, f"new {path}".encode(), 0o600, STAMP) if writes else bench.upper.remove(
                real
            )
        wanted = bench.edit().tree()
        try:
            made = bench.layers(base)
        except PratiqueError:
            assert leads_elsewhere(layers) or broken(wanted)
            return
        facts = remade(made)
        tree = MergedTree(facts)
        there = texts(tree, bench.above)
        assert shown(tree) == shown(wanted)
        assert there == texts(wanted, bench.above) or broken(wanted)
        for layer, held in zip(made, facts, strict=True):
            assert layer.state != "rewritten" or stored(held) <= set(there.values()) or broken(wanted)
