"""One fetch, from the first attempt to the last: what an answer means, and where a cut one goes on."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import httpx2

from pratique.model.errors import InputError, UnavailableError, UntrustedError
from pratique.transport.address import Address
from pratique.transport.patience import AGAIN, Patience, TryAgainError, retry_after
from pratique.transport.sinks import Sink

Open = Callable[[Address, dict[str, str]], AbstractContextManager[httpx2.Response]]
"""Opens the answer to a GET with these headers, redirects followed."""

_CHUNK = 256 * 1024
_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)")
_NETWORK = "Check the network, the proxy and the trusted certificates, or try again later"


class MissingError(UnavailableError):
    """There is no such file at that address."""


class FileTransfer:
    """A copy from a file of this machine."""

    def __init__(self, address: Address, sink: Sink, patience: Patience, _open: Open) -> None:
        self._address, self._sink, self._patience = address, sink, patience

    def run(self) -> None:
        """Copy it.

        Raises:
            MissingError: there is no such file.
            UnavailableError: it may not be read, or is no file.
            UntrustedError: it is not what was promised.
        """
        try:
            self._copy(Path(self._address.file))
            self._sink.finish()
        except TryAgainError as again:
            raise again.error from again

    def _copy(self, path: Path) -> None:
        if not path.is_file():
            raise MissingError("no such file", place=str(self._address))
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK):
                    self._sink.write(chunk)
        except OSError as error:
            raise UnavailableError((error.strerror or str(error)).lower(), place=str(path)) from error


class HttpTransfer:
    """A GET that is tried until the sink has the whole.

    1. Ask for the rest, if the sink checks the whole by a digest; else begin anew (RFC 9110, 14.2).
    2. Take a 206 only for exactly the rest; a 200 begins anew (RFC 9110, 15.3.7).
    3. Compare the length that the server gives before anything is read.
    4. Wait before the next attempt, as long as the server asks.
    """

    def __init__(self, address: Address, sink: Sink, patience: Patience, open_: Open) -> None:
        self._address, self._sink, self._patience, self._open = address, sink, patience, open_
        self._place = str(address)
        self._validator = ""

    def run(self) -> None:
        """Fetch it.

        Raises:
            MissingError: there is no such file.
            UnavailableError: the server refuses, or there is no answer in time.
            UntrustedError: it is not what was promised.
        """
        while True:
            before = self._sink.count
            try:
                self._attempt()
                self._sink.finish()
            except TryAgainError as again:
                self._patience.wait(again, progressed=self._sink.count > before)  # 4
            else:
                return

    def _attempt(self) -> None:
        with self._translated(), self._open(self._address, self._range()) as response:
            self._accept(response)
            self._begin(response)
            self._compare(response)
            for chunk in response.iter_raw():
                if self._patience.over():
                    raise UnavailableError("the transfer takes too long", place=self._place, remedy=_NETWORK)
                self._sink.write(chunk)

    def _range(self) -> dict[str, str]:
        """Return the headers that ask for the rest (1)."""
        if self._sink.count and not self._sink.resumes:
            self._sink.restart()
        if not self._sink.count:
            return {}
        headers = {"Range": f"bytes={self._sink.count}-"}
        return headers | ({"If-Range": self._validator} if self._validator else {})

    def _accept(self, response: httpx2.Response) -> None:
        """Let 200 and 206 pass."""
        status = response.status_code
        error = UnavailableError(f"the server answers {status}", place=self._place, remedy=_NETWORK)
        if status in AGAIN:
            raise TryAgainError(error, retry_after(response.headers))
        if status == 416 and self._sink.count:  # RFC 9110, 15.5.17
            self._sink.restart()
            raise TryAgainError(error)
        if status in {404, 410}:
            raise MissingError("no such file there", place=self._place)
        if status in {401, 403, 407}:
            error.remedy = "Check the credentials for this address in the configuration that names it"
        if status not in {200, 206}:
            raise error

    def _begin(self, response: httpx2.Response) -> None:
        """Begin anew, or note that the rest follows (2)."""
        if response.status_code == 200:
            if self._sink.count:
                self._sink.restart()
            etag = response.headers.get("ETag", "")
            self._validator = "" if etag.startswith("W/") else etag
            return
        if not self._is_rest(response.headers.get("Content-Range", "")):
            self._sink.restart()
            raise TryAgainError(UntrustedError("another part than was asked for", place=self._place))
        self._sink.resume()

    def _is_rest(self, content_range: str) -> bool:
        found = _RANGE.fullmatch(content_range)
        if not found or not self._sink.count or int(found[1]) != self._sink.count:
            return False
        return self._sink.size is None or found[2] in {"*", str(self._sink.size)}

    def _compare(self, response: httpx2.Response) -> None:
        """Refuse by the length that the server gives (3)."""
        given = response.headers.get("Content-Length", "")
        if not given.isdecimal() or response.status_code != 200:
            return
        length, size = int(given[:19]), self._sink.size
        if size is not None and length != size:
            raise UntrustedError(f"{length} bytes where {size} were promised", place=self._place)
        if length > self._sink.most:
            raise UntrustedError(f"longer than the limit of {self._sink.most} bytes", place=self._place)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Turn the client's errors into ours; most of them may pass."""
        try:
            yield
        except httpx2.TimeoutException as error:
            late = UnavailableError("no answer in time", place=self._place, remedy=_NETWORK)
            raise TryAgainError(late) from error
        except httpx2.TransportError as error:
            what = f"the connection failed ({str(error)[:200] or type(error).__name__})"
            raise TryAgainError(UnavailableError(what, place=self._place, remedy=_NETWORK)) from error
        except httpx2.InvalidURL as error:
            raise InputError("not an address", place=self._place) from error
