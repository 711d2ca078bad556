"""What of a machine's apt configuration is for an image's release."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from pratique.model.errors import InputError, PratiqueError, UnsupportedError
from pratique.model.inventory import Distribution
from pratique.repositories import apt
from pratique.repositories.apt import DebianSource
from tests.making.archive import BOOKWORM

RING = "/usr/share/keyrings/debian-archive-keyring.gpg"
DEB822 = f"""\
Types: deb deb-src
# http://commented.invalid/out
URIs: http://mirror.invalid/debian/ https://second.invalid/debian
Suites: bookworm bookworm-updates bookworm-backports trixie
Components: main contrib
Signed-By: {RING}

Types: deb
URIs: http://mirror.invalid/debian-security
Suites: bookworm-security
Components: main
Signed-By: {RING}

Types: deb
Enabled: no
URIs: http://disabled.invalid/debian
Suites: bookworm
Components: main

Types: deb-src
URIs: http://sources.invalid/debian
Suites: bookworm
Components: main
"""
ONE_LINE = f"""\
# deb http://commented.invalid/debian bookworm main
deb cdrom:[Debian GNU/Linux 12.0.0]/ bookworm main
deb http://mirror.invalid/debian bookworm main non-free-firmware  # a remark
deb-src http://mirror.invalid/debian bookworm main
deb [ arch=amd64 signed-by={RING},{RING} ] https://user:canary@mirror.invalid:8443/security bookworm-security main
deb [signed-by=/usr/share/keyrings/other.gpg] https://other.invalid/linux/debian bookworm stable
deb http://flat.invalid/ ./
deb
"""


@pytest.fixture
def etc(tmp_path: Path) -> Path:
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    (tmp_path / "apt" / "auth.conf.d").mkdir()
    return tmp_path / "apt"


def shown(found: tuple[DebianSource, ...]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(str(s.address), s.suite, s.components) for s in found]


def test_the_newer_form(etc: Path) -> None:
    (etc / "sources.list.d" / "debian.sources").write_text(DEB822)
    found = apt.sources(BOOKWORM, folder=etc)
    assert shown(found) == [
        ("http://mirror.invalid/debian", "bookworm", ("main", "contrib")),
        ("http://mirror.invalid/debian", "bookworm-updates", ("main", "contrib")),
        ("https://second.invalid/debian", "bookworm", ("main", "contrib")),
        ("https://second.invalid/debian", "bookworm-updates", ("main", "contrib")),
        ("http://mirror.invalid/debian-security", "bookworm-security", ("main",)),
    ]
    assert {s.keyrings for s in found} == {(RING,)}


def test_the_older_form(etc: Path) -> None:
    (etc / "sources.list").write_text(ONE_LINE)
    found = apt.sources(BOOKWORM, folder=etc)
    assert shown(found) == [
        ("http://mirror.invalid/debian", "bookworm", ("main", "non-free-firmware")),
        ("https://mirror.invalid:8443/security", "bookworm-security", ("main",)),
    ]
    assert [s.keyrings for s in found] == [(RING,), (RING, RING)]
    assert "canary" not in repr(found)
    assert found[1].credential is not None
    assert found[1].credential.password.reveal() == "canary"


@pytest.mark.parametrize("name", ["debian.sources.disabled", "x.list~", "README"])
def test_files_that_apt_does_not_read(etc: Path, name: str) -> None:
    (etc / "sources.list.d" / name).write_text(DEB822)
    with pytest.raises(UnsupportedError, match="no repository for bookworm"):
        apt.sources(BOOKWORM, folder=etc)


@pytest.mark.parametrize(
    "line",
    [
        "deb http://m.invalid/debian trixie main",
        "deb http://m.invalid/debian bookworm stable",
        "deb [signed-by=/usr/share/keyrings/vendor.gpg] http://m.invalid/debian bookworm main",
    ],
)
def test_repositories_of_others_are_passed_over(etc: Path, line: str) -> None:
    (etc / "sources.list").write_text(line)
    with pytest.raises(UnsupportedError) as caught:
        apt.sources(BOOKWORM, folder=etc)
    assert "mirror" in caught.value.remedy


def test_a_sources_file_of_the_user_may_be_signed_by_anyone(etc: Path, tmp_path: Path) -> None:
    (etc / "sources.list").write_text("deb http://not.invalid/asked bookworm main\n")
    file = tmp_path / "own.list"
    file.write_text("deb [signed-by=/k/corp.gpg] http://corp.invalid/mirror bookworm everything\n")
    found = apt.sources(BOOKWORM, str(file), etc)
    assert shown(found) == [("http://corp.invalid/mirror", "bookworm", ("everything",))]


def test_a_mirror_of_the_user(etc: Path) -> None:
    one = apt.sources(BOOKWORM, "http://u:p@m.invalid/debian/", etc)
    assert shown(one) == [
        ("http://m.invalid/debian", "bookworm", ("main",)),
        ("http://m.invalid/debian", "bookworm-updates", ("main",)),
        ("http://m.invalid/debian-security", "bookworm-security", ("main",)),
    ]
    assert all(s.credential and s.keyrings == (RING,) for s in one)
    two = apt.sources(BOOKWORM, "https://m.invalid/debian https://s.invalid/sec", etc)
    assert str(two[2].address) == "https://s.invalid/sec"


@pytest.mark.parametrize(
    "override", ["a b c", "ftp://m.invalid/debian", "m.invalid/debian", "http://", "/no/file"]
)
def test_what_is_no_mirror(etc: Path, override: str) -> None:
    with pytest.raises(PratiqueError):
        apt.sources(BOOKWORM, override, etc)


@pytest.mark.parametrize(
    "distribution",
    [None, replace(BOOKWORM, id="ubuntu"), replace(BOOKWORM, codename=""), replace(BOOKWORM, id="")],
)
def test_releases_that_cannot_be_patched(etc: Path, distribution: Distribution | None) -> None:
    with pytest.raises(UnsupportedError, match="no release of Debian"):
        apt.sources(distribution, folder=etc)


def test_a_fault_in_the_configuration_names_its_file(etc: Path) -> None:
    file = etc / "sources.list.d" / "x.sources"
    for text in ("Types deb\n", "Types: deb\nURIs: mirror+file:/x\nSuites: bookworm\nComponents: main\n"):
        file.write_text(text)
        with pytest.raises(PratiqueError) as caught:
            apt.sources(BOOKWORM, folder=etc)
        assert caught.value.place.startswith(str(file))


def test_credentials_of_apt(etc: Path) -> None:
    (etc / "sources.list").write_text(ONE_LINE)
    (etc / "auth.conf").write_text("machine mirror.invalid/debian login a password canary\n")
    (etc / "auth.conf.d" / "more.conf").write_text("machine http://m.invalid:80 login b password canary")
    (etc / "auth.conf.d" / "not-read").write_text("what?")
    found = apt.credentials(apt.sources(BOOKWORM, folder=etc), etc)
    assert [(str(c.scope), c.user) for c in found] == [
        ("https://mirror.invalid:8443/", "user"),
        ("https://mirror.invalid/debian", "a"),
        ("http://m.invalid/", "b"),
    ]
    assert "canary" not in repr(found)


def test_damaged_credentials_are_not_quoted(etc: Path) -> None:
    (etc / "auth.conf").write_text("machine m.invalid login a pasword canary")
    with pytest.raises(InputError) as caught:
        apt.credentials((), etc)
    assert "canary" not in str(caught.value)
    assert str(etc / "auth.conf") in str(caught.value)
