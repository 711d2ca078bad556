"""uv's words, as uv 0.13 prints them."""

import pytest

from pratique.repositories.explanation import Explanation, Need

HEAD = "error: No solution found when resolving dependencies\n  cause: "
HELD = (
    "Because fastapi==0.95.2 depends on starlette>=0.27.0,<0.28.0 and you require fastapi==0.95.2, we can conclude that\n"
    "         you require starlette>=0.27.0,<0.28.0.\n"
    "         And because you require starlette>=0.40.0, we can conclude that your requirements are unsatisfiable.\n"
)
WIDE = (
    "Because fastapi>=0.104.0 depends on typing-extensions>=4.8.0 and only the following versions of fastapi are available:\n"
    "             fastapi<0.100.0b1\n             fastapi>0.111.0.dev1\n"
    "         we can conclude that all of:\n             fastapi>=0.104.0\n          depend on typing-extensions>=4.8.0.\n"
    "         And because fastapi[all]>=0.95.2,<=0.106.0 depends on starlette>=0.27.0,<0.28.0 and you require Jinja2==3.1\n"
    "\nhint: Pre-releases are available for `hinted` in the requested range (e.g., hinted==1)"
)


def parsed(text: str) -> Explanation:
    found = Explanation.parse(HEAD + text)
    assert found
    return found


def test_who_needs_what() -> None:
    found = parsed(HELD)
    assert found.needs == (Need("fastapi", "starlette", ">=0.27.0,<0.28.0"),)
    assert found.mentioned == {"fastapi", "starlette"}
    assert found.absent == set()
    assert (
        found.sentence("starlette", {"fastapi": "0.95.2"})
        == "fastapi 0.95.2 needs starlette >=0.27.0,<0.28.0"
    )
    assert found.sentence("starlette", {}) == ""


def test_a_longer_one() -> None:
    found = parsed(WIDE)
    assert {"fastapi", "typing-extensions", "starlette", "jinja2"} <= found.mentioned
    assert "hinted" not in found.mentioned
    installed = {"fastapi": "1"}
    assert found.sentence("starlette", installed) == "fastapi 1 needs starlette >=0.27.0,<0.28.0"
    assert found.sentence("other", installed) == "fastapi 1 needs typing-extensions >=4.8.0"


@pytest.mark.parametrize(
    ("text", "absent"),
    [
        (
            "Because there is no version of torch==2.1.0+cu118 and you require torch==2.1.0+cu118, we",
            {"torch"},
        ),
        ("Because there are no versions of a-b and you require a-b, we", {"a-b"}),
        ("Because Docopt==0.6.2 has no usable wheels and you require docopt==0.6.2, we", {"docopt"}),
        ("Because numba>=0.56.0,<=0.56.4 has no usable wheels and only the following versions", {"numba"}),
        ("Because x.y was not found in the package registry and you require x.y==1.0, we", {"x-y"}),
        ("Because zz was not found in the provided package locations and you require zz==1.0", {"zz"}),
        ("Because only sympy<=1.14.0 is available and you require sympy>=99, we", {"sympy"}),
        ("Because all versions of web depend on core-lib<2 and you require web==1.0, we", set()),
    ],
)
def test_what_is_not_offered(text: str, absent: set[str]) -> None:
    assert parsed(text).absent == absent


def test_all_versions() -> None:
    assert parsed("Because all versions of web depend on core-lib<2 and you").needs == (
        Need("web", "core-lib", "<2"),
    )


@pytest.mark.parametrize(
    "text", ["", "error: Failed to fetch: `https://host.invalid/simple/x/`", "thread panicked"]
)
def test_another_failure_is_no_explanation(text: str) -> None:
    assert Explanation.parse(text) is None


def test_words_that_are_not_understood_give_nothing() -> None:
    found = parsed("because the stars are wrong")
    assert found == Explanation((), frozenset(), frozenset())
    assert found.sentence("a", {"a": "1"}) == ""
