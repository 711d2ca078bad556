"""What every test runs in: no network, no settings of the person who runs it, one flag that renews golden files."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent.parent
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="write golden documents anew instead of comparing"
    )


@pytest.fixture(autouse=True)
def surroundings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test its own cache folder and a network that refuses; end-to-end tests run real programs."""
    for name in ("SOURCE_DATE_EPOCH", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PRATIQUE_CACHE_DIR", str(tmp_path / "pratique-cache"))
    monkeypatch.setenv("PRATIQUE_STORE", str(tmp_path / "pratique-store" / "fleet.sqlite"))
    if "e2e" not in request.keywords:
        monkeypatch.setattr(
            socket.socket, "connect", _loopback if "loopback" in request.keywords else _refused
        )


def _refused(_socket: socket.socket, address: Any) -> None:
    pytest.fail(f"a unit test reached for the network: {address}")


_connect = socket.socket.connect


def _loopback(connecting: socket.socket, address: Any) -> None:
    """Let a test that is marked for it reach servers of its own on this machine, and nothing else."""
    if not isinstance(address, tuple) or address[0] != "127.0.0.1":
        _refused(connecting, address)
    _connect(connecting, address)


class Golden:
    """Compares a document with the one in ``tests/golden``; ``--update-golden`` writes it anew."""

    def __init__(self, *, update: bool) -> None:
        self._update = update

    def check(self, name: str, data: bytes, folder: Path = ROOT / "tests" / "golden") -> None:
        path = folder / name
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        assert path.exists(), f"{name} is missing: run pytest --update-golden"
        assert data == path.read_bytes(), (
            f"{name} differs: look at the change, then run pytest --update-golden"
        )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    return Golden(update=bool(request.config.getoption("--update-golden")))


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
