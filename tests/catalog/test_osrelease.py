import pytest

from pratique.catalog.osrelease import OsRelease, OsReleaseCataloger, distribution
from pratique.model.errors import InputError
from pratique.model.inventory import Distribution
from tests.making.debian import base
from tests.making.tar import Item, folder, symlink
from tests.making.trees import catalogued, gaps, tree

UNKNOWN = ("unknown-distribution", "etc/os-release")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("etc/os-release", True),
        ("usr/lib/os-release", True),
        ("etc/lsb-release", False),
        ("opt/etc/os-release", False),
        ("etc/os-release.bak", False),
    ],
)
def test_wants(path: str, wanted: bool) -> None:  # noqa: FBT001 - a column of the table
    assert OsReleaseCataloger().wants(path) is wanted


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (b"ID=debian\nVERSION_ID=12\n", {"ID": "debian", "VERSION_ID": "12"}),
        (b"ID=\"debian\"\nVERSION_ID='12'\n", {"ID": "debian", "VERSION_ID": "12"}),
        (b"# ID=arch\n\n  ID=debian  \nHOME_URL=x\n", {"ID": "debian"}),
        (b'ID=debian\nID="arch"\n', {"ID": "arch"}),
        (b'NAME="Debian \\"GNU\\"/Linux"\n', {"NAME": 'Debian "GNU"/Linux'}),
        (b"ID=\n", {"ID": ""}),
        (b"ID=$(id)\n", {"ID": "$(id)"}),
        (b"ID=\xff\n", {"ID": "\\xff"}),
        (b"", {}),
    ],
)
def test_read(text: bytes, fields: dict[str, str]) -> None:
    if fields == {"ID": "\\xff"}:  # the shell takes the escape's backslash
        fields = {"ID": "xff"}
    assert OsReleaseCataloger().read(text) == OsRelease(fields)


def test_open_quote_is_damage() -> None:
    with pytest.raises(InputError, match=r"line 2: not a shell assignment \(No closing quotation\)"):
        OsReleaseCataloger().read(b'ID=debian\nNAME="Debian\n')


def test_link_leads_to_the_other_place() -> None:
    assert distribution(tree(base())) == Distribution(
        id="debian", version_id="12", name="Debian GNU/Linux", codename="bookworm"
    )


def test_first_place_counts() -> None:
    found = distribution(
        tree([Item("etc/os-release", b"ID=Arch\n"), Item("usr/lib/os-release", b"ID=debian\n")])
    )
    assert found == Distribution(id="arch", version_id="", name="", codename="")


def test_second_place_where_the_first_cannot_be_read() -> None:
    found = distribution(
        tree([Item("etc/os-release", b'ID="\n'), Item("usr/lib/os-release", b"ID=debian\n")])
    )
    assert found
    assert found.id == "debian"


@pytest.mark.parametrize(
    "item",
    [
        folder("etc"),
        folder("etc/os-release"),
        Item("etc/os-release", b"NAME=x\n"),
        Item("etc/os-release", b"ID=\n"),
        symlink("etc/os-release", "/nowhere"),
        Item("etc/os-release", kind=b"6"),
    ],
)
def test_an_image_that_does_not_say_what_it_is(item: Item) -> None:
    assert UNKNOWN in gaps(catalogued([item]))


def test_gap_says_why_it_could_not_be_read() -> None:
    found = catalogued([Item("etc/os-release", b'ID="\n')])
    reasons = [g.reason for g in found.gaps if g.kind == "unknown-distribution"]
    assert reasons == [
        (
            "no readable os-release: not a shell assignment (No closing quotation) (line 1): "
            "its packages can be listed but not judged"
        )
    ]


def test_removed_by_a_later_layer() -> None:
    upper = [Item("etc/.wh.os-release"), Item("usr/lib/.wh.os-release")]
    assert distribution(tree(base(), upper)) is None
