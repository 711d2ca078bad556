import pytest

from pratique.ecosystems import debian_depends as depends
from pratique.ecosystems.debian_depends import Term
from pratique.model.errors import InputError
from tests.making.growth import growth

INSTALLED = {"libc6": "2.36-9+deb12u10", "mawk": "1.3.4", "python3": "3.11.2-1+b1", "libfoo:i386": "1.0"}
PROVIDES = {"awk": ("",), "python3-supported-min": ("3.11",), "libgcc1": ("1:12.2.0-14", "1:4.0")}


def test_a_field_is_parsed() -> None:
    field = "libc6 (>= 2.34), gawk|mawk, python3:any (>= 3.11~),\n default-mta | mail-transport-agent"
    assert depends.relations(field) == (
        (Term("libc6", ">=", "2.34"),),
        (Term("gawk"), Term("mawk")),
        (Term("python3", ">=", "3.11~", "any"),),
        (Term("default-mta"), Term("mail-transport-agent")),
    )


def test_a_field_that_is_written_reads_the_same() -> None:
    field = "a (>= 1:2~x-3), b:any (<< 4) | c:amd64, d"
    written = ", ".join(" | ".join(map(str, r)) for r in depends.relations(field))
    assert written == field


def test_an_empty_field_asks_for_nothing() -> None:
    assert depends.relations("") == depends.relations(" , ") == ()


def test_old_spellings_are_inclusive() -> None:
    assert depends.relations("a (< 2), b (> 2)") == ((Term("a", "<=", "2"),), (Term("b", ">=", "2"),))


@pytest.mark.parametrize(
    "field",
    ["a (2)", "a (~ 2)", "a b", "a | ", "(>= 1)", "a (>= )", "a [amd64]", "a <!nocheck>", "a (>= 1_2)", "a:"],
)
def test_what_is_no_relation(field: str) -> None:
    with pytest.raises(InputError):
        depends.relations(field)


@pytest.mark.parametrize(
    ("field", "holds"),
    [
        ("libc6", True),
        ("libc6 (>= 2.36)", True),
        ("libc6 (>> 2.36-9+deb12u10)", False),
        ("libc6 (= 2.36-9+deb12u10)", True),
        ("libc6 (<< 2.36-9+deb12u9)", False),
        ("libc6 (<= 2.36-9+deb12u10)", True),
        ("gawk", False),
        ("gawk | mawk (>= 1)", True),
        ("gawk | mawk (>= 2)", False),
        ("awk", True),
        ("awk (>= 1)", False),
        ("python3-supported-min (>= 3.9)", True),
        ("python3-supported-min (>= 3.12)", False),
        ("libgcc1 (>= 1:10)", True),
        ("python3:any", True),
        ("python3:native", True),
        ("python3:amd64", True),
        ("python3:i386", False),
        ("libfoo", False),
        ("libfoo:i386 (>= 1)", True),
        ("awk:any", True),
        ("awk:i386", False),
    ],
)
def test_satisfied(field: str, *, holds: bool) -> None:
    (relation,) = depends.relations(field)
    assert depends.satisfied(relation, INSTALLED, PROVIDES, "amd64") is holds


def test_what_is_missing_is_said_as_debian_writes_it() -> None:
    field = "libc6, gawk (>= 2) | original-awk, libfoo"
    assert depends.unsatisfied(field, INSTALLED, PROVIDES) == ("gawk (>= 2) | original-awk", "libfoo")


def test_provides_of_all_packages() -> None:
    fields = ["awk, libx (= 1.0)", "awk", ""]
    assert depends.provides(fields) == {"awk": ("", ""), "libx": ("1.0",)}


@pytest.mark.parametrize("field", ["a (>= 1)", "a | b"])
def test_what_is_no_provides(field: str) -> None:
    with pytest.raises(InputError, match="not a Provides field"):
        depends.provided(field)


def test_time_grows_with_length_and_not_with_its_square() -> None:
    def work(count: int) -> None:
        depends.relations(", ".join(f"package{n} (>= 1.{n}) | other" for n in range(count)))

    assert growth(work, 2_000, 8) < 32
