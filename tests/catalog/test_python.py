from pathlib import Path

import pytest

from pratique.catalog.python import MetadataCataloger, RecordCataloger
from tests.making.debian import base, distribution, paragraph, status
from tests.making.tar import Item, hardlink, symlink
from tests.making.trees import catalogued, gaps, names

SITE = "usr/local/lib/python3.11/site-packages"
SYFT = Path(__file__).parent.parent / "conformance" / "data" / "pkgdb" / "python-syft"
DEBIAN = [*base(), status(paragraph("base-files", "12"))]


def metadata(path: str, name: str, version: str) -> Item:
    return Item(path, f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode())


def dist(name: str, version: str, site: str, *files: str) -> list[Item]:
    """Return metadata and a RECORD that lists some files besides."""
    info = f"{site}/{name}-{version}.dist-info".lstrip("/")
    record = "".join(f"{f},,\n" for f in (f"{name}-{version}.dist-info/METADATA", *files))
    return [metadata(f"{info}/METADATA", name, version), Item(f"{info}/RECORD", record.encode())]


@pytest.mark.parametrize(
    ("path", "readers"),
    [
        (f"{SITE}/a-1.dist-info/METADATA", ["python-metadata"]),
        (f"{SITE}/a-1.DIST-INFO/METADATA", ["python-metadata"]),
        (f"{SITE}/a-1.dist-info/RECORD", ["python-record"]),
        (f"{SITE}/a.egg-info", ["python-metadata"]),
        (f"{SITE}/a.EGG-INFO", ["python-metadata"]),
        (f"{SITE}/a.egg-info/PKG-INFO", ["python-metadata"]),
        (f"{SITE}/a.egg-info/installed-files.txt", ["python-record"]),
        (f"{SITE}/a.egg/EGG-INFO/PKG-INFO", ["python-metadata"]),
        ("a-1.dist-info/METADATA", ["python-metadata"]),
        (f"{SITE}/a-1.dist-info/metadata.json", []),
        (f"{SITE}/a-1.dist-info/WHEEL", []),
        (f"{SITE}/a-1.dist-info/sub/METADATA", []),
        (f"{SITE}/METADATA", []),
        (f"{SITE}/PKG-INFO", []),
        (f"{SITE}/not-egg-info/PKG-INFO", []),
        (f"{SITE}/RECORD", []),
    ],
)
def test_wants(path: str, readers: list[str]) -> None:
    assert [c.name for c in (MetadataCataloger(), RecordCataloger()) if c.wants(path)] == readers


def test_distribution() -> None:
    found = catalogued([*DEBIAN, *distribution("Foo_Bar", "1.0", site=SITE)])
    package = found.packages[1]
    assert package.id == f"pkg:pypi/foo-bar@1.0#{SITE}/Foo_Bar-1.0.dist-info"
    assert (package.name, package.version, package.layer) == ("Foo_Bar", "1.0", 0)
    assert package.files == (
        f"{SITE}/Foo_Bar-1.0.dist-info/METADATA",
        f"{SITE}/Foo_Bar-1.0.dist-info/RECORD",
        f"{SITE}/Foo_Bar/__init__.py",
    )
    assert found.gaps == ()


@pytest.mark.parametrize(
    ("path", "evidence"),
    [
        (f"{SITE}/a-1.egg-info", f"{SITE}/a-1.egg-info"),
        (f"{SITE}/a.egg-info/PKG-INFO", f"{SITE}/a.egg-info"),
        (f"{SITE}/a-1.egg/EGG-INFO/PKG-INFO", f"{SITE}/a-1.egg/EGG-INFO"),
        (f"{SITE}/A-1.DIST-INFO/METADATA", f"{SITE}/A-1.DIST-INFO"),
        ("opt/target/a-1.dist-info/METADATA", "opt/target/a-1.dist-info"),
        ("a-1.dist-info/METADATA", "a-1.dist-info"),
        (
            "root/venv/lib/python3.12/site-packages/a-1.dist-info/METADATA",
            "root/venv/lib/python3.12/site-packages/a-1.dist-info",
        ),
    ],
)
def test_wherever_it_lies(path: str, evidence: str) -> None:
    found = catalogued([*DEBIAN, metadata(path, "a", "1")])
    assert [(p.name, p.path) for p in found.packages if p.type == "pypi"] == [("a", evidence)]
    assert found.gaps == ()


def test_several_environments_are_several_installations() -> None:
    found = catalogued(
        [
            *DEBIAN,
            *distribution("a", "1", site="opt/x"),
            *distribution("a", "1", site="opt/y"),
            *distribution("a", "2", site="opt/z"),
        ]
    )
    assert [(p.version, p.path) for p in found.packages[1:]] == [
        ("1", "opt/x/a-1.dist-info"),
        ("1", "opt/y/a-1.dist-info"),
        ("2", "opt/z/a-2.dist-info"),
    ]


def test_installed_files_are_relative_to_the_metadata() -> None:
    listed = Item(f"{SITE}/a.egg-info/installed-files.txt", b"../a.py\nPKG-INFO\n../gone.py\n")
    found = catalogued(
        [*DEBIAN, metadata(f"{SITE}/a.egg-info/PKG-INFO", "a", "1"), listed, Item(f"{SITE}/a.py")]
    )
    assert found.packages[1].files == (f"{SITE}/a.egg-info/PKG-INFO", f"{SITE}/a.py")


@pytest.mark.parametrize(
    ("item", "subject"),
    [
        (Item(f"{SITE}/a-1.dist-info/WHEEL"), f"{SITE}/a-1.dist-info"),
        (Item(f"{SITE}/a-1.dist-info/licenses/LICENSE"), f"{SITE}/a-1.dist-info"),
        (Item(f"{SITE}/A-1.DIST-INFO/RECORD"), f"{SITE}/A-1.DIST-INFO"),
        (Item(f"{SITE}/a-1.dist-info/metadata"), f"{SITE}/a-1.dist-info"),
        (Item(f"{SITE}/a.egg-info/top_level.txt"), f"{SITE}/a.egg-info"),
        (Item(f"{SITE}/a-1.dist-info/METADATA"), f"{SITE}/a-1.dist-info/METADATA"),
        (metadata(f"{SITE}/a-1.dist-info/METADATA", "a/b", "1"), f"{SITE}/a-1.dist-info/METADATA"),
        (metadata(f"{SITE}/a-1.dist-info/METADATA", "::set-output", "1"), f"{SITE}/a-1.dist-info/METADATA"),
        (Item(f"{SITE}/a-1.dist-info/METADATA", kind=b"6"), f"{SITE}/a-1.dist-info/METADATA"),
        (symlink(f"{SITE}/a-1.dist-info/METADATA", "/srv/meta"), f"{SITE}/a-1.dist-info/METADATA"),
    ],
)
def test_what_cannot_be_read_is_a_gap(item: Item, subject: str) -> None:
    found = catalogued([*DEBIAN, item, metadata("srv/meta", "a", "1")])
    assert (names(found), gaps(found)) == ([("base-files", "12")], [("unread-file", subject)])


def test_damaged_record_is_a_gap_and_the_package_stays() -> None:
    info = f"{SITE}/a-1.dist-info"
    found = catalogued(
        [*DEBIAN, metadata(f"{info}/METADATA", "a", "1"), Item(f"{info}/RECORD", b",sha256=x,\n")]
    )
    assert (found.packages[1].files, gaps(found)) == (
        (f"{info}/METADATA",),
        [("unread-file", f"{info}/RECORD")],
    )


def test_hard_link_shares_the_metadata() -> None:
    one, other = "opt/x/a-1.dist-info/METADATA", "opt/y/a-1.dist-info/METADATA"
    found = catalogued([*DEBIAN, metadata(one, "a", "1"), hardlink(other, one)])
    assert [p.path for p in found.packages[1:]] == ["opt/x/a-1.dist-info", "opt/y/a-1.dist-info"]


def test_link_to_a_whole_environment_counts_once() -> None:
    found = catalogued([*DEBIAN, metadata("opt/v1/a-1.dist-info/METADATA", "a", "1"), symlink("opt/v", "v1")])
    assert [p.path for p in found.packages[1:]] == ["opt/v1/a-1.dist-info"]


def test_upgrade_in_a_later_layer() -> None:
    lower = [*DEBIAN, *distribution("a", "1", site=SITE)]
    upper = [Item(f"{SITE}/.wh.a-1.dist-info"), *distribution("a", "2", site=SITE)]
    assert [(p.version, p.layer) for p in catalogued(lower, upper).packages[1:]] == [("2", 1)]


def vendored(*items: Item) -> dict[str, str]:
    """Return name -> name of what carries it."""
    packages = catalogued([*DEBIAN, *items]).packages
    by_id = {p.id: p.name for p in packages}
    return {p.name: by_id.get(p.vendored_in, p.vendored_in) for p in packages if p.type == "pypi"}


def test_vendored_copy() -> None:
    items = [
        *dist("setuptools", "65", SITE, "setuptools/_vendor/wheel-0.37.dist-info/METADATA"),
        *dist("wheel", "0.37", f"{SITE}/setuptools/_vendor"),
    ]
    assert vendored(*items) == {"setuptools": "", "wheel": "setuptools"}


def test_copy_inside_a_copy_counts_to_the_outermost() -> None:
    items = [
        *dist("a", "1", SITE, "a/v/b-1.dist-info/METADATA"),
        *dist("b", "1", f"{SITE}/a/v", "b/v/c-1.dist-info/METADATA"),
        *dist("c", "1", f"{SITE}/a/v/b/v"),
    ]
    assert vendored(*items) == {"a": "", "b": "a", "c": "a"}


@pytest.mark.parametrize(
    "listed", ["../../other/b-1.dist-info/METADATA", "b-1.dist-info/METADATA", "../b-1.dist-info/METADATA"]
)
def test_record_does_not_speak_for_others(listed: str) -> None:
    items = [
        *dist("a", "1", "opt/x/site", listed),
        *dist("b", "1", "opt/other"),
        *dist("b2", "1", "opt/x/site"),
    ]
    items += [
        metadata("opt/x/site/b-1.dist-info/METADATA", "b3", "1"),
        metadata("opt/x/b-1.dist-info/METADATA", "b4", "1"),
    ]
    assert set(vendored(*items).values()) == {""}


def test_two_that_claim_each_other_are_no_circle() -> None:
    items = [
        *dist("a", "1", SITE, "b/v/b-1.dist-info/METADATA"),
        *dist("b", "1", f"{SITE}/b/v", "../../a-1.dist-info/METADATA"),
    ]
    assert vendored(*items) == {"a": "", "b": "a"}


@pytest.mark.parametrize(
    ("path", "name", "version"),
    [
        ("site-packages/nested/dist-name/dist-info/METADATA", "Pygments", "2.6.1"),
        ("site-packages/nested/egg-name/egg-info/PKG-INFO", "requests", "2.22.0"),
        ("site-packages/uppercase/egg-name/EGG-INFO/PKG-INFO", "requests", "2.22.0"),
        ("site-packages/partial.dist-info/METADATA", "Pygments", "2.6.1"),
        ("site-packages/test/test.egg-info", "requests", "2.22.0"),
        ("Python-2.7.egg-info", "Python", "2.7.13"),
        ("site-packages/license/with-license-file-declared.dist-info/METADATA", "Pygments", "2.6.1"),
    ],
)
def test_metadata_of_syft(path: str, name: str, version: str) -> None:
    fact = MetadataCataloger().read((SYFT / path).read_bytes())
    assert (fact.name, fact.version) == (name, version)


def test_records_of_syft() -> None:
    listed = RecordCataloger().read((SYFT / "installed-files/installed-files.txt").read_bytes())
    assert listed[:2] == ("../__pycache__/dicttoxml.cpython-36.pyc", "../dicttoxml.py")
    damaged = RecordCataloger().read((SYFT / "site-packages/malformed-record/dist-info/RECORD").read_bytes())
    assert damaged[0] == "flask/json/tag.py"
    assert len(damaged) == 8


def test_requirements_are_those_of_the_headers() -> None:
    extra = 'Requires-Dist: numpy>=1.20\nrequires-dist: rich ; extra == "cli"\n\nRequires-Dist: not-this\n'
    found = catalogued([*base(), *distribution("web", "1.0", extra=extra)])
    assert found.packages[0].requires == ("numpy>=1.20", 'rich ; extra == "cli"')
    assert found.packages[0].size > 0
