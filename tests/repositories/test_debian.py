"""A mirror that is honest, and every way in which one may lie."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from pratique.model.digest import digest_of
from pratique.model.errors import (
    InputError,
    PratiqueError,
    UnavailableError,
    UnsupportedError,
    UntrustedError,
)
from pratique.repositories import debian
from pratique.repositories.debian import DebianIndex, DebianSource
from pratique.transport import MissingError, Transport
from tests.making.archive import BOOKWORM, NOW, Archive, Keys, build_deb, dated
from tests.making.http import Fault, Server

pytestmark = pytest.mark.loopback
SUITES = ("bookworm", "bookworm-updates", "bookworm-security")
SECURITY = "bookworm-security"


@pytest.fixture
def ring(tmp_path: Path, keys: Keys) -> Path:
    (tmp_path / "ring.gpg").write_bytes(keys.ring)
    return tmp_path / "ring.gpg"


@pytest.fixture
def found(tmp_path: Path, server: Server, ring: Path) -> tuple[DebianSource, ...]:
    file = tmp_path / "mirror.sources"
    file.write_text(
        f"Types: deb\nURIs: {server.url}/debian\nSuites: {' '.join(SUITES)}\nComponents: main\nSigned-By: {ring}\n"
    )
    return debian.sources(BOOKWORM, str(file))


@pytest.fixture
def security(found: tuple[DebianSource, ...]) -> tuple[DebianSource, ...]:
    return tuple(s for s in found if s.suite == SECURITY)


@pytest.fixture
def transport(found: tuple[DebianSource, ...]) -> Iterator[Transport]:
    permitted = [s.address for s in found]
    with Transport(permitted=permitted, pause=lambda _: None, timeout=2.0) as transport:
        yield transport


Read = Callable[..., DebianIndex]


@pytest.fixture
def read(security: tuple[DebianSource, ...], transport: Transport, tmp_path: Path) -> Read:
    def read_(found: tuple[DebianSource, ...] = security, **options: object) -> DebianIndex:
        now = options.get("now", NOW)
        return debian.read_index(found, "amd64", transport, cache=tmp_path / "cache", now=now)  # type: ignore[arg-type]

    return read_


def refused(read: Read, kind: type[PratiqueError], said: str) -> PratiqueError:
    with pytest.raises(PratiqueError) as caught:
        read()
    assert type(caught.value) is kind, caught.value
    assert said in str(caught.value)
    assert f"/debian/dists/{SECURITY}" in caught.value.place
    return caught.value


def test_candidates_of_all_suites_newest_first(
    archive: Archive, found: tuple[DebianSource, ...], read: Read, tmp_path: Path
) -> None:
    for suite, version in zip(SUITES, ("3.0.9-1", "3.0.17-1~deb12u2", "3.0.17-1~deb12u3"), strict=True):
        archive.add(
            suite, "openssl", version, build_deb(tmp_path, "openssl", version), extra="Source: openssl (9)\n"
        )
        archive.publish(suite)
    index = read(found)
    offered = index.candidates("openssl", "amd64")
    assert [(p.version, p.suite) for p in offered] == [
        ("3.0.17-1~deb12u3", "bookworm-security"),
        ("3.0.17-1~deb12u2", "bookworm-updates"),
        ("3.0.9-1", "bookworm"),
    ]
    assert offered[0].source_version == "9"
    assert index.candidates("openssl", "arm64") == index.candidates("nothing", "amd64") == ()
    assert (index.packages, set(index.releases)) == (3, set(SUITES))
    for package in offered:
        wanted = debian.artifact(package)
        file = index.fetch(wanted, tmp_path / "debs")
        assert file.name == wanted.filename
        assert digest_of(file.read_bytes()) == wanted.digest
        assert file.stat().st_size == wanted.size


def test_a_package_for_all_architectures_fits(archive: Archive, read: Read) -> None:
    archive.add(SECURITY, "tzdata", "1", b"x")
    archive._stanzas[SECURITY][0] = archive._stanzas[SECURITY][0].replace("amd64\n", "all\n", 1)
    archive.publish(SECURITY)
    assert [p.architecture for p in read().candidates("tzdata", "amd64")] == ["all"]


@pytest.mark.parametrize("by_hash", [True, False])
@pytest.mark.parametrize("compressions", [(".gz", ".xz"), (".xz",), (".gz",), ("",)])
def test_every_form_of_index(
    archive: Archive, read: Read, compressions: tuple[str, ...], *, by_hash: bool
) -> None:
    archive.compressions, archive.by_hash = compressions, by_hash
    archive.add(SECURITY, "a", "1", b"x")
    archive.publish(SECURITY)
    assert read().packages == 1


def test_a_suite_without_packages_is_empty(archive: Archive, read: Read) -> None:
    archive.publish(SECURITY)
    assert read().packages == 0


def test_an_index_is_fetched_once(archive: Archive, read: Read, server: Server, tmp_path: Path) -> None:
    archive.add(SECURITY, "a", "1", b"x")
    archive.publish(SECURITY)
    read()
    first = len(server.requests)
    read()
    assert [r.path for r in server.requests[first:]] == [archive.place(SECURITY)]
    (kept,) = (tmp_path / "cache" / "repositories" / "indexes").iterdir()
    kept.write_bytes(b"damaged")
    assert read().packages == 1


def test_unsigned(archive: Archive, read: Read) -> None:
    archive.put(SECURITY, archive.release(SECURITY).encode())
    refused(read, UntrustedError, "not one signed message")


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b"Origin: x\n\n" + b,
        lambda b: b + b"Origin: x\n",
        lambda b: b.replace(
            b"-----BEGIN PGP SIGNATURE", b"-----BEGIN PGP SIGNATURE-----\n\n-----BEGIN PGP SIGNATURE"
        ),
        lambda b: b.replace(b"Hash: ", b"Comment: "),
        lambda b: b + b,
        lambda b: b[: len(b) // 2],
        lambda b: b[:-30],
        lambda b: b[:0],
        lambda b: b"\xff\xfe" + b,
    ],
)
def test_anything_around_the_signed_message(
    archive: Archive, read: Read, change: Callable[[bytes], bytes]
) -> None:
    archive.put(SECURITY, change(archive.keys.clear_sign(archive.release(SECURITY))))
    refused(read, UntrustedError, "not one signed message")


def test_a_changed_byte(archive: Archive, read: Read) -> None:
    signed = archive.keys.clear_sign(archive.release(SECURITY))
    archive.put(SECURITY, signed.replace(b"Origin: Debian", b"Origin: Debiam"))
    refused(read, UntrustedError, "a bad signature")


@pytest.mark.parametrize("who", ["stranger", "late"])
def test_signed_by_a_key_that_may_not(archive: Archive, read: Read, who: str) -> None:
    archive.put(SECURITY, archive.keys.clear_sign(archive.release(SECURITY), who=(who,)))
    refused(read, UntrustedError, "signed by no key of")


def test_signed_over_a_weak_hash(archive: Archive, read: Read) -> None:
    archive.put(SECURITY, archive.keys.clear_sign(archive.release(SECURITY), "--digest-algo", "SHA1"))
    refused(read, UntrustedError, "signed by no key of")


@pytest.mark.parametrize("who", [("good", "stranger"), ("stranger", "good")])
def test_one_known_signature_of_two_is_enough(archive: Archive, read: Read, who: tuple[str, ...]) -> None:
    archive.put(SECURITY, archive.keys.clear_sign(archive.release(SECURITY), who=who))
    assert read().packages == 0


@pytest.mark.parametrize("days", [0.5, 300])
def test_a_signature_older_than_what_it_signs(archive: Archive, read: Read, days: float) -> None:
    archive.publish(SECURITY, fields={"Date": dated(days), "Valid-Until": dated(1000)})
    with pytest.raises(UntrustedError, match="signed by no key"):
        read(now=NOW + timedelta(days=400))


def test_dashes_and_blanks_survive_clear_signing(archive: Archive, read: Read) -> None:
    archive.publish(SECURITY, fields={"Description": "- a\n -----b  \n x"})
    assert read().packages == 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"Suite": "oldstable", "Codename": "bookworm"}, "not for 'bookworm-security'"),
        ({"Suite": "", "Codename": ""}, "not for 'bookworm-security'"),
        ({"Valid-Until": dated(-0.1)}, "expired on"),
        ({"Valid-Until": ""}, "does not say until when it holds"),
        ({"Date": dated(0.5)}, "made in the future"),
    ],
)
def test_another_suite_or_not_in_force(
    archive: Archive, read: Read, fields: dict[str, str], said: str
) -> None:
    archive.publish(SECURITY, fields=fields)
    refused(read, UntrustedError, said)


@pytest.mark.parametrize("fields", [{"Date": "yesterday"}, {"Valid-Until": "soon"}, {"Date": ""}])
def test_dates_that_are_none(archive: Archive, read: Read, fields: dict[str, str]) -> None:
    archive.publish(SECURITY, fields=fields)
    refused(read, InputError, "not a date")


def test_a_date_that_goes_back(archive: Archive, read: Read) -> None:
    archive.publish(SECURITY, fields={"Date": dated(-1)})
    read()
    archive.publish(SECURITY, fields={"Date": dated(-2)})
    error = refused(read, UntrustedError, "a later one")
    assert "delete" in error.remedy
    archive.publish(SECURITY, fields={"Date": dated(-0.5)})
    assert read().packages == 0


def test_a_date_in_the_future_is_not_remembered(archive: Archive, read: Read) -> None:
    archive.publish(SECURITY, fields={"Date": dated(3)})
    refused(read, UntrustedError, "made in the future")
    archive.publish(SECURITY)
    assert read().packages == 0


def test_a_damaged_note_of_a_date(archive: Archive, read: Read, tmp_path: Path) -> None:
    archive.publish(SECURITY)
    read()
    (note,) = (tmp_path / "cache" / "repositories").glob("*.date")
    note.write_text("2026-01-01")
    with pytest.raises(InputError, match="Delete it"):
        read()


def packages(server: Server) -> str:
    (path,) = (p for p in server.files if "by-hash" in p and server.files[p].startswith(b"\x1f\x8b"))
    assert hashlib.sha256(server.files[path]).hexdigest() in path
    return path


def test_an_index_of_another_digest(archive: Archive, read: Read, server: Server) -> None:
    archive.add(SECURITY, "a", "1", b"x")
    archive.publish(SECURITY)
    path = packages(server)
    server.files[path] = server.files[path][:-1] + b"x"
    assert isinstance(refused_at(read), UntrustedError)
    server.files[path] = server.files[path][:-1]
    assert isinstance(refused_at(read), UntrustedError)
    del server.files[path]
    assert isinstance(refused_at(read), MissingError)


def refused_at(read: Read) -> PratiqueError:
    with pytest.raises(PratiqueError) as caught:
        read()
    return caught.value


def test_an_index_that_grows_beyond_what_is_said(archive: Archive, read: Read) -> None:
    archive.add(SECURITY, "a", "1", b"x")
    text = archive.release(SECURITY)
    plain = next(line for line in text.splitlines() if line.endswith("/Packages"))
    digest, size, name = plain.split()
    for wrong in (int(size) - 1, int(size) + 1, 0):
        archive.put(SECURITY, archive.keys.clear_sign(text.replace(plain, f" {digest} {wrong} {name}")))
        refused(read, InputError, "another size")


def test_no_index_for_the_architecture(archive: Archive, read: Read) -> None:
    text = archive.release(SECURITY).replace("binary-amd64", "binary-mips")
    archive.put(SECURITY, archive.keys.clear_sign(text))
    refused(read, UnsupportedError, "no index of main for amd64")


@pytest.mark.parametrize(
    "filename",
    [
        *(
            "../../etc/passwd.deb",
            "/etc/x.deb",
            "pool/../../x.deb",
            "https://host.invalid/x.deb",
            "pool//x.deb",
        ),
        *(
            "pool/./x.deb",
            "pool/x.tar",
            "pool/%2e%2e/x.deb",
            "pool\\x.deb",
            "pool/x?y.deb",
            "-x.deb",
            "pool/é.deb",
        ),
    ],
)
def test_a_file_outside_of_the_repository(archive: Archive, read: Read, filename: str) -> None:
    archive.add(SECURITY, "a", "1", b"x", filename=filename)
    archive.publish(SECURITY)
    with pytest.raises(InputError, match="not a file inside the repository"):
        read().candidates("a", "amd64")


@pytest.mark.parametrize("field", ["Version", "Architecture", "Filename", "Size", "SHA256"])
def test_a_paragraph_without_a_field(archive: Archive, read: Read, field: str) -> None:
    archive.add(SECURITY, "a", "1", b"x")
    archive._stanzas[SECURITY][0] = archive._stanzas[SECURITY][0].replace(f"{field}:", "X-Lost:")
    archive.publish(SECURITY)
    with pytest.raises(InputError, match=f"without the field {field}"):
        read().candidates("a", "amd64")


class TestFetch:
    @pytest.fixture
    def index(self, archive: Archive, read: Read, tmp_path: Path) -> DebianIndex:
        self.path = archive.add(SECURITY, "a", "1", build_deb(tmp_path, "a", "1"))
        archive.publish(SECURITY)
        return read()

    @pytest.mark.parametrize("fault", [Fault(body=b"x"), Fault(headers={"Content-Length": ""}, cut=10)])
    def test_other_bytes(self, index: DebianIndex, server: Server, tmp_path: Path, fault: Fault) -> None:
        server.files[f"/debian/{self.path}"] = server.files[f"/debian/{self.path}"][:-1] + b"?"
        server.faults[f"/debian/{self.path}"] = [fault]
        with pytest.raises(UntrustedError):
            index.fetch(debian.artifact(index.candidates("a", "amd64")[0]), tmp_path / "debs")
        assert list((tmp_path / "debs").iterdir()) == []

    def test_what_is_gone(self, index: DebianIndex, server: Server, tmp_path: Path) -> None:
        del server.files[f"/debian/{self.path}"]
        with pytest.raises(UnavailableError, match="no such file there"):
            index.fetch(debian.artifact(index.candidates("a", "amd64")[0]), tmp_path / "debs")

    @pytest.mark.parametrize(
        "change",
        [
            {"location": "../x.deb"},
            {"filename": "b.deb"},
            {"origin": "bookworm"},
            {"filename": "../a_1_amd64.deb"},
        ],
    )
    def test_an_artifact_of_no_repository(
        self, index: DebianIndex, tmp_path: Path, change: dict[str, str]
    ) -> None:
        wanted = replace(debian.artifact(index.candidates("a", "amd64")[0]), **change)
        with pytest.raises(InputError):
            index.fetch(wanted, tmp_path / "debs")

    def test_the_second_repository_of_a_suite_is_asked(
        self,
        index: DebianIndex,
        transport: Transport,
        security: tuple[DebianSource, ...],
        tmp_path: Path,
    ) -> None:
        (own,) = security
        empty = replace(own, address=replace(own.address, path="/debian/empty"))
        wanted = debian.artifact(index.candidates("a", "amd64")[0])
        assert debian.fetch(wanted, [empty, own], transport, tmp_path / "debs").exists()


@pytest.mark.parametrize("programs", [(), ("no-such-gpgv",)])
def test_no_program_that_checks(
    archive: Archive,
    security: tuple[DebianSource, ...],
    transport: Transport,
    tmp_path: Path,
    programs: tuple[str, ...],
) -> None:
    archive.publish(SECURITY)
    with pytest.raises(UnsupportedError, match="Install gpgv"):
        debian.read_index(security, "amd64", transport, cache=tmp_path, now=NOW, programs=programs)


@pytest.mark.parametrize("program", ["gpgv", "sqv"])
def test_both_programs_see_the_same(
    archive: Archive,
    security: tuple[DebianSource, ...],
    transport: Transport,
    tmp_path: Path,
    program: str,
) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not here")

    def read_() -> DebianIndex:
        return debian.read_index(
            security, "amd64", transport, cache=tmp_path, now=NOW, programs=(program, "never-asked")
        )

    archive.publish(SECURITY)
    assert read_().packages == 0
    signed = archive.keys.clear_sign(archive.release(SECURITY))
    archive.put(SECURITY, signed.replace(b"Origin: Debian", b"Origin: Debiam"))
    with pytest.raises(UntrustedError, match="a bad signature"):
        read_()
    for who in ("stranger", "late"):
        archive.put(SECURITY, archive.keys.clear_sign(archive.release(SECURITY), who=(who,)))
        with pytest.raises(UntrustedError, match="signed by no key"):
            read_()


def test_no_keys(archive: Archive, read: Read, ring: Path) -> None:
    archive.publish(SECURITY)
    ring.unlink()
    error = refused_at(read)
    assert isinstance(error, UnsupportedError)
    assert "Install the package that holds it" in error.remedy


class TestSignedBy:
    """``Signed-By`` as paths, as fingerprints, and as the key itself."""

    def index(self, archive: Archive, transport: Transport, source: DebianSource, cache: Path) -> DebianIndex:
        archive.publish(SECURITY)
        return debian.read_index([source], "amd64", transport, cache=cache, now=NOW)

    def test_armoured_file(
        self,
        archive: Archive,
        security: tuple[DebianSource, ...],
        transport: Transport,
        tmp_path: Path,
        ring: Path,
    ) -> None:
        ring.write_bytes(archive.keys.armoured)
        assert self.index(archive, transport, security[0], tmp_path).packages == 0

    def test_inside_the_configuration(
        self, archive: Archive, server: Server, transport: Transport, tmp_path: Path
    ) -> None:
        key = "".join(f"\n {line or '.'}" for line in archive.keys.armoured.decode().splitlines())
        file = tmp_path / "inside.sources"
        file.write_text(
            f"Types: deb\nURIs: {server.url}/debian\nSuites: {SECURITY}\nComponents: main\nSigned-By:{key}\n"
        )
        (source,) = debian.sources(BOOKWORM, str(file))
        assert not source.keyrings
        assert self.index(archive, transport, source, tmp_path).packages == 0

    @pytest.mark.parametrize("mark", ["", "!"])
    def test_the_named_key(
        self,
        archive: Archive,
        security: tuple[DebianSource, ...],
        transport: Transport,
        tmp_path: Path,
        mark: str,
    ) -> None:
        source = replace(security[0], fingerprints=(archive.keys.fingerprint + mark,))
        assert self.index(archive, transport, source, tmp_path).packages == 0

    def test_not_the_named_key(
        self, archive: Archive, security: tuple[DebianSource, ...], transport: Transport, tmp_path: Path
    ) -> None:
        with pytest.raises(UntrustedError, match="signed by no key"):
            self.index(archive, transport, replace(security[0], fingerprints=("A" * 40,)), tmp_path)
