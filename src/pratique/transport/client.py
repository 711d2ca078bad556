"""The HTTP client: one request at a time, redirects checked at each hop, cut transfers resumed.

Proxies and trusted certificates are the environment's. No cookie is kept, no answer is decompressed, no address inside
an answer is fetched. Plain ``http`` and ``file`` are for addresses that the user's own configuration names.
"""

import os
import random
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from pratique.model.digest import Digest
from pratique.model.errors import UnavailableError, UntrustedError
from pratique.transport.address import Address
from pratique.transport.credentials import Credential, authorization
from pratique.transport.exchange import Answer, Request, exchange
from pratique.transport.gate import Gate
from pratique.transport.patience import Patience
from pratique.transport.sinks import FileSink, MemorySink, Sink
from pratique.transport.transfer import FileTransfer, HttpTransfer

_HOPS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LIMIT = 4 << 30
_CHUNK = 256 * 1024


class Transport:
    """Fetches over https, and over http and from files where the user's configuration says so.

    Args:
        permitted: ``http`` and ``file`` addresses from the user's own configuration; what lies at or below is fetched.
        credentials: sent to the addresses that they are for, and nowhere else.
        ca_file: certificates to trust; empty for those of the environment or the system.
        timeout: seconds without a byte after which an attempt is given up.
        clock: monotonic seconds.
        pause: sleeps that many seconds.
        jitter: a number from 0 to 1.
    """

    def __init__(
        self,
        *,
        permitted: Iterable[Address] = (),
        credentials: Iterable[Credential] = (),
        ca_file: str = "",
        timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._gate = Gate(tuple(permitted))
        self._credentials = tuple(credentials)
        self._clock, self._pause, self._jitter = clock, pause, jitter
        self._verify = _trust(ca_file) if ca_file else True
        self._timeout = timeout
        self._client, self._process = self._connected(), os.getpid()

    def _connected(self) -> httpx2.Client:
        return httpx2.Client(
            verify=self._verify,
            timeout=self._timeout,
            follow_redirects=False,
            headers={"Accept-Encoding": "identity", "User-Agent": "pratique"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        )

    def _http(self) -> httpx2.Client:
        """Return the client of this process: a copy of the process that made it must not share its connections."""
        if self._process != os.getpid():
            self._client, self._process = self._connected(), os.getpid()
        return self._client

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection."""
        self._client.close()

    def read(self, url: str, limit: int) -> bytes:
        """Return the content of a small file.

        Raises:
            UntrustedError: it is longer than ``limit`` bytes, or a redirect leads where none may.
            MissingError: there is no such file.
            UnavailableError: the server refuses, or does not answer in time.
            InputError, UnsupportedError: the address is none, or may not be fetched.
        """
        address = Address.parse(url)
        sink = MemorySink(limit, str(address))
        self._fetch(address, sink)
        return sink.content()

    def download(
        self, url: str, target: Path, *, digest: Digest, size: int | None, limit: int = _LIMIT
    ) -> None:
        """Write a file whose digest is known; ``target`` exists afterwards only if digest and size are right.

        Args:
            url: where it lies.
            target: written directly: name a temporary file, and place it afterwards.
            digest: what it must hash to.
            size: bytes that it must have; None where nothing says so.
            limit: bytes that it may have, where there is no size.

        Raises:
            UntrustedError: digest or size disagree, or a redirect leads where none may.
            MissingError: there is no such file.
            UnavailableError: the server or disk refuses, or there is no answer in time.
            InputError, UnsupportedError: the address is none, or may not be fetched.
        """
        address = Address.parse(url)
        with FileSink(target, digest, size, limit, str(address)) as sink:
            self._fetch(address, sink)

    def exchange(
        self, method: str, url: str, *, headers: Mapping[str, str], content: bytes | Path = b"", limit: int
    ) -> Answer:
        """Send one request and return its answer, of whatever status; redirects are not followed.

        Args:
            method: of the request; what is tried again after a broken connection may arrive twice.
            url: where to.
            headers: beside the client's own.
            content: of the request's body, or a file that holds it.
            limit: bytes that the answer's body may have.

        Raises:
            UntrustedError: the answer is longer than ``limit`` bytes.
            UnavailableError: there is no answer in time.
            InputError, UnsupportedError: the address is none, or may not be used.
        """
        address = Address.parse(url)
        self._gate.admit(address)
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        patience = Patience(size + limit, self._clock, self._pause, self._jitter)
        return exchange(Request(method, address, headers, content, limit), self._send, patience)

    @contextmanager
    def _send(self, request: Request) -> Iterator[httpx2.Response]:
        own = {**request.headers, **authorization(self._credentials, request.address)}
        url, content = request.address.url, request.content
        if not isinstance(content, Path):
            with self._http().stream(request.method, url, headers=own, content=content or None) as response:
                yield response
            return
        own["Content-Length"] = str(content.stat().st_size)
        with content.open("rb", buffering=0) as file:
            chunks = iter(lambda: file.read(_CHUNK), b"")
            with self._http().stream(request.method, url, headers=own, content=chunks) as response:
                yield response

    def _fetch(self, address: Address, sink: Sink) -> None:
        self._gate.admit(address)
        patience = Patience(sink.most, self._clock, self._pause, self._jitter)
        transfer = FileTransfer if address.scheme == "file" else HttpTransfer
        transfer(address, sink, patience, self._open).run()

    @contextmanager
    def _open(self, address: Address, headers: dict[str, str]) -> Iterator[httpx2.Response]:
        """Open the answer to a request, redirects followed; each hop is judged, and gets only its own credentials."""
        for _ in range(_HOPS + 1):
            own = headers | authorization(self._credentials, address)
            with self._http().stream("GET", address.url, headers=own) as response:
                if response.status_code not in _REDIRECTS:
                    yield response
                    return
                address = self._gate.follow(address, response.headers.get("Location", ""))
        raise UntrustedError(f"more than {_HOPS} redirects", place=str(address))


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        what = f"the certificates cannot be read ({error.strerror or 'not in PEM form'})"
        raise UnavailableError(what, place=ca_file, remedy="Correct the path in the configuration") from error
