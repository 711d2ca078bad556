import pytest

from pratique.cli.exits import ERRORS, MEANINGS, VERDICTS, exit_code
from pratique.model.errors import (
    InputError,
    PratiqueError,
    UnavailableError,
    UnsupportedError,
    UntrustedError,
    UsageError,
)


def test_text_is_place_what_and_remedy() -> None:
    assert str(InputError("bad")) == "bad"
    assert str(InputError("bad", place="a", remedy="Mend it")) == "a: bad. Mend it"
    assert str(InputError("bad", place="line 2").at("file")) == "file: line 2: bad"
    assert str(InputError("bad").at("file")) == "file: bad"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError, 4),
        (InputError, 1),
        (UntrustedError, 1),
        (UnsupportedError, 1),
        (UnavailableError, 1),
        (PratiqueError, 1),
        (ValueError, 1),
    ],
)
def test_exit_codes(error: type[Exception], code: int) -> None:
    assert exit_code(error("x")) == code


def test_every_exit_code_has_a_meaning() -> None:
    assert {*VERDICTS.values(), *(code for _, code in ERRORS)} <= set(MEANINGS)
    assert VERDICTS == {"pass": 0, "not judged": 0, "fail": 2, "incomplete": 3}
