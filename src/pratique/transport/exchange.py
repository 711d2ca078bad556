"""One request with an answer small enough to hold: for protocols that also send, such as a registry's.

Redirects are not followed: whoever asks decides where to go on. What may be sent twice is tried again.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import httpx2
from msgspec import Struct

from pratique.model.errors import UnavailableError, UntrustedError
from pratique.transport.address import Address
from pratique.transport.patience import AGAIN, Patience, TryAgainError, retry_after

Send = Callable[["Request"], AbstractContextManager[httpx2.Response]]
_NETWORK = "Check that the server runs, and the network, or try again later"


class Request(Struct, frozen=True):
    """What is sent.

    Attributes:
        method: ``GET``, ``HEAD``, ``PUT``, ``POST`` or ``DELETE``.
        content: of the body, or the file that holds it; empty for none.
        limit: bytes that the answer's body may have.
    """

    method: str
    address: Address
    headers: Mapping[str, str]
    content: bytes | Path
    limit: int


class Answer(Struct, frozen=True):
    """What came back.

    Attributes:
        headers: names in lower case.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


def exchange(request: Request, send: Send, patience: Patience) -> Answer:
    """Send a request until there is an answer.

    Raises:
        UnavailableError: there is none in time, or not all of it, or the server stays busy.
        UntrustedError: the answer is longer than the limit.
    """
    while True:
        try:
            return _attempt(request, send, patience)
        except TryAgainError as again:
            patience.wait(again, progressed=False)


def _attempt(request: Request, send: Send, patience: Patience) -> Answer:
    place = str(request.address)
    try:
        with send(request) as response:
            if response.status_code in AGAIN:
                error = UnavailableError(
                    f"the server answers {response.status_code}", place=place, remedy=_NETWORK
                )
                raise TryAgainError(error, retry_after(response.headers))
            body = _body(response, request, patience)
            return Answer(response.status_code, dict(response.headers.items()), body)
    except httpx2.TimeoutException as error:
        raise TryAgainError(UnavailableError("no answer in time", place=place, remedy=_NETWORK)) from error
    except httpx2.TransportError as error:
        what = f"the connection failed ({str(error)[:200] or type(error).__name__})"
        raise TryAgainError(UnavailableError(what, place=place, remedy=_NETWORK)) from error


def _body(response: httpx2.Response, request: Request, patience: Patience) -> bytes:
    body, place = bytearray(), str(request.address)
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > request.limit:
            what = f"longer than the limit of {request.limit} bytes"
            raise UntrustedError(what, place=place, remedy="Do not use this server")
        if patience.over():
            raise UnavailableError("the answer takes too long", place=place, remedy=_NETWORK)
    return bytes(body)
