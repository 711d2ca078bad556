import pytest

from pratique.catalog import catalog, unowned
from tests.making.debian import base, distribution, file_list, paragraph, status
from tests.making.tar import Item, folder, symlink
from tests.making.trees import catalogued, tree

DIST = "usr/lib/python3/dist-packages"
INFO = f"{DIST}/requests-2.28.1.dist-info"


def owned(listed: str, *more: Item) -> list[Item]:
    """Return a Debian root with python3-requests, whose list names one path."""
    return [
        *base(),
        status(paragraph("python3-requests", "2.28.1+dfsg-1", source="requests")),
        file_list("python3-requests", listed),
        *distribution("requests", "2.28.1", site=DIST),
        *more,
    ]


@pytest.mark.parametrize("listed", [f"{INFO}/METADATA", f"{INFO}/METADATA".replace("usr/lib", "lib")])
def test_one_installation_with_two_names(listed: str) -> None:
    found = catalogued(owned(listed))
    assert [(p.name, p.type, p.also) for p in found.packages] == [
        ("python3-requests", "deb", ("pkg:pypi/requests@2.28.1",))
    ]
    assert found.packages[0].files == (f"{INFO}/METADATA",)


def test_egg_info_file() -> None:
    egg = Item(f"{DIST}/a-1.egg-info", b"Name: a\nVersion: 1\n")
    found = catalogued(
        [
            *base(),
            status(paragraph("python3-a", "1-2")),
            file_list("python3-a", egg.name if isinstance(egg.name, str) else ""),
            egg,
        ]
    )
    assert [(p.name, p.also) for p in found.packages] == [("python3-a", ("pkg:pypi/a@1",))]


def test_copy_that_no_debian_package_owns_stays() -> None:
    found = catalogued(owned(f"{INFO}/METADATA", *distribution("requests", "2.20.0")))
    assert [(p.name, p.type) for p in found.packages] == [("python3-requests", "deb"), ("requests", "pypi")]


def test_copy_vendored_inside_a_debian_package_is_no_name_of_it() -> None:
    vendored = "usr/share/python-wheels/pip/_vendor/idna-3.dist-info/METADATA"
    items = [
        *base(),
        status(paragraph("python3-pip", "23")),
        file_list("python3-pip", vendored),
        Item(vendored, b"Name: idna\nVersion: 3\n"),
    ]
    assert [(p.name, p.also) for p in catalogued(items).packages] == [("python3-pip", ())]


def test_metadata_at_the_root_of_the_image() -> None:
    items = [
        *base(),
        status(paragraph("odd", "1")),
        file_list("odd", "a-1.dist-info/METADATA"),
        Item("a-1.dist-info/METADATA", b"Name: a\nVersion: 1\n"),
    ]
    assert [(p.name, p.also) for p in catalogued(items).packages] == [("odd", ())]


def test_copy_inside_an_adopted_distribution_lies_in_the_debian_package() -> None:
    inner = f"{DIST}/requests/packages/idna-3.dist-info"
    record = b"requests/packages/idna-3.dist-info/METADATA,,\n"
    items = owned(
        f"{INFO}/METADATA",
        Item(f"{INFO}/RECORD", record),
        Item(f"{inner}/METADATA", b"Name: idna\nVersion: 3\n"),
    )
    deb, idna = catalogued(items).packages
    assert (idna.name, idna.vendored_in) == ("idna", deb.id)


def test_unowned_files() -> None:
    items = [
        *base(),
        status(paragraph("a", "1")),
        file_list("a", "usr/x"),
        Item("usr/x"),
        Item("usr/y"),
        folder("usr/z"),
        symlink("l", "usr"),
    ]
    merged = tree(items)
    assert unowned(merged, catalog(merged).packages) == (8, 7)
