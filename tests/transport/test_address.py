import pytest

from pratique.model.errors import InputError, PratiqueError, UnsupportedError, UntrustedError
from pratique.transport import Address, Credential, Secret, parse_netrc
from pratique.transport.credentials import authorization
from pratique.transport.gate import Gate


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host.invalid", "https://host.invalid/"),
        ("HTTPS://User:Pass@Host.Invalid:443/a%20b?q=secret#f", "https://host.invalid/a%20b"),
        ("http://host.invalid:8080/x", "http://host.invalid:8080/x"),
        ("http://[::1]:80/x", "http://[::1]/x"),
        ("file:///a/b", "file:///a/b"),
        ("file://localhost/a", "file:///a"),
        ("file:/a", "file:///a"),
    ],
)
def test_an_address_shows_no_secret(url: str, shown: str) -> None:
    address = Address.parse(url)
    assert str(address) == shown
    assert address.url.partition("?")[0] == shown


@pytest.mark.parametrize(
    "url",
    [
        *("", "x", "//host/x", "ftp://host/x", "http://", "http:///x", "file://host/x", "http://host:99999/"),
        *(
            "http://host:x/",
            "http://[::1/",
            "http://ho st/",
            "http://host/\n",
            "http://host/\\x",
            "javascript:x",
        ),
        *("http://host/a/../b", "http://host/%2E%2e/b", "http://host/./b", "http://host/" + "a" * 9000),
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises((InputError, UnsupportedError)) as caught:
        Address.parse(url)
    assert url[:40] not in str(caught.value) or len(url) < 10


def test_a_password_is_in_no_error() -> None:
    for url in ("http://u:canary@", "http://u:canary@h:x/", "http://u:canary@h/ x", "canary://u:canary@h"):
        with pytest.raises(PratiqueError) as caught:
            Credential.of(url)
        assert "u:canary" not in str(caught.value)


def test_references_are_joined() -> None:
    here = Address.parse("https://host.invalid/a/b?q=1")
    assert str(here.join("../c?d")) == "https://host.invalid/c"
    assert str(here.join("//other.invalid/c")) == "https://other.invalid/c"


@pytest.mark.parametrize(
    ("url", "below"),
    [
        ("https://h.invalid/debian", True),
        ("https://h.invalid/debian/x", True),
        ("https://h.invalid/debian-security", False),
        ("https://h.invalid/", False),
        ("http://h.invalid/debian", False),
        ("https://h.invalid:444/debian", False),
        ("https://h.invalid.evil/debian", False),
    ],
)
def test_below(url: str, *, below: bool) -> None:
    assert Address.parse(url).below(Address.parse("https://h.invalid/debian/")) is below


def test_a_secret_is_shown_nowhere() -> None:
    credential = Credential.of("https://us%40er:can%3Aary@h.invalid/x")
    assert credential
    assert credential.user == "us@er"
    assert credential.password.reveal() == "can:ary"
    assert "can" not in f"{credential!r} {credential} {credential.password} {credential.password!r}"
    assert Credential.of("https://h.invalid") is None


def test_the_longest_matching_scope_is_sent() -> None:
    def credential(url: str, user: str) -> Credential:
        return Credential(Address.parse(url), user, Secret("p"))

    own = [credential("https://h.invalid/", "all"), credential("https://h.invalid/a", "part")]
    sent = authorization(own, Address.parse("https://h.invalid/a/b"))
    assert sent == {"Authorization": own[1].header()}
    assert authorization(own, Address.parse("https://h.invalid/ab")) == {"Authorization": own[0].header()}
    for url in ("http://h.invalid/a", "https://h.invalid:8/a", "https://x.h.invalid/a"):
        assert authorization(own, Address.parse(url)) == {}


def test_netrc() -> None:
    text = """
    # machine commented.invalid login x password y
    machine a.invalid login one password "two words"
    machine http://b.invalid:8080/path
      login three
      password four
    machine c.invalid password no-login
    default login anyone password anything
    """
    found = [(str(c.scope), c.user, c.password.reveal()) for c in parse_netrc(text, place="netrc")]
    assert found == [
        ("https://a.invalid/", "one", "two words"),
        ("http://b.invalid:8080/path", "three", "four"),
    ]


def test_netrc_that_is_none() -> None:
    for text in ("machine a canary", "canary", "machine http://[ login a password canary"):
        with pytest.raises(InputError) as caught:
            parse_netrc(text, place="netrc")
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("here", "location", "open_"),
    [
        ("https://a.invalid/x", "/y", True),
        ("https://a.invalid/x", "https://b.invalid/y", True),
        ("https://a.invalid/x", "http://a.invalid/y", False),
        ("https://a.invalid/x", "http://ok.invalid/y", False),
        ("http://ok.invalid/x", "http://ok.invalid/elsewhere", True),
        ("http://ok.invalid/x", "http://b.invalid/y", False),
        ("http://a.invalid/x", "http://ok.invalid/y", True),
        ("http://ok.invalid/x", "https://b.invalid/y", True),
        ("http://ok.invalid/x", "http://ok.invalid:8080/y", False),
        ("http://ok.invalid/x", "file:///files/y", False),
    ],
)
def test_where_a_redirect_may_lead(here: str, location: str, *, open_: bool) -> None:
    gate = Gate((Address.parse("http://ok.invalid/x"), Address.parse("file:///files")))
    if open_:
        gate.follow(Address.parse(here), location)
    else:
        with pytest.raises(UntrustedError):
            gate.follow(Address.parse(here), location)
