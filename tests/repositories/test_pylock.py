import pytest

from pratique.model.digest import Digest
from pratique.model.errors import InputError
from pratique.repositories.pylock import LockedWheel, parse_pylock

HASH = "a" * 64
WHEEL = (
    f'{{ url = "https://h.invalid/f/a%2Bb-1-py3-none-any.whl", size = 7, hashes = {{ sha256 = "{HASH}" }} }}'
)
LOCK = 'lock-version = "1.0"\ncreated-by = "uv"\n[[packages]]\nname = "A.b"\nversion = "1"\nwheels = [{}]\n'


def test_wheels() -> None:
    expected = LockedWheel(
        "a-b",
        "1",
        "a+b-1-py3-none-any.whl",
        "https://h.invalid/f/a%2Bb-1-py3-none-any.whl",
        Digest(f"sha256:{HASH}"),
        7,
    )
    assert parse_pylock(LOCK.format(WHEEL)) == (expected,)


def test_a_size_may_be_missing_and_a_name_given() -> None:
    (wheel,) = parse_pylock(LOCK.format(WHEEL.replace("size = 7,", 'name = "own.whl",')))
    assert (wheel.size, wheel.filename) == (None, "own.whl")


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        "x = 1",
        'lock-version = "2.0"',
        "lock-version = " + "[" * 100_000,
        LOCK.format(WHEEL.replace("sha256", "md5")),
        LOCK.format(WHEEL.replace(HASH, "b")),
        LOCK.format(WHEEL.replace("url", "path")),
        LOCK.format("1"),
    ],
)
def test_what_is_no_lock(text: str) -> None:
    with pytest.raises(InputError):
        parse_pylock(text)
