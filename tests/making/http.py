"""An honest file server on loopback, which can be told to fail."""

import hashlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """One answer that is not the honest one.

    Attributes:
        status: 0 closes the connection without an answer.
        body: None for the file's own.
        cut: bytes after which the connection is closed, whatever was promised.
        stall: seconds before the first byte.
    """

    status: int = 200
    headers: Mapping[str, str] = {}
    body: bytes | None = None
    cut: int | None = None
    stall: float = 0.0


class Request(NamedTuple):
    path: str
    headers: Mapping[str, str]


class Server:
    """What it serves, how it is told to fail, and what it was asked."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: defaultdict[str, list[Fault]] = defaultdict(list)
        self.types: dict[str, str] = {}
        self.requests: list[Request] = []
        self.ranges = True
        self.etags = True
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def asked(self, path: str) -> list[Mapping[str, str]]:
        """Return the headers of each request for a path."""
        return [r.headers for r in self.requests if r.path == path]

    @contextmanager
    def running(self) -> Iterator["Server"]:
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


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            server.requests.append(Request(self.path, dict(self.headers.items())))
            fault = server.faults[path].pop(0) if server.faults[path] else None
            if fault:
                self._fail(fault, server.files.get(path, b""))
            elif path not in server.files:
                self._answer(404, b"not here", {})
            else:
                self._honest(server.files[path])

        def _honest(self, body: bytes) -> None:
            etag = f'"{hashlib.sha256(body).hexdigest()}"'
            headers = {"ETag": etag} if server.etags else {}
            headers |= {"Content-Type": server.types[self.path]} if self.path in server.types else {}
            wanted = self.headers.get("Range", "")
            same = self.headers.get("If-Range", etag) == etag
            if not (server.ranges and wanted and same):
                self._answer(200, body, headers)
                return
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(body):
                self._answer(416, b"", headers)
                return
            whole = f"bytes {start}-{len(body) - 1}/{len(body)}"
            self._answer(206, body[start:], headers | {"Content-Range": whole})

        def _fail(self, fault: Fault, body: bytes) -> None:
            time.sleep(fault.stall)
            if not fault.status:
                self.close_connection = True
                return
            body = body if fault.body is None else fault.body
            self._answer(fault.status, body, dict(fault.headers), fault.cut)

        def _answer(
            self, status: int, body: bytes, headers: Mapping[str, str], cut: int | None = None
        ) -> None:
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body[:cut])
            self.close_connection = (
                self.close_connection or cut is not None or not headers.get("Content-Length", "x")
            )

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name is the library's)
            del format, args

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, BrokenPipeError):
                self.close_connection = True

    return Handler
