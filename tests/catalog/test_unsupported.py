import pytest

from pratique.catalog import CATALOGERS
from pratique.catalog.unsupported import UnsupportedCataloger
from tests.making.debian import OS_RELEASE, paragraph, status
from tests.making.tar import Item, folder
from tests.making.trees import catalogued, gaps

BASE = [Item("etc/os-release", OS_RELEASE), status(paragraph("a", "1"))]
PATHS = (
    "var/lib/rpm/Packages",
    "var/lib/rpm/rpmdb.sqlite",
    "usr/lib/sysimage/rpm/Packages.db",
    "usr/share/rpm/rpmdb.sqlite",
    "lib/apk/db/installed",
    "usr/lib/apk/db/installed",
    "opt/conda/conda-meta/numpy-1.26.json",
    "conda-meta/python.json",
    "usr/lib/node_modules/npm/package.json",
    "srv/node_modules/@types/node/package.json",
    "srv/app.jar",
    "srv/app.war",
    "srv/lib.ear",
    "srv/two\nlines.jar",
    "opt/a-1.egg",
    "opt/a-1-py3-none-any.whl",
    "usr/local/cuda-12.1/version.json",
)


@pytest.mark.parametrize("path", PATHS)
def test_seen(path: str) -> None:
    found = catalogued([*BASE, Item(path)])
    assert gaps(found) == [("unsupported-packages", path)]


@pytest.mark.parametrize(
    "path",
    [
        "srv/package.json",
        "srv/node_modules/x/lib/package.json",
        "srv/conda-meta/history",
        "srv/jar",
        "home/var/lib/rpm/Packages",
        "srv/a.jar.txt",
    ],
)
def test_not_seen(path: str) -> None:
    assert catalogued([*BASE, Item(path)]).gaps == ()


def test_one_gap_a_kind_with_their_number_and_the_first() -> None:
    items = [
        *BASE,
        Item("srv/b.jar"),
        Item("srv/a.jar"),
        Item("srv/c.war"),
        folder("srv/d.jar"),
    ]
    assert [(g.subject, g.reason) for g in catalogued(items).gaps] == [
        ("srv/a.jar", "Java archive seen, which this version does not read (3 in all)")
    ]


def test_asks_for_no_file() -> None:
    assert not any(UnsupportedCataloger().wants(path) for path in PATHS)


def test_no_other_cataloger_asks_for_them() -> None:
    assert not [path for path in PATHS if any(c.wants(path) for c in CATALOGERS)]


def test_names_of_readers_differ() -> None:
    assert len({c.name for c in CATALOGERS}) == len(CATALOGERS)
