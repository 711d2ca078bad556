"""Advisory feeds as files: OSV records, a KEV catalogue, EPSS scores."""

import gzip
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pratique.advisories import Snapshot, build, find_feeds

Record = dict[str, Any]


def record(
    identifier: str, name: str = "demo", *events: dict[str, str], ecosystem: str = "PyPI", **more: Any
) -> Record:
    """Return an OSV record about one package; every version before 2.0 where no event is given."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events) or [{"introduced": "0"}, {"fixed": "2.0"}]}]
    affected = {"package": {"ecosystem": ecosystem, "name": name}, "ranges": ranges}
    return {"id": identifier, "modified": "2026-01-01T00:00:00Z", "affected": [affected], **more}


def lines(records: Sequence[Record]) -> bytes:
    return b"".join(json.dumps(r).encode() + b"\n" for r in records)


def jsonl(path: Path, *records: Record) -> Path:
    """Write ``.jsonl`` or ``.jsonl.gz``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = lines(records)
    path.write_bytes(gzip.compress(data, mtime=0) if path.name.endswith(".gz") else data)
    return path


def zipped(path: Path, *records: Record, method: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write a zip with one member for each record, as OSV publishes them."""
    with zipfile.ZipFile(path, "w", method) as archive:
        for one in records:
            archive.writestr(f"{one['id']}.json", json.dumps(one))
    return path


def kev(
    path: Path, *cves: str, released: str = "2026-11-23T12:00:00.0000Z", count: int | None = None
) -> Path:
    entries = [{"cveID": cve, "dateAdded": "2026-11-01"} for cve in cves]
    document = {
        "title": "KEV",
        "catalogVersion": "1",
        "dateReleased": released,
        "count": len(cves) if count is None else count,
        "vulnerabilities": entries,
    }
    path.write_text(json.dumps(document))
    return path


def epss(
    path: Path, *rows: str, comment: str = "#model_version:v1,score_date:2026-11-23T00:00:00+0000"
) -> Path:
    text = "\n".join([*([comment] if comment else []), "cve,epss,percentile", *rows]) + "\n"
    path.write_bytes(gzip.compress(text.encode(), mtime=0) if path.suffix == ".gz" else text.encode())
    return path


def declare(folder: Path, *tables: str) -> Path:
    """Write a ``feeds.toml`` of ``[[feed]]`` tables."""
    (folder / "feeds.toml").write_text("".join(f"[[feed]]\n{table}\n" for table in tables))
    return folder


def built(folder: Path, *paths: Path) -> Snapshot:
    """Import some paths into the snapshots of a folder."""
    return build(folder, [source for path in paths for source in find_feeds(path)], lambda _name: None)


COMPLETE = (
    'name = "osv"\nfile = "osv.jsonl"\nformat = "osv"\ncoverage = "complete"\n'
    'ecosystems = ["PyPI"]\nas-of = 2026-11-23\n'
)
"""The declaration of a feed that knows everything about Python packages."""
