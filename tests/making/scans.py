"""A small image and a small snapshot that belong together: what whole scans are tested on."""

from collections.abc import Sequence
from pathlib import Path

from pratique.flows.scan import Request, database, scan
from pratique.formats.documents import Report
from tests.making.debian import base, distribution, file_list, paragraph, status
from tests.making.feeds import built, declare, epss, jsonl, kev, record
from tests.making.images import layout
from tests.making.tar import Item

CVSS = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"
LOWER = (
    *base(),
    status(
        paragraph("libssl3", "3.0.11-1~deb12u1", source="openssl", more="Essential: yes"),
        paragraph("python3-demo", "1.0-1"),
        paragraph("base-files", "12.4"),
    ),
    file_list("libssl3", "usr/lib/libssl.so.3"),
    file_list("python3-demo", "usr/lib/python3/dist-packages/demo-1.0.dist-info/METADATA"),
    file_list("base-files", "etc/os-release"),
    Item("usr/lib/libssl.so.3", b"\x7fELF"),
    *distribution("demo", "1.0", site="usr/lib/python3/dist-packages"),
)
UPPER = (
    *distribution("demo", "1.5"),
    *distribution("fine", "3.0"),
    *distribution("torch", "2.1.0+cu118"),
)
LAYERS = (LOWER, UPPER)
EPOCH = "1795521600"
"""2026-11-24T12:00:00Z, the moment of ``tests.making.values.NOW``."""

_DSA = record(
    "DSA-1-1",
    "openssl",
    {"introduced": "0"},
    {"fixed": "3.0.11-1~deb12u2"},
    ecosystem="Debian:12",
    upstream=["CVE-2026-1111"],
)
_PYSEC = record(
    "PYSEC-2026-1",
    "demo",
    aliases=["CVE-2026-2222", "GHSA-aaaa-bbbb-cccc"],
    summary="Demo serves what it should not",
    severity=[{"type": "CVSS_V3", "score": CVSS}],
    published="2026-10-01T00:00:00Z",
)
_TORCH = record("PYSEC-2026-2", "torch", {"introduced": "0"}, {"last_affected": "2.6.0-NA"})
_WINDOW = "window-from = 2026-01-01\nwindow-to = 2026-11-23\n"
_DATED = 'format = "osv"\nas-of = 2026-11-23\ncoverage = '
_DECLARED = (
    f'name = "dsa"\nfile = "dsa.jsonl"\necosystems = ["Debian:12"]\n{_DATED}"window"\n{_WINDOW}',
    f'name = "pypi"\nfile = "pypi.jsonl"\necosystems = ["PyPI"]\n{_DATED}"complete"\n',
    'name = "kev"\nfile = "kev.json"\nformat = "kev"\ncoverage = "complete"\n',
    'name = "epss"\nfile = "epss.csv"\nformat = "epss"\ncoverage = "complete"\n',
)
ACCEPTED = """[[accept-gaps]]
gap = "feed-window"
reason = "known"
owner = "me"
until = 2026-12-31
[[accept-gaps]]
gap = "unrated"
reason = "known"
owner = "me"
until = 2026-12-31
"""
"""What a policy accepts so that an image of these scans passes."""


def feeds(folder: Path) -> Path:
    """Write four declared feeds and return their folder."""
    jsonl(folder / "dsa.jsonl", _DSA)
    jsonl(folder / "pypi.jsonl", _PYSEC, _TORCH)
    kev(folder / "kev.json", "CVE-2026-2222")
    epss(folder / "epss.csv", "CVE-2026-2222,0.42,0.97", "CVE-2026-1111,0.01,0.5")
    return declare(folder, *_DECLARED)


def imported(cache: Path) -> Path:
    """Import the four feeds and return the cache folder."""
    built(database(str(cache)), feeds(cache / "feeds"))
    return cache


def scanned(
    reference: Path | str, cache: Path, *fail_on: str, policy: str = "", proofs: tuple[str, ...] = ()
) -> Report:
    request = Request(str(reference), cache=str(cache), fail_on=fail_on, policy=policy, proofs=proofs)
    return scan(request, lambda _done, _total: None)


def image(path: Path, *layers: Sequence[Item]) -> Path:
    """Write the small image, or one of other layers, as an OCI layout."""
    return layout(path, *(layers or LAYERS))


def hardened(path: Path) -> Path:
    """Write the small image as Pratique would have made it from another one."""
    return layout(path, *LAYERS, annotations={"pratique.parent.digest": "sha256:" + "0" * 64})
