"""A small image that went the whole way: made once, copied for each test."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.making import cleared, scans
from tests.making.cleared import Cleared


@pytest.fixture(scope="session")
def cleared_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
        yield cleared.make(tmp_path_factory.mktemp("cleared")).folder


@pytest.fixture
def way(cleared_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cleared:
    """Return an image that was cleared and is not attested yet; the clock stands still."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    shutil.copytree(cleared_once, tmp_path / "way")
    return Cleared(tmp_path / "way")


@pytest.fixture(scope="session")
def attested_once(cleared_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attested") / "way"
    shutil.copytree(cleared_once, folder)
    Cleared(folder).attest()
    return folder


@pytest.fixture
def attested(attested_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cleared:
    """Return the same image, attested."""
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    shutil.copytree(attested_once, tmp_path / "attested")
    return Cleared(tmp_path / "attested")
