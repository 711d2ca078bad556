import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.ecosystems.pylock import PinnedWheel, parse_pylock, write_pylock
from pratique.model.errors import InputError

HEAD = 'lock-version = "1.0"\ncreated-by = "x"\n'
PACKAGE = '[[packages]]\nname = "a"\nversion = "1"\nwheels = [{url = "https://h.invalid/f/a-1%2Bx-py3-none-any.whl"}]\n'


def test_packages_and_their_lines() -> None:
    read = parse_pylock(f"{HEAD}\n{PACKAGE}\n# [[packages]]\n  {PACKAGE}")
    assert read.lines == (4, 10)
    assert [p.name for p in read.lock.packages] == ["a", "a"]
    assert read.lock.packages[0].wheels[0].filename == "a-1+x-py3-none-any.whl"
    assert read.oddities == ()


def test_lines_that_cannot_be_told() -> None:
    text = f'{HEAD}{PACKAGE}[tool.x]\ny = """\n[[packages]]\n[[packages]]\n"""\n'
    assert parse_pylock(text).lines == (0,)
    assert parse_pylock(f'{HEAD}packages = [{{name = "a"}}]').lines == (0,)


@pytest.mark.parametrize(
    "more",
    [
        "colour = 1\n" + PACKAGE,
        PACKAGE + "colour = 1\n",
        PACKAGE.replace("{url", "{colour = 1, url"),
        PACKAGE + 'marker = "what?"\n',
        PACKAGE + f'marker = "{"(" * 4000}"\n',
        'environments = ["what?"]\n' + PACKAGE,
    ],
)
def test_what_is_not_understood_is_told(more: str) -> None:
    assert parse_pylock(HEAD + more).oddities


def test_a_later_version_is_told() -> None:
    assert parse_pylock(HEAD.replace("1.0", "1.1") + PACKAGE).oddities


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a = [", ""),
        ("a = 1\nb b", "2"),
        ("x = 1", ""),
        (HEAD, ""),
        (HEAD.replace("1.0", "2.0") + PACKAGE, ""),
        ("a = " + "[" * 100_000, ""),
        ("a = " + "9" * 5_000, ""),
        (HEAD + "[[packages]]\nversion = 1", ""),
        (HEAD + "packages = 1", ""),
        ("a" + ".a" * 500_000 + " = 1", ""),
        ("[a" + ' . "a"' * 500_000 + "]", ""),
    ],
)
def test_what_is_no_lock(text: str, place: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_pylock(text)
    assert caught.value.place == place or not place


@given(st.text())
def test_any_text_is_a_lock_or_an_error_of_ours(text: str) -> None:
    with pytest.raises(InputError):
        parse_pylock(text)


@given(st.text(), st.text())
def test_what_is_written_is_read(name: str, reason: str) -> None:
    wheel = PinnedWheel(
        name=name, version="1", filename="f", url="https://h.invalid/f", digits="a" * 64, size=7
    )
    read = parse_pylock(write_pylock([wheel], "3.11", [(name, "1", reason)]))
    (package,) = read.lock.packages
    assert (package.name, package.wheels[0].hashes) == (name, {"sha256": "a" * 64})
    assert read.lock.tool["pratique"]["left-out"][0]["reason"] == reason
    assert (read.oddities, read.lines) == ((), (5,))


def test_time_grows_with_the_number_of_packages() -> None:
    read = parse_pylock(HEAD + PACKAGE * 10_000)
    assert read.lines[-1] == 3 + 4 * 9_999
