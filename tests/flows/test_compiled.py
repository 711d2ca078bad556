"""What sources compile to is kept by wheel: the second time nothing is compiled, and damage is compiled anew."""

from pathlib import Path

from pratique.ecosystems.bytecode import outline_of_source
from pratique.flows.compiled import Outlines
from pratique.model.digest import digest_of

SOURCE = b"x = 1\n"
DIGEST = digest_of(SOURCE)


def outlines(folder: Path) -> Outlines:
    return Outlines(folder / "artifacts" / "0" / "a-1-py3-none-any.whl", folder / "cache")


def test_what_was_compiled_is_known(tmp_path: Path) -> None:
    first = outlines(tmp_path)
    assert not first.known(DIGEST, 0)
    wanted = first.of(DIGEST, 0, SOURCE)
    assert wanted == outline_of_source(SOURCE, 0)
    assert first.of(digest_of(b"("), 0, b"(") is None
    first.keep()
    again = outlines(tmp_path)
    assert again.known(DIGEST, 0)
    assert again.known(digest_of(b"("), 0)
    assert not again.known(DIGEST, 1)
    assert again.of(DIGEST, 0, None) == wanted


def test_damage_is_compiled_anew(tmp_path: Path) -> None:
    first = outlines(tmp_path)
    first.of(DIGEST, 0, SOURCE)
    first.keep()
    (kept,) = (path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    data = kept.read_bytes()
    kept.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    assert not outlines(tmp_path).known(DIGEST, 0)
