"""A server, keys and an archive for each test; nothing of the machine's own proxies and indexes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.making.archive import Archive, Keys, new_keys
from tests.making.http import Server


@pytest.fixture(autouse=True)
def own_settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "e2e" in request.keywords:
        return
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith(("PIP_", "UV_")):
            monkeypatch.delenv(name)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))  # no certificates: they take long to read
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "uv-cache"))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


@pytest.fixture(scope="session")
def keys() -> Iterator[Keys]:
    with new_keys() as made:
        yield made


@pytest.fixture
def server() -> Iterator[Server]:
    with Server().running() as running:
        yield running


@pytest.fixture
def archive(server: Server, keys: Keys) -> Archive:
    return Archive(server, keys)
