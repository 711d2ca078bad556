import contextlib
import hashlib
import subprocess
import sys
import time

import pytest
from packaging.tags import Tag

from pratique.ecosystems import wheel
from pratique.ecosystems.wheel import RecordRow, Script, WheelName
from pratique.model.errors import InputError, UnsupportedError
from tests.making.wheels import hashed

GLIBC = "x86_64-manylinux_2_36"
DATA = b"print()\n"


def test_a_file_name() -> None:
    name = WheelName.parse("Foo.Bar-1.0.0-2b-cp311-abi3-manylinux_2_17_x86_64.manylinux2014_x86_64.whl")
    assert (name.name, name.version, name.build) == ("foo-bar", "1.0.0", (2, "b"))
    assert {t.platform for t in name.tags} == {"manylinux_2_17_x86_64", "manylinux2014_x86_64"}


@pytest.mark.parametrize(
    "text", ["", "a.whl", "a-1-py3-none-any.zip", "a-x!-py3-none-any.whl", "../a-1-py3-none-any.whl"]
)
def test_what_is_no_name(text: str) -> None:
    with pytest.raises(InputError):
        WheelName.parse(text)


def test_tags_of_an_image() -> None:
    tags = wheel.supported_tags("3.11", GLIBC)
    shown = list(map(str, tags))
    assert shown[0] == "cp311-cp311-manylinux_2_36_x86_64"
    order = [
        *(
            "cp311-cp311-manylinux_2_17_x86_64",
            "cp311-cp311-manylinux2014_x86_64",
            "cp311-cp311-manylinux1_x86_64",
        ),
        *("cp311-cp311-linux_x86_64", "cp311-abi3-manylinux_2_28_x86_64", "cp311-none-linux_x86_64"),
        *(
            "cp38-abi3-manylinux_2_17_x86_64",
            "py3-none-manylinux_2_17_x86_64",
            "cp311-none-any",
            "py311-none-any",
        ),
        *("py3-none-any", "py30-none-any"),
    ]
    assert [shown.index(t) for t in order] == sorted(shown.index(t) for t in order)
    assert not {"cp312-cp312-manylinux_2_17_x86_64", "cp311-cp311-manylinux_2_37_x86_64"} & set(shown)


@pytest.mark.skipif(sys.platform != "linux", reason="the tags of this machine are those of Linux")
def test_tags_are_those_that_pip_knows() -> None:
    words = [sys.executable, "-m", "pip", "debug", "--verbose", "--platform", "manylinux_2_36_x86_64"]
    words += ["--python-version", "3.11", "--implementation", "cp"]
    shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
    known = {
        line.strip()
        for line in shown.partition("Compatible tags:")[2].splitlines()[1:]
        if line.count("-") == 2
    }
    assert len(known) > 30
    assert known <= set(map(str, wheel.supported_tags("3.11", GLIBC)))


def test_tags_for_musl_and_for_arm() -> None:
    musl = list(map(str, wheel.supported_tags("3.12", "x86_64-musllinux_1_2")))
    assert musl[0] == "cp312-cp312-musllinux_1_2_x86_64"
    assert "cp312-cp312-musllinux_1_0_x86_64" in musl
    assert not any("manylinux" in t for t in musl)
    arm = list(map(str, wheel.supported_tags("3.12", "aarch64-manylinux_2_28")))
    assert "cp312-cp312-manylinux2014_aarch64" in arm
    assert "cp312-cp312-manylinux_2_5_aarch64" not in arm


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (["a-1-py3-none-any.whl", "a-1-cp311-cp311-manylinux_2_17_x86_64.whl"], 1),
        (["a-1-cp311-cp311-manylinux_2_17_x86_64.whl", "a-1-cp311-cp311-manylinux_2_28_x86_64.whl"], 1),
        (["a-1-cp39-abi3-linux_x86_64.whl", "a-1-cp310-abi3-linux_x86_64.whl"], 1),
        (["a-1-py3-none-any.whl", "a-1-2-py3-none-any.whl", "a-1-10-py3-none-any.whl"], 2),
        (["a-1-py2.py3-none-any.whl", "a-1-py2-none-any.whl"], 0),
    ],
)
def test_the_best_wheel(names: list[str], best: int) -> None:
    tags = wheel.supported_tags("3.11", GLIBC)
    assert wheel.best_wheel(names, tags) == wheel.best_wheel(names[::-1], tags) == names[best]


def test_no_wheel_fits() -> None:
    tags = wheel.supported_tags("3.11", GLIBC)
    assert wheel.best_wheel([], tags) == ""
    assert wheel.best_wheel(["a-1-cp311-cp311-win_amd64.whl", "a-1-cp312-cp312-linux_x86_64.whl"], tags) == ""


def test_the_wheel_file() -> None:
    info = wheel.wheel_info(
        "Wheel-Version: 1.9\nRoot-Is-Purelib: False\nTag: py2-none-any\nTag: py3-none-any\n"
    )
    assert not info.purelib
    assert info.tags == {Tag("py2", "none", "any"), Tag("py3", "none", "any")}
    assert wheel.same_tags(info.tags, WheelName.parse("a-1-py2.py3-none-any.whl").tags)


@pytest.mark.parametrize("text", ["", "Wheel-Version: 1.0\n", "Wheel-Version: 1.0\nRoot-Is-Purelib: maybe\n"])
def test_what_is_no_wheel_file(text: str) -> None:
    with pytest.raises(InputError):
        wheel.wheel_info(text)


MANY = "-".join([".".join(f"a{i}" for i in range(1000))] * 3)


@pytest.mark.parametrize("tags", [["foo"], ["a-b-c-d"], [MANY], [f"a{i}-none-any" for i in range(1001)]])
def test_tags_that_are_none_or_too_many(tags: list[str]) -> None:
    lines = "".join(f"Tag: {tag}\n" for tag in tags)
    with pytest.raises(InputError):
        wheel.wheel_info(f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\n{lines}")


def test_a_name_that_stands_for_a_thousand_million_tags() -> None:
    with pytest.raises(InputError, match="more than 1,000 tags"):
        WheelName.parse(f"a-1-{MANY}.whl")


@pytest.mark.parametrize("version", ["2.0", "", "0.1", "x"])
def test_another_version_of_the_format_is_refused(version: str) -> None:
    with pytest.raises(UnsupportedError):
        wheel.wheel_info(f"Wheel-Version: {version}\nRoot-Is-Purelib: true\n")


def test_a_record() -> None:
    text = f'a.py,{hashed(DATA)},{len(DATA)}\n"b, c.py",{hashed(DATA, "sha512")},\nx.dist-info/RECORD,,\n\n'
    assert wheel.record_rows(text) == (
        RecordRow("a.py", "sha256", hashlib.sha256(DATA).digest(), len(DATA)),
        RecordRow("b, c.py", "sha512", hashlib.sha512(DATA).digest(), None),
        RecordRow("x.dist-info/RECORD"),
    )
    assert wheel.hash_field(hashlib.sha256(DATA).digest()) == hashed(DATA)


@pytest.mark.parametrize(
    "row",
    [
        "a,md5=AAAA,1",
        "a,sha1=AAAA,1",
        "a,sha256,1",
        "a,sha256=!!!!,1",
        "a,,-1",
        "a,,1e3",
        ",,",
        "a,b,c,d",
        '"a',
    ],
)
def test_a_record_that_is_damaged(row: str) -> None:
    with pytest.raises(InputError):
        wheel.record_rows(row + "\n")


def test_scripts() -> None:
    text = """
    # a remark
    [console_scripts]
    tool = package.module:main
    Tool-2.x = package : Class.method [extra]

    [gui_scripts]
    window=package.gui:run
    [other.group]
    anything = at all
    """.replace("\n    ", "\n")
    assert wheel.scripts(text) == (
        Script("Tool-2.x", "package", "Class.method"),
        Script("tool", "package.module", "main"),
        Script("window", "package.gui", "run"),
    )
    assert wheel.scripts("") == wheel.scripts("[x]\ny = z") == ()


@pytest.mark.parametrize(
    "line",
    [
        *(
            "../x = a:b",
            "/bin/x = a:b",
            "x y = a:b",
            "x = a",
            "x = a:b; import os",
            "x = a:b()",
            "x = a.b:c d",
        ),
        *("x = a:b\nx = a:c", ".hidden = a:b", "x =", "x = é:b"),
    ],
)
def test_scripts_that_are_none(line: str) -> None:
    with pytest.raises(InputError):
        wheel.scripts(f"[console_scripts]\n{line}\n")


def test_scripts_that_are_no_file() -> None:
    with pytest.raises(InputError):
        wheel.scripts("what?")


@pytest.mark.parametrize("line", ["a{}b", "a{}= b:c", "[x{}]"])
def test_long_blanks_take_no_long_time(line: str) -> None:
    begun = time.process_time()
    with contextlib.suppress(InputError):
        wheel.scripts(f"[console_scripts]\n{line.format(' ' * 1_000_000)}\n")
    assert time.process_time() - begun < 2
