"""Wheels with everything that the format knows, honest or not, and an index that offers them."""

import base64
import csv
import hashlib
import html
import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from tests.making.http import Server

NOTHING: Mapping[str, bytes] = MappingProxyType({})


def hashed(data: bytes, algorithm: str = "sha256") -> str:
    digest = hashlib.new(algorithm, data).digest()
    return f"{algorithm}={base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def record(files: Mapping[str, bytes], info: str) -> bytes:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerows((path, hashed(data), len(data)) for path, data in files.items() if not path.endswith("/"))
    rows.writerow((f"{info}/RECORD", "", ""))
    return out.getvalue().encode()


def members(
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    files: Mapping[str, bytes] = NOTHING,
    tag: str = "py3-none-any",
) -> dict[str, bytes]:
    """Return the files of a wheel but its RECORD."""
    stem = f"{name.replace('-', '_')}-{version}"
    lines = [
        "Metadata-Version: 2.1",
        f"Name: {name}",
        f"Version: {version}",
        *(f"Requires-Dist: {r}" for r in requires),
    ]
    wheel = f"Wheel-Version: 1.0\nGenerator: making\nRoot-Is-Purelib: true\nTag: {tag}\n"
    return {
        f"{name.replace('-', '_')}/__init__.py": f"VERSION = {version!r}\n".encode(),
        **files,
        f"{stem}.dist-info/METADATA": "\n".join([*lines, ""]).encode(),
        f"{stem}.dist-info/WHEEL": wheel.encode(),
    }


def pack(files: Mapping[str, bytes], modes: Mapping[str, int] = MappingProxyType({})) -> bytes:
    """Return a zip of files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            info = zipfile.ZipInfo(path)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = (0o100000 | modes.get(path, 0o644)) << 16
            archive.writestr(info, data)
    return made.getvalue()


def wheel(
    name: str, version: str, requires: Iterable[str] = (), files: Mapping[str, bytes] = NOTHING
) -> bytes:
    """Return an honest wheel."""
    found = members(name, version, requires=requires, files=files)
    info = f"{name.replace('-', '_')}-{version}.dist-info"
    return pack({**found, f"{info}/RECORD": record(found, info)})


def filename(name: str, version: str, tag: str = "py3-none-any") -> str:
    return f"{name.replace('-', '_')}-{version}-{tag}.whl"


class Index:
    """A package index (PEP 503 pages, or PEP 691 documents that also give sizes)."""

    def __init__(self, server: Server, *, sizes: bool = True) -> None:
        self._server, self._sizes = server, sizes
        self._files: dict[str, dict[str, bytes]] = {}
        self.url = f"{server.url}/simple"

    def offer(
        self, name: str, version: str, requires: Iterable[str] = (), *, tag: str = "py3-none-any"
    ) -> str:
        """Offer a wheel; return its path on the server."""
        data = wheel(name, version, requires)
        self._files.setdefault(name, {})[filename(name, version, tag)] = data
        path = f"/files/{filename(name, version, tag)}"
        self._server.files[path] = data
        page = self._json(name) if self._sizes else self._html(name)
        self._server.files[f"/simple/{name}/"] = page
        kind = "application/vnd.pypi.simple.v1+json" if self._sizes else "text/html"
        self._server.types[f"/simple/{name}/"] = kind
        return path

    def _html(self, name: str) -> bytes:
        links = (
            f'<a href="../../files/{html.escape(f)}#sha256={hashlib.sha256(d).hexdigest()}">{f}</a>'
            for f, d in self._files[name].items()
        )
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode()

    def _json(self, name: str) -> bytes:
        files = [
            {
                "filename": f,
                "url": f"../../files/{f}",
                "size": len(d),
                "hashes": {"sha256": hashlib.sha256(d).hexdigest()},
            }
            for f, d in self._files[name].items()
        ]
        return json.dumps(
            {"meta": {"api-version": "1.1"}, "name": name, "versions": [], "files": files}
        ).encode()
