"""Flags of workloads: what they say, whose they are, and what is refused before anything runs."""

import math
from typing import Any

import pytest

from pratique.cli.usage import parse_command, parse_drive, parse_environment, parse_timeout
from pratique.cli.workloads import parse_expected, parse_phase, parse_scenarios
from pratique.flows.runs import Expected, Scenario
from pratique.model.errors import UsageError
from pratique.profile import Drive

NOTHING: dict[str, Any] = {
    **dict.fromkeys(("ready", "drive", "expect", "check", "environment"), ()),
    "timeout": None,
}
URL = "http://127.0.0.1:8080/healthz"
TWO = ("training=python3 train.py", "serving=python3 serve.py")


def parsed(*workloads: str, command: tuple[str, ...] = (), **flags: Any) -> tuple[Scenario, ...]:
    return parse_scenarios(workloads, command, **{**NOTHING, **flags})


def refused(*workloads: str, command: tuple[str, ...] = (), **flags: Any) -> UsageError:
    """Return why flags are refused; every refusal says what to do."""
    with pytest.raises(UsageError) as caught:
        parsed(*workloads, command=command, **flags)
    assert caught.value.remedy
    assert caught.value.place
    return caught.value


def test_nothing_said_is_the_image_s_own_command() -> None:
    (one,) = parsed()
    assert (one.workload.phase, one.workload.command) == ("workload", ())
    assert (one.expect, one.check, one.workload.drive, one.workload.timeout) == ((), (), None, None)


def test_one_command_after_the_dashes() -> None:
    (one,) = parsed(command=("python3", "a b.py", ""), timeout=5.0, environment=("A=b=c",))
    assert one.workload.command == ("python3", "a b.py", "")
    assert (one.workload.timeout, one.workload.environment) == (5.0, {"A": "b=c"})


def test_a_single_workload_has_the_name_that_it_is_given() -> None:
    (one,) = parsed(name="nightly", expect=("/a", "nightly=/b"))
    assert (one.workload.phase, [e.path for e in one.expect]) == ("nightly", ["/a", "/b"])


def test_named_workloads_keep_their_order_and_their_flags() -> None:
    training, serving = parsed(
        *TWO,
        expect=("training=/tmp/out/m.json:json:0.01", "serving=/tmp/s", "training=/tmp/h.csv"),
        check=("training=test -s m.json",),
        ready=(f"serving={URL}",),
        drive=("serving=python3 'drive it.py' --a=b",),
        environment=("X=1",),
    )
    assert (training.workload.phase, training.workload.command) == ("training", ("python3", "train.py"))
    assert training.expect == (Expected("/tmp/out/m.json", "json", 0.01), Expected("/tmp/h.csv"))
    assert (training.check, training.workload.drive) == (("test", "-s", "m.json"), None)
    assert (serving.expect, serving.check) == ((Expected("/tmp/s"),), ())
    assert serving.workload.drive == Drive(URL, ("python3", "drive it.py", "--a=b"))
    assert training.workload.environment == serving.workload.environment == {"X": "1"}


@pytest.mark.parametrize("prefix", ["", "training="])
def test_with_a_single_workload_its_name_can_be_left_out(prefix: str) -> None:
    (one,) = parsed(
        "training=a",
        expect=(f"{prefix}/tmp/k=v",),
        check=(f"{prefix}./judge a=b",),
        ready=(f"{prefix}{URL}?a=b",),
        drive=(f"{prefix}./drive x=y",),
    )
    assert (one.expect, one.check) == ((Expected("/tmp/k=v"),), ("./judge", "a=b"))
    assert one.workload.drive == Drive(f"{URL}?a=b", ("./drive", "x=y"))


@pytest.mark.parametrize("flag", ["expect", "check", "ready", "drive"])
@pytest.mark.parametrize("text", ["/tmp/a", "other=/tmp/a", "Training=/tmp/a", "=/tmp/a", " training=/tmp/a"])
def test_with_several_workloads_a_flag_says_whose_it_is(flag: str, text: str) -> None:
    error = refused(*TWO, **{flag: (text,)})
    assert error.what == f"of which workload: {text!r}"
    assert (error.place, error.remedy) == (f"--{flag}", f"Write --{flag} NAME=…, with training or serving")


@pytest.mark.parametrize("flag", ["expect", "check", "ready", "drive"])
def test_a_misspelt_name_is_not_taken_for_a_value(flag: str) -> None:
    assert refused("training=a", **{flag: ("trainig=/tmp/a",)}).what == "of which workload: 'trainig=/tmp/a'"


@pytest.mark.parametrize("flag", ["check", "ready", "drive"])
def test_what_stands_once_is_given_once(flag: str) -> None:
    assert refused(**{flag: ("a", "workload=b")}).what == "given twice for one workload"


@pytest.mark.parametrize("flag", ["check", "ready", "drive"])
@pytest.mark.parametrize("text", ["", "  ", "workload=", "workload= \t"])
def test_an_empty_value_is_not_taken_for_none(flag: str, text: str) -> None:
    assert refused(**{flag: (text,)}).what == "given without a value"


@pytest.mark.parametrize(
    "name",
    ["", " ", "a b", "../x", ".hidden", "-x", "a/b", "a:b", "é", "a\n", "x" * 65, "\udcff", "a\0", "\uff11"],
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(UsageError, match="not a name for a workload") as caught:
        parse_phase(name)
    assert caught.value.remedy
    refused(f"{name}=true")
    refused(name=name)


@pytest.mark.parametrize("name", ["a", "1", "training", "a.b-c_d", "x" * 64])
def test_names(name: str) -> None:
    assert parse_phase(name) == name
    assert [s.workload.phase for s in parsed(f"{name}=true")] == [name]


@pytest.mark.parametrize(
    ("workloads", "what"),
    [
        (("training",), "not NAME=COMMAND, or a name given twice: 'training'"),
        (("python3 train.py",), "not NAME=COMMAND, or a name given twice: 'python3 train.py'"),
        (("a=true", "a=false"), "not NAME=COMMAND, or a name given twice: 'a=false'"),
        (("a=",), "an empty command"),
        (("a= ",), "an empty command"),
        (("a=''",), "an empty command"),
        (("a='b",), "not a command (No closing quotation)"),
    ],
)
def test_workloads_that_are_none(workloads: tuple[str, ...], what: str) -> None:
    assert refused(*workloads).what == what


def test_a_command_beside_named_workloads() -> None:
    assert refused("a=true", command=("b",)).what == "a command after -- and named workloads"


def test_an_empty_command_after_the_dashes() -> None:
    assert refused(command=("",)).what == "an empty command"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/a", Expected("/a")),
        ("/a:sha256", Expected("/a", "sha256")),
        ("/a:json", Expected("/a", "json")),
        ("/a:json:0", Expected("/a", "json", 0.0)),
        ("/a:json:1", Expected("/a", "json", 1.0)),
        ("/a:json:1e-3", Expected("/a", "json", 0.001)),
        ("/tmp/out/metrics.json:json:0.01", Expected("/tmp/out/metrics.json", "json", 0.01)),
        ("/a:b", Expected("/a:b")),
        ("/a:b:json", Expected("/a:b", "json")),
        ("/a:json:json:0", Expected("/a:json", "json")),
        ("/a:json:0.1:sha256", Expected("/a:json:0.1", "sha256")),
        ("/a=b:c d", Expected("/a=b:c d")),
        ("/a/./b//c", Expected("/a/./b//c")),
        ("/a\nb", Expected("/a\nb")),
        ("/tmp/..a", Expected("/tmp/..a")),
        ("/a:JSON", Expected("/a:JSON")),
    ],
)
def test_expected_files(text: str, expected: Expected) -> None:
    assert parse_expected(text) == expected
    assert parsed(expect=(text,))[0].expect == (expected,)
    assert parsed(*TWO, expect=(f"serving={text}",))[1].expect == (expected,)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "./a",
        "../a",
        "tmp/a:json",
        ":json",
        "/",
        "//",
        "/.",
        "/a/",
        "/tmp",
        "/tmp/.",
        "/..",
        "/a/../b",
        "/../a:json",
        "/a/..",
        "/a\0b",
        "~/a",
    ],
)
def test_paths_that_are_none_of_a_file(text: str) -> None:
    error = refused(expect=(text,))
    assert error.what == f"not PATH[:sha256|json[:TOLERANCE]]: {text!r}"
    assert error.place == "--expect"


@pytest.mark.parametrize(
    "text", ["nan", "inf", "-inf", "-1", "2", "1.0001", "-0.1", "", " ", "1%", "0,1", "1e400"]
)
def test_tolerances_that_are_none(text: str) -> None:
    error = refused(expect=(f"/a:json:{text}",))
    assert (error.what, error.remedy) == (
        f"not a tolerance: {text!r}",
        "Use a share from 0 to 1, as in 0.01",
    )


@pytest.mark.parametrize("text", ["/a:sha256:0.1", "/a:sha256:"])
def test_only_json_takes_a_tolerance(text: str) -> None:
    assert refused(expect=(text,)).what == "only json takes a tolerance"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("true", ("true",)),
        ("sh -c 'a && b'", ("sh", "-c", "a && b")),
        ("python3 -c \"print('x')\"", ("python3", "-c", "print('x')")),
        ("a\\ b ''", ("a b", "")),
        ("a # b", ("a", "#", "b")),
        ("$HOME/a *", ("$HOME/a", "*")),
    ],
)
def test_commands_are_split_as_a_shell_does(text: str, words: tuple[str, ...]) -> None:
    assert parse_command(text, "--check") == words
    assert parsed(check=(text,))[0].check == words


@pytest.mark.parametrize(
    ("text", "what"),
    [("a 'b", "not a command (No closing quotation)"), ("a\\", "not a command (No escaped character)"), ("''", "an empty command")],
)  # fmt: skip
def test_commands_that_are_none(text: str, what: str) -> None:
    for flags in ({"check": (text,)}, {"ready": (URL,), "drive": (text,)}):
        assert refused(**flags).what == what


@pytest.mark.parametrize("flags", [{"ready": (URL,)}, {"drive": ("./drive",)}])
def test_a_service_needs_both(flags: dict[str, Any]) -> None:
    assert refused(**flags).what == "a service needs both"
    assert parse_drive("", "") is None


@pytest.mark.parametrize(
    "url", ["localhost:8080", "file:///etc/passwd", "http://", "http:///x", "ftp://a", "http://a b", "x"]
)
def test_addresses_that_are_none(url: str) -> None:
    assert refused(ready=(url,), drive=("a",)).what == f"not an address: {url!r}"


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf, -math.inf])
def test_times_that_are_none(seconds: float) -> None:
    assert refused(timeout=seconds).place == "--timeout"
    assert [parse_timeout(s) for s in (None, 0.5)] == [None, 0.5]


@pytest.mark.parametrize("pair", ["", "A", "=a"])
def test_an_environment_has_names(pair: str) -> None:
    assert refused(environment=(pair,)).what == f"not NAME=VALUE: {pair!r}"
    assert parse_environment(["A=", "B=\n"]) == {"A": "", "B": "\n"}


@pytest.mark.parametrize("flag", ["ready", "drive", "expect", "check", "environment", "command"])
def test_text_that_no_document_can_hold(flag: str) -> None:
    assert refused(**{flag: ("/a=\udcff",)}).what == "not UTF-8: '/a=\\udcff'"
