import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.ecosystems import purl
from pratique.model.errors import InputError
from tests.making.values import DEBIAN


def test_deb() -> None:
    found = purl.deb("libstdc++6", "12.2.0-14", "amd64", DEBIAN)
    assert found == "pkg:deb/debian/libstdc%2B%2B6@12.2.0-14?arch=amd64&distro=debian-12"


def test_deb_without_distribution() -> None:
    assert purl.deb("a", "1:2", "", None) == "pkg:deb/unknown/a@1:2"


def test_pypi_is_normalised() -> None:
    assert purl.pypi("Foo_Bar", "2.1.0+cu118") == "pkg:pypi/foo-bar@2.1.0%2Bcu118"


NAMES = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?", fullmatch=True)
VERSIONS = st.text(st.characters(max_codepoint=0x2FF), min_size=1, max_size=20).filter(
    lambda v: v == v.strip()
)


@given(NAMES, VERSIONS)
def test_parse_gives_back_what_was_printed(name: str, version: str) -> None:
    text = purl.pypi(name, version)
    parts = purl.parse(text)
    assert (parts.name, parts.version) == (name, version)
    assert parts.to_string() == text


@pytest.mark.parametrize(
    "text", ["", "pypi/a@1", "pkg:", "pkg:pypi", "pkg:py pi/a", "http://example.invalid"]
)
def test_not_a_package_url(text: str) -> None:
    with pytest.raises(InputError, match="not a package URL"):
        purl.parse(text)
