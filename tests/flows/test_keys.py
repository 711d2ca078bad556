"""Key files: for their owner alone, both or none, and never over what is there."""

import os
from pathlib import Path

import pytest

from pratique.attest import load_private, load_public
from pratique.flows.keys import make_keys
from pratique.model.errors import UnavailableError, UsageError


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_the_private_key_is_its_owner_s_alone(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        make_keys(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "a.pub").stat().st_mode & 0o777 == 0o644 & ~mask


def test_both_files_are_of_one_key(tmp_path: Path) -> None:
    fingerprint = make_keys(tmp_path / "a.b", b"secret")
    private = load_private((tmp_path / "a.b.key").read_bytes(), b"secret", "key")
    public = load_public((tmp_path / "a.b.pub").read_bytes(), "pub")
    assert private.public.fingerprint == public.fingerprint == fingerprint


@pytest.mark.parametrize("name", ["a.key", "a.pub"])
@pytest.mark.parametrize("kind", ["file", "dangling link"])
def test_nothing_is_overwritten(tmp_path: Path, name: str, kind: str) -> None:
    if kind == "file":
        (tmp_path / name).write_text("precious")
    else:
        (tmp_path / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="keys are not overwritten") as caught:
        make_keys(tmp_path / "a", b"")
    assert caught.value.place.endswith(name)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    assert kind != "file" or (tmp_path / name).read_text() == "precious"


def test_a_name_that_is_none_is_refused(tmp_path: Path) -> None:
    for name in (Path(), Path("/")):
        with pytest.raises(UsageError, match="not a name for a key"):
            make_keys(name, b"")
    with pytest.raises(UnavailableError, match="no such file or directory"):
        make_keys(tmp_path / "gone" / "a", b"")


def test_where_the_second_file_cannot_be_written_the_first_one_goes(tmp_path: Path) -> None:
    """A name may have 255 bytes: room for neither suffix, or, by bytes of two, for none of the files."""
    with pytest.raises(UnavailableError, match="file name too long"):
        make_keys(tmp_path / ("x" * 252), b"")
    assert list(tmp_path.iterdir()) == []
