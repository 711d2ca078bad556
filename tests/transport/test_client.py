from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pratique.model.digest import Digest, digest_of
from pratique.model.errors import PratiqueError, UnavailableError, UnsupportedError, UntrustedError
from pratique.transport import Address, Credential, MissingError, Transport
from tests.making.http import Fault, Server

pytestmark = pytest.mark.loopback
BODY = bytes(range(256)) * 4000
DIGEST = digest_of(BODY)
PROMISED = {"Content-Length": str(len(BODY))}


class Waits(list[float]):
    """Takes the place of sleeping, and notes for how long it would have been."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))  # no certificates: they take long to read
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def transport(server: Server, waits: Waits) -> Iterator[Transport]:
    server.files["/x"] = BODY
    permitted = [Address.parse(server.url)]
    with Transport(permitted=permitted, pause=waits, jitter=lambda: 0.0, timeout=0.3) as transport:
        yield transport


def fetched(transport: Transport, server: Server, target: Path, size: int | None = len(BODY)) -> bytes:
    transport.download(f"{server.url}/x", target, digest=DIGEST, size=size)
    return target.read_bytes()


def refused(
    transport: Transport, server: Server, target: Path, size: int | None = len(BODY)
) -> PratiqueError:
    with pytest.raises(PratiqueError) as caught:
        transport.download(f"{server.url}/x", target, digest=DIGEST, size=size)
    assert not target.exists()
    return caught.value


@pytest.mark.parametrize("size", [len(BODY), None])
def test_a_file_is_downloaded(
    transport: Transport, server: Server, tmp_path: Path, waits: Waits, size: int | None
) -> None:
    assert fetched(transport, server, tmp_path / "x", size) == BODY
    assert waits == []
    assert server.requests[0].headers["Accept-Encoding"] == "identity"


def test_a_file_is_read_within_a_limit(transport: Transport, server: Server) -> None:
    assert transport.read(f"{server.url}/x", len(BODY)) == BODY
    with pytest.raises(UntrustedError, match="longer than the limit"):
        transport.read(f"{server.url}/x", len(BODY) - 1)


def test_a_body_of_unsaid_length_is_read_within_a_limit(transport: Transport, server: Server) -> None:
    server.faults["/x"] = [Fault(headers={"Content-Length": ""})] * 2
    assert transport.read(f"{server.url}/x", len(BODY)) == BODY
    with pytest.raises(UntrustedError, match="longer than the limit"):
        transport.read(f"{server.url}/x", len(BODY) - 1)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 408])
def test_an_answer_that_may_pass_is_waited_for(
    transport: Transport, server: Server, tmp_path: Path, waits: Waits, status: int
) -> None:
    server.faults["/x"] = [Fault(status, body=b"")] * 4
    assert fetched(transport, server, tmp_path / "x") == BODY
    assert waits == [0.5, 1.0, 2.0, 4.0]


def test_the_fifth_failure_is_the_last(
    transport: Transport, server: Server, tmp_path: Path, waits: Waits
) -> None:
    server.faults["/x"] = [Fault(503, body=b"")] * 9
    error = refused(transport, server, tmp_path / "x")
    assert isinstance(error, UnavailableError)
    assert error.what == "the server answers 503"
    assert len(server.requests) == 5
    assert waits == [0.5, 1.0, 2.0, 4.0]


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "86400"}, 60.0),
        ({"Retry-After": "-1"}, 0.5),
        ({"Retry-After": "soon"}, 0.5),
        ({"Retry-After": "9" * 400}, 60.0),
    ],
)
def test_the_server_says_how_long(
    transport: Transport, server: Server, waits: Waits, headers: dict[str, str], wait: float
) -> None:
    server.faults["/x"] = [Fault(429, headers=headers, body=b"")]
    assert transport.read(f"{server.url}/x", len(BODY)) == BODY
    assert waits == [wait]


@pytest.mark.parametrize(
    ("status", "kind"), [(404, MissingError), (410, MissingError), (403, UnavailableError)]
)
def test_an_answer_that_stays_is_not_asked_for_again(
    transport: Transport, server: Server, tmp_path: Path, status: int, kind: type[PratiqueError]
) -> None:
    server.faults["/x"] = [Fault(status, body=b"")]
    assert type(refused(transport, server, tmp_path / "x")) is kind
    assert len(server.requests) == 1


@pytest.mark.parametrize("etags", [True, False])
@pytest.mark.parametrize("cut", [1, 255, 65536, 1_000_000, len(BODY) - 1])
def test_a_cut_download_goes_on_where_it_stopped(
    transport: Transport, server: Server, tmp_path: Path, cut: int, *, etags: bool
) -> None:
    server.etags = etags
    server.faults["/x"] = [Fault(cut=cut, headers={"ETag": f'"{DIGEST[7:]}"'} if etags else {})]
    assert fetched(transport, server, tmp_path / "x") == BODY
    second = server.asked("/x")[1]
    assert second["Range"] == f"bytes={cut}-"
    assert ("If-Range" in second) == etags


def test_many_cuts_with_progress_end_well(
    transport: Transport, server: Server, tmp_path: Path, waits: Waits
) -> None:
    step = len(BODY) // 21
    rest = [BODY[n * step :] for n in range(20)]
    server.faults["/x"] = [
        Fault(206 if n else 200, body=body, cut=step, headers={"Content-Range": part(n * step)})
        for n, body in enumerate(rest)
    ]
    assert fetched(transport, server, tmp_path / "x") == BODY
    assert len(server.requests) == 21
    assert set(waits) == {0.5}


def part(start: int, end: int = len(BODY) - 1, total: str = str(len(BODY))) -> str:
    return f"bytes {start}-{end}/{total}"


def test_a_server_without_ranges_begins_anew(transport: Transport, server: Server, tmp_path: Path) -> None:
    server.ranges = False
    server.faults["/x"] = [Fault(cut=1000)] * 3
    assert fetched(transport, server, tmp_path / "x") == BODY


def test_a_file_that_changed_between_two_pieces_begins_anew(
    transport: Transport, server: Server, tmp_path: Path
) -> None:
    server.faults["/x"] = [Fault(body=b"z" * len(BODY), cut=1000)]
    assert fetched(transport, server, tmp_path / "x") == BODY
    assert [("Range" in h) for h in server.asked("/x")] == [False, True, False]


@pytest.mark.parametrize(
    "wrong",
    [
        part(999),
        part(1001),
        part(0),
        part(1000, total="7"),
        "bytes */7",
        "",
        "bytes 1000-",
        "bytes=1000-2000/3000",
    ],
)
def test_another_part_than_was_asked_for_is_not_taken(
    transport: Transport, server: Server, tmp_path: Path, wrong: str
) -> None:
    server.faults["/x"] = [
        Fault(cut=1000),
        Fault(206, body=BODY[1000:], headers={"Content-Range": wrong}),
    ]
    assert fetched(transport, server, tmp_path / "x") == BODY
    assert "Range" not in server.asked("/x")[2]


def test_a_part_that_nobody_asked_for_is_not_taken(
    transport: Transport, server: Server, tmp_path: Path
) -> None:
    server.faults["/x"] = [Fault(206, headers={"Content-Range": part(0)})] * 5
    assert isinstance(refused(transport, server, tmp_path / "x"), UntrustedError)


def test_a_range_that_is_refused_begins_anew(transport: Transport, server: Server, tmp_path: Path) -> None:
    server.faults["/x"] = [Fault(cut=1000), Fault(416, body=b"")]
    assert fetched(transport, server, tmp_path / "x") == BODY


@pytest.mark.parametrize("fault", [Fault(0), Fault(stall=0.6)])
def test_no_answer_is_tried_again(
    transport: Transport, server: Server, tmp_path: Path, fault: Fault, waits: Waits
) -> None:
    server.faults["/x"] = [fault]
    assert fetched(transport, server, tmp_path / "x") == BODY
    assert waits == [0.5]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(body=BODY[:-1] + b"x"), "the content hashes to"),
        (Fault(body=BODY[:-1]), "promised"),
        (Fault(body=BODY + b"x"), "promised"),
        (Fault(body=b""), "promised"),
        (Fault(body=b"<html>", headers={"Content-Type": "text/html"}), "promised"),
    ],
)
def test_bytes_that_were_not_promised_are_refused_at_once(
    transport: Transport, server: Server, tmp_path: Path, fault: Fault, said: str
) -> None:
    server.faults["/x"] = [fault]
    error = refused(transport, server, tmp_path / "x")
    assert isinstance(error, UntrustedError)
    assert said in error.what
    assert len(server.requests) == 1


def test_without_a_size_the_digest_decides(transport: Transport, server: Server, tmp_path: Path) -> None:
    server.faults["/x"] = [Fault(body=BODY[:-1])]
    assert isinstance(refused(transport, server, tmp_path / "x", None), UntrustedError)


def test_a_body_that_is_always_cut_is_not_trusted(
    transport: Transport, server: Server, tmp_path: Path
) -> None:
    server.files["/x"] = BODY[:1000]
    server.faults["/x"] = [Fault(headers={"Content-Length": ""})] + [
        Fault(206, body=b"", headers={"Content-Range": part(1000)})
    ] * 5
    assert isinstance(refused(transport, server, tmp_path / "x"), UntrustedError)


def test_an_answer_that_drips_is_given_up(server: Server, waits: Waits) -> None:
    server.files["/x"] = BODY
    ticks = iter(range(0, 100_000, 200))
    permitted = [Address.parse(server.url)]
    with (
        Transport(permitted=permitted, pause=waits, clock=lambda: float(next(ticks))) as transport,
        pytest.raises(UnavailableError, match="too long"),
    ):
        transport.exchange("GET", f"{server.url}/x", headers={}, limit=len(BODY))


def test_bytes_that_drip_are_given_up(server: Server, tmp_path: Path, waits: Waits) -> None:
    server.files["/x"] = BODY
    ticks = iter(range(0, 100_000, 200))
    permitted = [Address.parse(server.url)]
    with Transport(permitted=permitted, pause=waits, clock=lambda: float(next(ticks))) as transport:
        assert "too long" in refused(transport, server, tmp_path / "x").what


def test_a_wait_beyond_the_end_is_not_begun(server: Server, tmp_path: Path, waits: Waits) -> None:
    server.faults["/x"] = [Fault(429, headers={"Retry-After": "60"}, body=b"")] * 9
    now = [0.0]

    def pause(seconds: float) -> None:
        waits(seconds)
        now[0] += seconds

    with Transport(permitted=[Address.parse(server.url)], pause=pause, clock=lambda: now[0]) as transport:
        assert refused(transport, server, tmp_path / "x").what == "the server answers 429"
    assert waits == [60.0, 60.0]


Redirect = Callable[[str], Fault]


def to(where: str, status: int = 302) -> Fault:
    return Fault(status, headers={"Location": where}, body=b"")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_is_followed(
    transport: Transport, server: Server, tmp_path: Path, status: int
) -> None:
    server.files["/y"] = BODY
    server.faults["/x"] = [to("/y", status)]
    assert fetched(transport, server, tmp_path / "x") == BODY


def test_a_redirect_loop_ends(transport: Transport, server: Server, tmp_path: Path) -> None:
    server.faults["/x"] = [to("/x")] * 20
    assert "more than 5 redirects" in refused(transport, server, tmp_path / "x").what
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    "where",
    [
        "file:///etc/passwd",
        "ftp://127.0.0.1/x",
        "http://127.0.0.2:1/x",
        "//127.0.0.1:1/x",
        "http://[::1/x",
        "/a b",
        "",
        "/../%2e%2e/x",
    ],
)
def test_a_redirect_that_may_not_be_followed(
    transport: Transport, server: Server, tmp_path: Path, where: str
) -> None:
    server.faults["/x"] = [to(where)]
    assert isinstance(refused(transport, server, tmp_path / "x"), UntrustedError)
    assert len(server.requests) == 1


@pytest.mark.parametrize("inside", [True, False])
def test_another_origin_sees_no_secret(
    server: Server, other: Server, tmp_path: Path, waits: Waits, *, inside: bool
) -> None:
    other.files["/y"] = BODY
    server.faults["/x"] = [
        Fault(302, headers={"Location": f"{other.url}/y", "Set-Cookie": "canary=1; Path=/"}, body=b"")
    ]
    secret = server.url.replace("//", "//user:canary@")
    credential = Credential.of(secret)
    assert credential
    permitted = [Address.parse(server.url), *([Address.parse(other.url)] if inside else [])]
    with Transport(permitted=permitted, credentials=[credential], pause=waits) as transport:
        if inside:
            assert fetched(transport, server, tmp_path / "x") == BODY
        else:
            assert isinstance(refused(transport, server, tmp_path / "x"), UntrustedError)
    assert server.requests[0].headers["Authorization"] == credential.header()
    assert len(other.requests) == int(inside)
    assert not any({"Authorization", "Cookie"} & set(r.headers) for r in other.requests)


def test_no_cookie_is_kept(transport: Transport, server: Server) -> None:
    server.faults["/x"] = [Fault(headers={"Set-Cookie": "canary=1; Path=/"})]
    transport.read(f"{server.url}/x", 1 << 20)
    transport.read(f"{server.url}/x", 1 << 20)
    assert "Cookie" not in server.requests[1].headers


def test_no_error_shows_a_secret(server: Server, tmp_path: Path, waits: Waits) -> None:
    url = server.url.replace("//", "//user:canary@") + "/x?signature=canary"
    with Transport(permitted=[Address.parse(url)], pause=waits) as transport:
        for fault in (Fault(404), Fault(403), Fault(503), Fault(0), Fault(body=b"x"), to("http://canary:1/")):
            server.faults["/x"] = [fault] * 5
            with pytest.raises(PratiqueError) as caught:
                transport.download(url, tmp_path / "x", digest=DIGEST, size=len(BODY))
            assert "canary" not in str(caught.value).replace("to http://canary:1", "")


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "file:///etc/passwd"])
def test_plain_addresses_need_the_configuration(url: str, tmp_path: Path) -> None:
    with Transport() as transport, pytest.raises(UnsupportedError, match="only where the machine's own"):
        transport.download(url, tmp_path / "x", digest=DIGEST, size=None)
    assert not (tmp_path / "x").exists()


class TestFiles:
    @pytest.fixture
    def local(self, tmp_path: Path) -> Path:
        (tmp_path / "a b").mkdir()
        (tmp_path / "a b" / "x").write_bytes(BODY)
        return tmp_path / "a b"

    @pytest.fixture
    def transport(self, local: Path) -> Transport:
        return Transport(permitted=[Address.parse(local.as_uri())])

    def test_a_file_is_copied(self, transport: Transport, local: Path, tmp_path: Path) -> None:
        transport.download(f"{local.as_uri()}/x", tmp_path / "y", digest=DIGEST, size=len(BODY))
        assert (tmp_path / "y").read_bytes() == BODY
        assert transport.read(f"{local.as_uri()}/x", len(BODY)) == BODY

    @pytest.mark.parametrize("digest", [digest_of(b"x")])
    def test_another_digest_is_refused(
        self, transport: Transport, local: Path, tmp_path: Path, digest: Digest
    ) -> None:
        with pytest.raises(UntrustedError, match="hashes to"):
            transport.download(f"{local.as_uri()}/x", tmp_path / "y", digest=digest, size=None)
        assert not (tmp_path / "y").exists()

    def test_a_short_file_is_refused(self, transport: Transport, local: Path, tmp_path: Path) -> None:
        with pytest.raises(UntrustedError, match="were promised"):
            transport.download(f"{local.as_uri()}/x", tmp_path / "y", digest=DIGEST, size=len(BODY) + 1)

    def test_a_missing_file_and_a_folder_are_missing(self, transport: Transport, local: Path) -> None:
        for name in ("/y", ""):
            with pytest.raises(MissingError):
                transport.read(f"{local.as_uri()}{name}", 10)

    def test_nothing_beside_the_folder_is_read(self, transport: Transport, local: Path) -> None:
        for name in ("/../x", "x", "/%2e%2e/x"):
            with pytest.raises(PratiqueError):
                transport.read(f"{local.as_uri()}{name}", 10)


def test_the_proxy_of_the_environment_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", server.url)
    monkeypatch.setenv("no_proxy", "other.invalid")
    server.files["http://host.invalid/x"] = BODY
    address = Address.parse("http://host.invalid/x")
    with Transport(permitted=[address]) as transport:
        assert transport.read(address.url, len(BODY)) == BODY


def test_a_full_disk_is_said(transport: Transport, server: Server, tmp_path: Path) -> None:
    (tmp_path / "x").symlink_to("/dev/full")
    error = refused(transport, server, tmp_path / "x")
    assert error.what == "no space left on device"
    assert isinstance(error, UnavailableError)
