import random
from pathlib import Path

import pytest

from pratique.catalog.dpkg import ListCataloger, StatusCataloger
from pratique.model.errors import InputError
from pratique.model.inventory import Catalogued, SourcePackage
from tests.making.debian import base, file_list, paragraph, status
from tests.making.tar import Item, folder, symlink
from tests.making.trees import catalogued, gaps, names

SYFT = Path(__file__).parent.parent / "conformance" / "data" / "pkgdb" / "dpkg-syft"
LIST = "incomplete-database"


def recorded(content: bytes) -> list[tuple[str, str]]:
    return [(r.name, r.version) for r in StatusCataloger().read(content)]


@pytest.mark.parametrize(
    ("path", "readers"),
    [
        ("var/lib/dpkg/status", ["dpkg-status"]),
        ("var/lib/dpkg/status.d/base", ["dpkg-status"]),
        ("var/lib/dpkg/status.d/base.md5sums", ["dpkg-list"]),
        ("var/lib/dpkg/info/bash.list", ["dpkg-list"]),
        ("var/lib/dpkg/info/libc6:amd64.list", ["dpkg-list"]),
        ("var/lib/dpkg/info/bash.md5sums", []),
        ("var/lib/dpkg/status-old", []),
        ("var/lib/dpkg/available", []),
        ("srv/var/lib/dpkg/status", []),
    ],
)
def test_wants(path: str, readers: list[str]) -> None:
    assert [c.name for c in (StatusCataloger(), ListCataloger()) if c.wants(path)] == readers


def test_packages_of_a_status_file() -> None:
    found = catalogued(
        [*base(), status(paragraph("libssl3", "3.0-1", source="openssl"), paragraph("bash", "5.2"))]
    )
    bash, ssl = found.packages
    assert ssl.id == "pkg:deb/debian/libssl3@3.0-1?arch=amd64&distro=debian-12#var/lib/dpkg/status"
    assert (ssl.source, ssl.architecture, ssl.layer) == (SourcePackage("openssl", "3.0-1"), "amd64", 0)
    assert bash.source == SourcePackage("bash", "5.2")
    assert found.gaps == ()


def test_source_with_a_version_of_its_own() -> None:
    found = catalogued([*base(), status(paragraph("libc-bin", "2.36-9+b1", source="glibc (2.36-9)"))])
    assert [p.source for p in found.packages] == [SourcePackage("glibc", "2.36-9")]


@pytest.mark.parametrize(
    ("state", "count"),
    [
        ("install ok installed", 1),
        ("hold ok installed", 1),
        ("install ok unpacked", 1),
        ("install reinstreq half-installed", 1),
        ("install ok half-configured", 1),
        ("install ok triggers-pending", 1),
        ("install ok triggers-awaited", 1),
        ("deinstall ok config-files", 0),
        ("purge ok not-installed", 0),
    ],
)
def test_states(state: str, count: int) -> None:
    found = catalogued(
        [*base(), status(paragraph("a", "1"), paragraph("b", "1", status=state)), file_list("b", "x")]
    )
    assert (len(found.packages), found.gaps) == (1 + count, ())


def test_half_installed_without_a_version_is_kept() -> None:
    text = b"Package: a\nStatus: install reinstreq half-installed\n\n"
    assert recorded(text) == [("a", "")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (paragraph("a", "1", status="install ok"), "a: not a package status: 'install ok'"),
        (paragraph("a", "1", status="install ok gone"), "a: not a package status: 'install ok gone'"),
        (paragraph("a", ""), "a: a paragraph without the field Version"),
        (paragraph("", "1"), "not a package name: ''"),
        ("Version: 1\n", "not a package name: ''"),
        (paragraph("x\r::stop-commands::t", "1"), "not a package name: 'x\\r::stop-commands::t'"),
        (paragraph("a", "1") + "\n" + paragraph("A", "2"), "A: a package stands twice"),
    ],
)
def test_what_dpkg_itself_would_refuse(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        StatusCataloger().read(text.encode())
    assert str(caught.value) == said


def test_two_architectures_are_two_packages() -> None:
    text = paragraph("libc6", "2", arch="amd64") + "\n" + paragraph("libc6", "2", arch="i386")
    found = catalogued(
        [*base(), Item("var/lib/dpkg/status", text.encode()), file_list("libc6:i386", "a"), Item("a")]
    )
    assert [(p.architecture, p.files) for p in found.packages] == [("amd64", ()), ("i386", ("a",))]


def test_files_follow_the_merged_usr_link() -> None:
    items = [
        *base(),
        status(paragraph("a", "1")),
        file_list("a", "lib", "lib/x", "usr/lib/y", "gone"),
        Item("usr/lib/x"),
        Item("usr/lib/y"),
    ]
    assert catalogued(items).packages[0].files == ("lib", "usr/lib/x", "usr/lib/y")


def test_layer_is_the_one_that_wrote_the_file_list() -> None:
    lower = [*base(), status(paragraph("a", "1")), file_list("a")]
    upper = [status(paragraph("a", "1"), paragraph("b", "1")), file_list("b")]
    assert [p.layer for p in catalogued(lower, upper).packages] == [0, 1]


def test_status_d_and_its_file_lists() -> None:
    text = "Package: libc6\nArchitecture: amd64\nVersion: 2.36\n"
    md5 = b"d41d8cd98f00b204e9800998ecf8427e  usr/lib/x\nd41d8cd98f00b204e9800998ecf8427e  ./usr/lib/y\n"
    where = "var/lib/dpkg/status.d"
    items = [
        *base(),
        Item(f"{where}/libc", text.encode()),
        Item(f"{where}/libc.md5sums", md5),
        Item("usr/lib/x"),
        Item("usr/lib/y"),
    ]
    found = catalogued(items)
    assert [(p.name, p.path, p.files) for p in found.packages] == [
        ("libc6", f"{where}/libc", ("usr/lib/x", "usr/lib/y"))
    ]
    assert found.gaps == ()


def test_list_of_a_package_that_the_database_does_not_name() -> None:
    items = [
        *base(),
        status(paragraph("a", "1")),
        file_list("a"),
        file_list("gone"),
        file_list("lost", "usr/x"),
        Item("usr/x"),
    ]
    assert gaps(catalogued(items)) == [
        (LIST, "var/lib/dpkg/info/gone.list"),
        (LIST, "var/lib/dpkg/info/lost.list"),
    ]


@pytest.mark.parametrize(
    "upper",
    [
        [Item("var/lib/dpkg/.wh.status")],
        [Item("var/lib/.wh.dpkg")],
        [Item("var/lib/dpkg/status")],
        [Item("var/lib/dpkg/.wh.status"), Item("var/lib/dpkg/Status", b"x")],
        [
            Item("var/lib/.wh.dpkg"),
            symlink("var/lib/dpkg", "/opt/db"),
            Item("opt/db/status", paragraph("a", "1").encode()),
        ],
    ],
)
def test_a_database_that_was_taken_away_is_a_gap(upper: list[Item]) -> None:
    lower = [*base(), status(paragraph("a", "1")), file_list("a", "usr/x"), Item("usr/x")]
    found = catalogued(lower, upper)
    assert found.packages == ()
    assert gaps(found) == [(LIST, "var/lib/dpkg/status")]


@pytest.mark.parametrize("path", ["var/lib/rpm/rpmdb.sqlite", "usr/lib/apk/db/installed"])
def test_no_dpkg_database_is_missed_beside_that_of_another_manager(path: str) -> None:
    assert gaps(catalogued([*base(), Item(path, b"x")])) == [("unsupported-packages", path)]


@pytest.mark.parametrize(
    "decoy",
    [
        [folder("var/lib/rpm")],
        [folder("var/lib/rpm/Packages")],
        [symlink("var/lib/rpm", "/opt/x"), Item("opt/x/Packages", b"x")],
    ],
)
def test_a_decoy_does_not_hide_that_the_database_is_gone(decoy: list[Item]) -> None:
    assert gaps(catalogued([*base(), *decoy])) == [(LIST, "var/lib/dpkg/status")]


@pytest.mark.parametrize(
    "item", [symlink("var/lib/dpkg/status", "elsewhere"), Item("var/lib/dpkg/status", kind=b"6")]
)
def test_a_database_that_is_no_file_is_a_gap(item: Item) -> None:
    items = [*base(), item, Item("var/lib/dpkg/elsewhere", paragraph("a", "1").encode())]
    assert gaps(catalogued(items)) == [("unread-file", "var/lib/dpkg/status")]


def test_damage_ends_the_scan_and_names_the_file() -> None:
    with pytest.raises(InputError) as caught:
        catalogued([*base(), Item("var/lib/dpkg/status", b"Package: a\nVer")])
    assert caught.value.place == "layer: var/lib/dpkg/status: line 2"


FULL = [
    paragraph("liba", "1.0-1", source="a"),
    paragraph("b", "2:3~rc1", status="deinstall ok config-files"),
    paragraph("c", "0.5"),
]
WHOLE = [*base(), status(*FULL), *(file_list(name) for name in ("liba", "b", "c"))]


def judged(content: bytes) -> Catalogued | None:
    """Return what is made of the database where it holds other bytes; None where it is refused."""
    try:
        return catalogued(
            [*base(), Item("var/lib/dpkg/status", content), *(file_list(n) for n in ("liba", "b", "c"))]
        )
    except InputError:
        return None


def lost(found: Catalogued) -> set[str]:
    """Return the packages that are missing and that no gap speaks of."""
    missing = {"liba", "c"} - {p.name for p in found.packages}
    told = {subject.rpartition("/")[2].removesuffix(".list") for kind, subject in gaps(found) if kind == LIST}
    return set() if "status" in told else missing - told


def test_truncated_at_every_offset() -> None:
    content = status(*FULL).content
    shorter = [
        n
        for n in range(len(content))
        if (found := judged(content[:n])) and (lost(found) or (len(found.packages) < 2 and not found.gaps))
    ]
    assert shorter == []


def test_truncated_at_a_paragraph_tells_what_is_lost() -> None:
    content = status(*FULL).content
    found = judged(content[: content.index(b"\nPackage: c")])
    assert found
    assert (names(found), gaps(found)) == ([("liba", "1.0-1")], [(LIST, "var/lib/dpkg/info/c.list")])


def test_flipped_bits() -> None:
    content = status(*FULL).content
    choice = random.Random(7)  # noqa: S311 - a fixed sample
    refused = 0
    for bit in choice.sample(range(len(content) * 8), 600):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        found = judged(bytes(flipped))
        refused += found is None
        assert found is None or lost(found) == set(), f"bit {bit}"
    assert refused > 50


@pytest.mark.parametrize(
    ("path", "packages"),
    [
        ("image-distroless-deb/var/lib/dpkg/status.d/libsqlite3-0", {"libsqlite3-0": "3.34.1-3"}),
        ("var/lib/dpkg/status.d/single", {"apt": "1.8.2"}),
        ("var/lib/dpkg/status.d/installed-size-4KB", {"apt": "1.8.2"}),
        (
            "var/lib/dpkg/status.d/deinstall",
            {
                "linux-image-6.14.0-1012-aws": "6.14.0-1012.12~24.04.1",
                "linux-image-6.8.0-1029-aws": "6.8.0-1029.31",
            },
        ),
        (
            "var/lib/dpkg/status.d/coreutils-relationships",
            {
                "coreutils": "9.1-1",
                "libacl1": "2.3.1-3",
                "libc6": "2.36-9+deb12u1",
                "libgcc-s1": "12.2.0-14",
                "gcc-12-base": "12.2.0-14",
                "libattr1": "1:2.5.1-4",
                "libgmp10": "2:6.2.1+dfsg1-1.1",
                "libselinux1": "3.4-1+b6",
                "libpcre2-8-0": "10.42-1",
            },
        ),
    ],
)
def test_databases_of_syft(path: str, packages: dict[str, str]) -> None:
    assert dict(recorded((SYFT / path).read_bytes())) == packages


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("image-dpkg/var/lib/dpkg/status", "line 23: the last line has no end"),
        ("var/lib/dpkg/status.d/empty", "line 1: the last line has no end"),
        ("var/lib/dpkg/status.d/corrupt", "line 5: not a control field"),
        ("var/lib/dpkg/status.d/multiple", "not a package name: ''"),
        ("var/lib/dpkg/status.d/doc-examples", "made-up-package-5: a paragraph without the field Version"),
        ("var/lib/dpkg/status.d/libpam-runtime", "debconf1: a paragraph without the field Version"),
    ],
)
def test_damaged_databases_of_syft(path: str, said: str) -> None:
    """All but the last of them dpkg refuses too; it reads a bare name as a package that is not installed."""
    with pytest.raises(InputError) as caught:
        recorded((SYFT / path).read_bytes())
    assert str(caught.value).startswith(said)


def test_what_a_package_depends_on_and_how_large_it_is() -> None:
    more = "Essential: yes\nMaintainer: A <a@debian.org>\nPre-Depends: libc6 (>= 2.36),\n libtinfo6\n"
    more += "Depends: base-files\t| other, debianutils (>= 2.15)\nProvides: sh-like (= 1), shell\n"
    database = status(paragraph("bash", "5.2", more=more), paragraph("dash", "0.5"))
    owned = [Item("usr/bin/bash", b"12345"), file_list("bash", "usr/bin", "usr/bin/bash")]
    found = catalogued([*base(), *owned, database])
    bash, dash = found.packages
    assert bash.requires == ("libc6 (>= 2.36)", "libtinfo6", "base-files | other", "debianutils (>= 2.15)")
    assert bash.provides == ("sh-like (= 1)", "shell")
    assert (bash.essential, bash.size, bash.maintainer) == (True, 5, "A <a@debian.org>")
    assert (dash.requires, dash.provides, dash.essential, dash.size) == ((), (), False, 0)
