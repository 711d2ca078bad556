import random

import pytest

from pratique.ecosystems import debian_archive
from pratique.model.errors import InputError
from tests.making.growth import growth

SIGNED = """\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

Origin: Debian  \t
- -dashes
-----BEGIN PGP SIGNATURE-----

abcd
-----END PGP SIGNATURE-----
"""
SHA = "0" * 64
RELEASE = f"Suite: stable\nDate: Sat, 21 Nov 2026 00:53:02 UTC\nSHA256:\n {SHA}  12 main/x\n"
STANZA = (
    f"Package: a\nVersion: 1:2-3\nArchitecture: amd64\nFilename: ./pool/a/a_2-3.deb\nSize: 5\nSHA256: {SHA}\n"
)


def test_a_clear_signed_message_is_split() -> None:
    message, signature = debian_archive.clear_signed(SIGNED)
    assert message == "Origin: Debian\n-dashes"
    assert signature == "-----BEGIN PGP SIGNATURE-----\n\nabcd\n-----END PGP SIGNATURE-----\n"
    assert debian_archive.clear_signed(SIGNED.replace("\n", "\r\n")) == (message, signature)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("-----BEGIN PGP SIGNED", "\n-----BEGIN PGP SIGNED"),
        ("- -dashes", "-dashes"),
        ("- -dashes", "-----BEGIN PGP SIGNED MESSAGE-----"),
        ("Hash: SHA256", "NotDashEscaped: x"),
        ("abcd", "abcd\n-----END PGP SIGNATURE-----\nmore"),
        ("-----END PGP SIGNATURE-----\n", "-----END PGP SIGNATURE-----\nmore"),
        ("-----END PGP SIGNATURE-----\n", ""),
        ("-----BEGIN PGP SIGNATURE-----\n", ""),
    ],
)
def test_what_is_not_one_signed_message(old: str, new: str) -> None:
    with pytest.raises(InputError):
        debian_archive.clear_signed(SIGNED.replace(old, new, 1))


def test_a_release_file() -> None:
    release = debian_archive.parse_release(RELEASE)
    assert (release.suite, release.codename, release.valid_until, release.by_hash) == (
        "stable",
        "",
        None,
        False,
    )
    assert release.date.isoformat() == "2026-11-21T00:53:02+00:00"
    assert release.files == {"main/x": (f"sha256:{SHA}", 12)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        RELEASE + "\nSuite: other\n",
        RELEASE.replace("Nov 2026", "Nov 99999"),
        RELEASE.replace("Date:", "Datum:"),
        RELEASE.replace(" 12 ", " -1 "),
        RELEASE.replace(" 12 ", " 1e9 "),
        RELEASE.replace(SHA, "Z" * 64),
        RELEASE.replace("main/x", "main/x y"),
        RELEASE + "Suite: twice\n",
    ],
)
def test_what_is_no_release_file(text: str) -> None:
    with pytest.raises(InputError):
        debian_archive.parse_release(text)


def test_names_are_found_wherever_the_field_stands() -> None:
    data = f"{STANZA}\n\n\nVersion: 1\npackage: b\n\nPackage: a\nVersion: 2\n".encode()
    ranges = debian_archive.package_ranges(data)
    assert {name: len(found) for name, found in ranges.items()} == {"a": 2, "b": 1}
    start, end = ranges["a"][0]
    package = debian_archive.deb_package(data[start:end], "s")
    assert (package.version, package.filename, package.source, package.suite) == (
        "1:2-3",
        "pool/a/a_2-3.deb",
        "a",
        "s",
    )


def test_an_index_without_end_of_line_or_content() -> None:
    assert debian_archive.package_ranges(b"") == debian_archive.package_ranges(b"\n\n\n") == {}
    assert debian_archive.package_ranges(b"Package: a") == {"a": [(0, 10)]}


@pytest.mark.parametrize("text", ["Version: 1\n", "Package: a\n\nPackages: b\n"])
def test_a_paragraph_without_a_name(text: str) -> None:
    with pytest.raises(InputError, match="without the field Package"):
        debian_archive.package_ranges(text.encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        *(
            ("Package: a", "Package: ../a"),
            ("1:2-3", "1 2"),
            ("Size: 5", "Size: -5"),
            ("Size: 5", "Size: \u0665"),
        ),
        *(
            (SHA, "x"),
            ("./pool", "/pool"),
            ("Version", "Version: 1\nVersion"),
            ("amd64", "amd64\n\nPackage: b"),
        ),
        *(
            ("amd64", "\x00amd64\nx"),
            ("amd64", "amd64\n."),
        ),
    ],
)
def test_paragraphs_that_are_damaged(old: str, new: str) -> None:
    with pytest.raises(InputError):
        debian_archive.deb_package(STANZA.replace(old, new, 1).encode(), "s")


def test_damage_of_any_kind_is_our_error() -> None:
    chance, refused = random.Random(7), 0  # noqa: S311
    for _ in range(3000):
        data = bytearray(STANZA.encode())
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            for found in debian_archive.package_ranges(bytes(data)).values():
                for start, end in found:
                    debian_archive.deb_package(bytes(data[start:end]), "s")
        except InputError:
            refused += 1
    assert refused > 1000


def test_time_to_find_packages_grows_with_the_index() -> None:
    def index(count: int) -> bytes:
        description = "Description: " + "x" * 600 + "\n\n"
        return "".join(
            STANZA.replace("Package: a", f"Package: a{n}") + description for n in range(count)
        ).encode()

    made = {count: index(count) for count in (2_000, 16_000)}
    assert len(debian_archive.package_ranges(made[16_000])) == 16_000
    assert growth(lambda count: debian_archive.package_ranges(made[count]), 2_000, 8) < 32
