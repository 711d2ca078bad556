"""Commands about the cache folder."""

import json
import os
from pathlib import Path

from pratique.cli import run
from tests.cli.test_locking import Capture


def entry(cache: Path, used: float) -> Path:
    path = cache / "facts" / "k" / "f"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 2_000_000)
    os.utime(path, (used, used))
    return path


def test_status_prune_and_clear(tmp_path: Path, capsysbinary: Capture) -> None:
    kept = entry(tmp_path, 1_700_000_000)
    assert run(["cache", "status", "--cache-dir", str(tmp_path)]) == 0
    out = capsysbinary.readouterr().out.decode()
    assert "1.9 MiB" in out.splitlines()[0]
    assert [line.split()[-1] for line in out.splitlines() if line.startswith("facts")] == ["2023-11-14"]
    assert run(["cache", "prune", "--max-size", "3MB", "--cache-dir", str(tmp_path)]) == 0
    assert capsysbinary.readouterr().out.startswith(b"0 entries gone, 0.0 MiB\n")
    assert kept.exists()
    words = ["cache", "prune", "--older-than", "30d", "--cache-dir", str(tmp_path), "--format", "json"]
    assert run(words) == 0
    document = json.loads(capsysbinary.readouterr().out)
    assert (document["schema"], document["entries"], document["left"]["size"]) == ("pratique.pruned/1", 1, 0)
    assert not kept.exists()
    assert run(["cache", "clear", "--cache-dir", str(tmp_path)]) == 0


def test_prune_has_to_be_told_what(tmp_path: Path, capsysbinary: Capture) -> None:
    assert run(["cache", "prune", "--cache-dir", str(tmp_path)]) == 4
    assert b"Name --max-size or --older-than" in capsysbinary.readouterr().err
