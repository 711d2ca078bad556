"""A small honest registry in memory (distribution-spec 1.1), which can be told to keep no list of referrers."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_INDEX = "application/vnd.oci.image.index.v1+json"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """What it holds.

    Attributes:
        referrers: whether it keeps a list of what refers to a manifest.
        elsewhere: where uploads are sent; empty for here.
        more_pages: the list of referrers says that it goes on.
        forbidden: digests of blobs that it answers 403 for.
        writes: digests and tags in the order in which they came.
    """

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, tuple[bytes, str]] = {}
        self.referrers = True
        self.elsewhere = ""
        self.more_pages = False
        self.forbidden: set[str] = set()
        self.writes: list[str] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.host = f"127.0.0.1:{self._http.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator["Registry"]:
        thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            self._http.server_close()
            thread.join()

    def about(self, subject: str) -> list[dict[str, Any]]:
        """Return the descriptors of what refers to a manifest."""
        found = []
        for name, (data, kind) in self.manifests.items():
            document = json.loads(data)
            if name.startswith("sha256:") and document.get("subject", {}).get("digest") == subject:
                found.append(
                    {
                        "mediaType": kind,
                        "digest": name,
                        "size": len(data),
                        "artifactType": document["artifactType"],
                    }
                )
        return found


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _say(self, status: int, body: bytes = b"", **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def _body(self) -> bytes:
            return self.rfile.read(int(self.headers.get("Content-Length", "0")))

        def do_GET(self) -> None:
            kind, name = re.findall(r"/(blobs|manifests|referrers)/(.+)$", urlsplit(self.path).path)[0]
            if kind == "blobs" and name in registry.forbidden:
                self._say(403)
            elif kind == "blobs" and name in registry.blobs:
                self._say(200, registry.blobs[name])
            elif kind == "manifests" and name in registry.manifests:
                data, media_type = registry.manifests[name]
                self._say(200, data, Content_Type=media_type, Docker_Content_Digest=digest(data))
            elif kind == "referrers" and registry.referrers:
                index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": registry.about(name)}
                link = {"Link": f'<{self.path}?n=2>; rel="next"'} if registry.more_pages else {}
                self._say(200, json.dumps(index).encode(), Content_Type=_INDEX, **link)
            else:
                self._say(404)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_POST(self) -> None:
            self._body()
            self._say(202, Location=registry.elsewhere or "/v2/x/blobs/uploads/1?state=a")

        def do_PUT(self) -> None:
            data, parts = self._body(), urlsplit(self.path)
            if "/manifests/" in parts.path:
                self._manifest(parts.path.rpartition("/")[2], data)
                return
            wanted = parse_qs(parts.query)["digest"][0]
            if digest(data) != wanted:
                self._say(400)
                return
            registry.blobs[wanted] = data
            registry.writes.append(wanted)
            self._say(201)

        def _manifest(self, name: str, data: bytes) -> None:
            document, kind = json.loads(data), self.headers["Content-Type"]
            if any(d["digest"] not in registry.blobs for d in document.get("layers", [])):
                self._say(400)
                return
            registry.manifests[name] = registry.manifests[digest(data)] = (data, kind)
            registry.writes.append(name)
            subject = document.get("subject", {}).get("digest", "")
            headers = {"OCI_Subject": subject} if registry.referrers and subject else {}
            self._say(201, **headers)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
