"""The tar reader has a quick way for ordinary headers: whatever it takes, the careful way takes for the same."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pratique.image import tar as reader
from pratique.image.limits import Limits
from pratique.image.tar import Window
from pratique.model.files import Anomaly, Entry
from tests.making.tar import BLOCK, Item, folder, header, patched, symlink


def carefully(block: bytes, limits: Limits) -> tuple[Entry | None, list[Anomaly]]:
    """Return what the reader makes of a header when it does not take the quick way."""
    anomalies: list[Anomaly] = []
    window = Window(iter([]), "t")
    found = reader._with_extensions(reader._parse(block, window), reader._NOTHING, window)
    made = reader._member(found, limits, anomalies)
    return made.entry() if made else None, anomalies


PIECES = st.sampled_from(
    [
        b"\0",
        b" ",
        b"0",
        b"8",
        b"/",
        b"./",
        b"..",
        b"//",
        b"_",
        b"+1",
        b"\x80",
        b"\xff",
        b"S",
        b"L",
        b"5",
        b"2",
        b"x",
    ]
)


PLACES = st.one_of(
    st.sampled_from([0, 1, 99, 100, 106, 107, 124, 134, 135, 148, 153, 154, 155, 156, 157, 257, 262]),
    st.integers(0, BLOCK - 2),
)


@settings(max_examples=1000, deadline=None)
@given(
    name=st.sampled_from([b"a", b"etc/passwd", b"a/", b"./a", b"a//b", b"a/.b", b"c" * 100, b""]),
    kind=st.sampled_from([b"0", b"1", b"2", b"5", b"\0", b"7", b"S"]),
    size=st.integers(0, 8**11 - 1),
    changes=st.lists(st.tuples(PLACES, PIECES), max_size=3),
    link=st.sampled_from([b"../x", b"caf\xe9", b"", b"l" * 80]),
    prefix=st.sampled_from([b"", b"p" * 80, b"/p"]),
    longest=st.sampled_from([4096, 120, 50]),
    right=st.booleans(),
)
def test_the_quick_way_is_the_careful_way(
    changes: list[tuple[int, bytes]], *, longest: int, right: bool, prefix: bytes, **parts: Any
) -> None:
    block = patched(header(Item(**parts)), (345, prefix))
    changed = bytearray(block)
    for at, value in changes:
        changed[at : at + len(value)] = value
    block = patched(bytes(changed)) if right else bytes(changed)
    quick = reader._ordinary(block, Window(iter([]), "t"), longest)
    if quick:
        assert carefully(block, Limits(path=longest)) == (quick.entry(), [])


def test_the_quick_way_is_taken() -> None:
    for item in (Item("a/b", b"x"), folder("a"), symlink("l", "../x"), Item("n" * 100, size=8**11 - 1)):
        assert reader._ordinary(header(item), Window(iter([]), "t"), 4096)
    long = patched(header(Item("n" * 100)), (345, b"p" * 80))
    assert [bool(reader._ordinary(long, Window(iter([]), "t"), longest)) for longest in (181, 180)] == [
        True,
        False,
    ]
    cut = header(symlink("l", "t" * 51))
    assert not reader._ordinary(cut, Window(iter([]), "t"), 50)
