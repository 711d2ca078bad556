import pytest

from pratique.model.digest import digest_of, parse_digest
from pratique.model.errors import InputError

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def test_digest() -> None:
    assert digest_of(b"") == EMPTY
    assert parse_digest(EMPTY) == EMPTY


@pytest.mark.parametrize(
    "text",
    ["", "sha256:", EMPTY.upper(), EMPTY[:-1], EMPTY + "0", EMPTY + "\n", " " + EMPTY, "sha512:" + "0" * 128],
)
def test_not_a_digest(text: str) -> None:
    with pytest.raises(InputError, match="here: not a sha256 digest"):
        parse_digest(text, place="here")
