"""Whose configuration counts, and that none of it is shown."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pratique.model.errors import InputError, UnavailableError
from pratique.repositories.indexes import IndexSettings, read_settings
from pratique.transport import Secret

CONFIG = """\
:env:.index-url='https://never.invalid/read/from/here'
global.cert='/etc/corp.pem'
global.extra-index-url='\\nhttps://one.invalid/simple\\nhttps://two.invalid/simple'
global.find-links='/opt/wheels'
global.index-url='https://user:canary@main.invalid/simple'
global.timeout='60'
global.broken=what?
install.index-url='https://user:canary@install.invalid/simple'
WARNING: something
"""


def settings(environment: Mapping[str, str], config: str = CONFIG) -> IndexSettings:
    return read_settings(environment, lambda: config)


def test_pip_files_are_read() -> None:
    found = settings({})
    assert found.environment() == {
        "UV_DEFAULT_INDEX": "https://user:canary@install.invalid/simple",
        "UV_INDEX": "https://one.invalid/simple https://two.invalid/simple",
        "UV_FIND_LINKS": "/opt/wheels",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "SSL_CERT_FILE": "/etc/corp.pem",
    }
    assert "canary" not in repr(found)


def test_the_environment_of_pip_wins_over_its_files() -> None:
    found = settings(
        {"PIP_INDEX_URL": "https://env.invalid/s", "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/a /b"}
    )
    assert found.environment()["UV_DEFAULT_INDEX"] == "https://env.invalid/s"
    assert found.environment()["UV_FIND_LINKS"] == "/a,/b"
    assert found.no_index


@pytest.mark.parametrize(
    ("main", "extra"), [("UV_DEFAULT_INDEX", "UV_INDEX"), ("UV_INDEX_URL", "UV_EXTRA_INDEX_URL")]
)
def test_the_environment_of_uv_wins_over_pip(main: str, extra: str) -> None:
    own = {
        main: "https://uv.invalid/s",
        extra: "corp=https://x.invalid/s",
        "PIP_INDEX_URL": "https://pip.invalid/s",
    }
    found = settings(
        own | {"UV_FIND_LINKS": "/a,/b", "SSL_CERT_FILE": "/own.pem", "UV_INDEX_STRATEGY": "first-index"}
    )
    assert found.environment() == {
        "UV_DEFAULT_INDEX": "https://uv.invalid/s",
        "UV_INDEX": "corp=https://x.invalid/s",
        "UV_FIND_LINKS": "/a,/b",
        "SSL_CERT_FILE": "/own.pem",
    }


def test_without_any_configuration_uv_decides() -> None:
    assert settings({}, "").environment() == {}


def test_pip_itself_is_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://user:canary@own.invalid/simple\n")
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    found = read_settings({})
    assert found.index is not None
    assert found.index.reveal() == "https://user:canary@own.invalid/simple"


def permitted(*urls: str) -> list[str]:
    links = tuple(map(Secret, urls))
    with IndexSettings(find_links=links).open_transport() as transport:
        return [str(a) for a in transport._gate.permitted]


def test_what_may_be_fetched_without_https() -> None:
    assert permitted(
        "https://a.invalid/simple",
        "http://b.invalid:8080/root/simple",
        "corp=http://c.invalid/simple",
        "file:///srv/pypi/simple",
        "/srv/my wheels",
        "git+ssh://d.invalid/x",
    ) == ["http://b.invalid:8080/", "http://c.invalid/", "file:///srv/pypi", "file:///srv/my%20wheels"]


def test_credentials_of_addresses_and_of_netrc(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine n.invalid login me password canary")
    with IndexSettings(index=Secret("https://u:canary@a.invalid/simple")).open_transport() as transport:
        found = [(str(c.scope), c.user) for c in transport._credentials]
        assert "canary" not in repr(transport._credentials)
    assert found == [("https://a.invalid/", "u"), ("https://n.invalid/", "me")]


def test_a_damaged_netrc_is_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine n.invalid canary")
    with pytest.raises(InputError) as caught:
        IndexSettings().open_transport()
    assert "canary" not in str(caught.value)


def test_certificates_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "bad.pem").write_text("what?")
    for name in ("missing.pem", "bad.pem"):
        with pytest.raises(UnavailableError, match="certificates cannot be read"):
            IndexSettings(cert=str(tmp_path / name)).open_transport()
