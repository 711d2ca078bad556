"""An image against its lock: what is installed by a known installer is the same; each tampering is caught, by its name."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pratique.flows.lock_verify import Question, verify_image
from pratique.flows.setting import setting
from pratique.model.errors import InputError, UnsupportedError
from pratique.model.verification import Verification
from tests.making import locked
from tests.making.debian import file_list, paragraph, status
from tests.making.images import layout
from tests.making.locked import BIN, PYTHON, SITE, cache, compiled
from tests.making.tar import Item, symlink

Files = dict[str, Item]
CORE = f"{SITE}/alpha/core.py"
EVIL = b"import os\ndef run():\n    os.system('evil')\n"
PIP_OLD = (
    "#!/{}\n# -*- coding: utf-8 -*-\nimport re\nimport sys\nfrom {} import {}\nif __name__ == '__main__':\n"
    "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n    sys.exit({}())\n"
)
PIP_NEW = (
    "#!/{}\nimport sys\nfrom {} import {}\nif __name__ == '__main__':\n"
    "    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n    sys.exit({}())\n"
)
UV = (
    '#!/{}\n# -*- coding: utf-8 -*-\nimport sys\nfrom {} import {}\nif __name__ == "__main__":\n'
    '    if sys.argv[0].endswith("-script.pyw"):\n        sys.argv[0] = sys.argv[0][:-11]\n'
    '    elif sys.argv[0].endswith(".exe"):\n        sys.argv[0] = sys.argv[0][:-4]\n    sys.exit({}())\n'
)


class World:
    """Wheels, their lock and an image that keeps to it, until something is changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = locked.wheels(folder / "wheels")
        self.files = locked.installed(self.wheels)
        self.lock = locked.lock(self.wheels)
        self.index = locked.Folder(self.wheels)

    def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        self.files[path] = Item(path, content, mode=mode)

    def edit(self, path: str, old: bytes, new: bytes) -> None:
        content = self.files[path].content
        assert old in content
        self.put(path, content.replace(old, new), self.files[path].mode)

    def verify(self) -> Verification:
        (self.folder / "lock.txt").write_text(self.lock)
        layout(self.folder / "image", list(self.files.values()), how="plain")
        question = Question(image=f"oci:{self.folder}/image", locks=(self.folder / "lock.txt",))
        here = setting(str(self.folder / "cache"), lambda _line: None)
        return verify_image(question, here, lambda _done, _total: None, self.index)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def found(result: Verification) -> list[tuple[str, str]]:
    return [(d.kind, d.path) for d in result.deviations]


def test_what_keeps_to_its_lock(world: World) -> None:
    result = world.verify()
    assert (result.verdict, result.deviations, result.unchecked) == ("same", (), ())
    assert [(d.name, d.version, d.files) for d in result.distributions] == [
        ("alpha", "1.0", 10),
        ("beta", "1.0", 4),
    ]
    assert sorted(world.index.taken) == [p.name for p in world.wheels]


def test_wheels_are_fetched_once(world: World) -> None:
    world.verify()
    (world.folder / "image").rename(world.folder / "before")
    world.index = locked.Folder(())
    assert world.verify().verdict == "same"


@pytest.mark.parametrize("template", [PIP_OLD, PIP_NEW, UV])
def test_launchers_of_every_known_installer(world: World, template: str) -> None:
    for program in (PYTHON, f"{BIN}/python3"):
        text = template.format(program, "alpha.core", "run", "run").encode()
        world.put(f"{BIN}/alpha", text)
        world.put(f"{BIN}/alpha3.11", text)  # as pip names its own
    assert world.verify().verdict == "same"


def test_what_an_installer_writes_of_its_own(world: World) -> None:
    info = f"{SITE}/alpha-1.0.dist-info"
    world.put(f"{info}/INSTALLER", b"pip\n")
    world.put(f"{info}/REQUESTED", b"")
    world.put(f"{info}/direct_url.json", b"{}")
    assert world.verify().verdict == "same"


def _record(world: World) -> None:
    world.edit(CORE, b"2.5", b"6.6")
    world.put(f"{SITE}/alpha-1.0.dist-info/RECORD", b"alpha/core.py,sha256=right-by-now,1\n")


def _link_folder(world: World) -> None:
    for path in [p for p in world.files if p.startswith(f"{SITE}/beta/")]:
        item = world.files.pop(path)
        world.put(path.replace(f"{SITE}/beta", "opt/beta"), item.content)
    world.put("opt/beta/evil.py", EVIL)
    world.files[f"{SITE}/beta"] = symlink(f"{SITE}/beta", "/opt/beta")


def _add_distribution(world: World) -> None:
    world.put(f"{SITE}/gamma-1.0.dist-info/METADATA", b"Name: gamma\nVersion: 1.0\n")
    world.put(f"{SITE}/gamma-1.0.dist-info/RECORD", b"gamma.py,,\n")
    world.put(f"{SITE}/gamma.py", EVIL)


def _list_elsewhere(world: World) -> None:
    world.put(f"{SITE}/beta-1.0.dist-info/RECORD", b"../../../share/evil,,\n")
    world.put("usr/local/share/evil", EVIL)


TAMPERINGS: dict[str, tuple[Callable[[World], object], tuple[str, str]]] = {
    "one byte of a library": (
        lambda w: w.put(f"{SITE}/alpha/fast.so", b"\x7fELF" + bytes(99) + b"\1"),
        ("changed", f"{SITE}/alpha/fast.so"),
    ),
    "RECORD rewritten to match": (_record, ("changed", CORE)),
    "metadata": (
        lambda w: w.edit(f"{SITE}/beta-1.0.dist-info/METADATA", b"Name", b"Requires-Dist: evil\nName"),
        ("changed", f"{SITE}/beta-1.0.dist-info/METADATA"),
    ),
    "a data file": (
        lambda w: w.put("usr/local/share/alpha/readme", b"changed"),
        ("changed", "usr/local/share/alpha/readme"),
    ),
    "a link in place of a file": (
        lambda w: w.files.update({CORE: symlink(CORE, "/opt/core.py")}),
        ("changed", CORE),
    ),
    "a link in place of a folder": (_link_folder, ("added", f"{SITE}/beta")),
    "a module added": (lambda w: w.put(f"{SITE}/alpha/evil.py", EVIL), ("added", f"{SITE}/alpha/evil.py")),
    "a library added": (lambda w: w.put(f"{SITE}/core.so", b"\x7fELF"), ("added", f"{SITE}/core.so")),
    "a file listed in RECORD": (_list_elsewhere, ("added", "usr/local/share/evil")),
    "a distribution added": (_add_distribution, ("not locked", f"{SITE}/gamma-1.0.dist-info")),
    "a start-up hook": (lambda w: w.put(f"{SITE}/zz.pth", b"import os"), ("start-up hook", f"{SITE}/zz.pth")),
    "sitecustomize": (
        lambda w: w.put(f"{SITE}/sitecustomize.py", EVIL),
        ("start-up hook", f"{SITE}/sitecustomize.py"),
    ),
    "usercustomize beside the standard library": (
        lambda w: w.put("usr/local/lib/python3.11/usercustomize.py", EVIL),
        ("start-up hook", "usr/local/lib/python3.11/usercustomize.py"),
    ),
    "sitecustomize as a folder": (
        lambda w: w.put("usr/local/lib/python3.11/sitecustomize/__init__.py", EVIL),
        ("start-up hook", "usr/local/lib/python3.11/sitecustomize/__init__.py"),
    ),
    "sitecustomize of another folder": (
        lambda w: w.put("usr/lib/python3/dist-packages/sitecustomize.py", EVIL),
        ("start-up hook", "usr/lib/python3/dist-packages/sitecustomize.py"),
    ),
    "a launcher runs something else": (
        lambda w: w.edit(f"{BIN}/alpha", b"alpha.core", b"alpha.evil"),
        ("launcher", f"{BIN}/alpha"),
    ),
    "a launcher does something before": (
        lambda w: w.edit(f"{BIN}/alpha", b"import sys\n", b"import sys, evil\n"),
        ("launcher", f"{BIN}/alpha"),
    ),
    "a launcher is run by something else": (
        lambda w: w.edit(f"{BIN}/alpha", f"/{PYTHON}".encode(), b"/opt/python3.11"),
        ("launcher", f"{BIN}/alpha"),
    ),
    "a script with a replaced first line": (
        lambda w: w.edit(f"{BIN}/alpha-tool", b"'tool'", b"'evil'"),
        ("launcher", f"{BIN}/alpha-tool"),
    ),
    "a script added": (
        lambda w: w.put(f"{BIN}/evil", f"#!/{PYTHON}\nimport evil\n".encode()),
        ("added", f"{BIN}/evil"),
    ),
    "a launcher of a known form added": (
        lambda w: w.put(f"{BIN}/alpha3", PIP_NEW.format(PYTHON, "evil", "run", "run").encode()),
        ("added", f"{BIN}/alpha3"),
    ),
    "a file missing": (
        lambda w: w.files.pop(f"{SITE}/alpha/table.json"),
        ("missing", f"{SITE}/alpha/table.json"),
    ),
    "byte code swapped": (lambda w: w.put(cache(CORE), compiled(EVIL)), ("byte code", cache(CORE))),
    "byte code that nobody checks": (
        lambda w: w.put(cache(CORE), compiled(EVIL, flags=1)),
        ("byte code", cache(CORE)),
    ),
    "byte code added": (
        lambda w: w.put(cache(f"{SITE}/beta/more.py"), compiled(EVIL)),
        ("byte code", cache(f"{SITE}/beta/more.py")),
    ),
    "byte code cut": (
        lambda w: w.put(cache(CORE), compiled(EVIL)[:-1]),
        ("byte code", cache(CORE)),
    ),
    "byte code without source": (
        lambda w: w.put(cache(f"{SITE}/alpha/ghost.py"), compiled(EVIL)),
        ("byte code", cache(f"{SITE}/alpha/ghost.py")),
    ),
    "byte code beside modules": (
        lambda w: w.put(f"{SITE}/alpha/ghost.pyc", compiled(EVIL)),
        ("byte code", f"{SITE}/alpha/ghost.pyc"),
    ),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_caught(world: World, name: str) -> None:
    tamper, expected = TAMPERINGS[name]
    tamper(world)
    result = world.verify()
    assert expected in found(result)
    assert result.verdict == "different"


def test_nothing_else_is_said_of_one_change(world: World) -> None:
    world.edit(CORE, b"2.5", b"6.6")
    (deviation,) = world.verify().deviations
    assert deviation.distribution == "alpha 1.0"
    assert deviation.locked != deviation.installed


def test_a_locked_distribution_that_is_not_there(world: World) -> None:
    world.lock += f"gone==1 --hash=sha256:{'a' * 64}\n"
    world.lock += f"elsewhere==1 ; sys_platform == 'win32' --hash=sha256:{'a' * 64}\n"
    assert [(d.kind, d.distribution) for d in world.verify().deviations] == [("not installed", "gone 1")]


def test_another_version_than_locked(world: World) -> None:
    world.lock = world.lock.replace("beta==1.0", "beta==2.0")
    assert found(world.verify()) == [("not locked", f"{SITE}/beta-1.0.dist-info")]


def test_a_wheel_that_no_index_offers_is_not_checked(world: World) -> None:
    world.index = locked.Folder(world.wheels[:1])
    result = world.verify()
    assert result.verdict == "incomplete"
    assert [(u.count, "no index offers" in u.reason) for u in result.unchecked] == [(6, True)]


def test_a_hook_of_a_wheel_that_is_not_checked_is_told(world: World) -> None:
    world.index = locked.Folder(world.wheels[:1])
    world.put(f"{SITE}/zz.pth", b"import os")
    world.edit(f"{SITE}/beta-1.0.dist-info/RECORD", b"beta/more.py", b"zz.pth,,\nbeta/more.py")
    assert found(world.verify()) == [("start-up hook", f"{SITE}/zz.pth")]


def test_a_wheel_of_another_hash_is_not_taken(world: World) -> None:
    world.wheels[1].write_bytes(locked.made("beta", {"beta/more.py": EVIL}))
    result = world.verify()
    assert result.verdict == "incomplete"
    assert [d.name for d in result.distributions] == ["alpha"]


def test_byte_code_that_the_wheel_brings_may_be_compiled_anew(world: World) -> None:
    source = b"X = 2\n"
    path = "beta/brought.py"
    brought = {"beta/more.py": b"X = 1\n", path: source, cache(path): compiled(source, "/made/elsewhere")}
    world.wheels[1].write_bytes(locked.made("beta", brought))
    world.files, world.lock = locked.installed(world.wheels), locked.lock(world.wheels)
    world.put(cache(f"{SITE}/{path}"), compiled(source, "/here"))
    assert world.verify().verdict == "same"
    (world.folder / "image").rename(world.folder / "before")
    world.put(cache(f"{SITE}/{path}"), compiled(EVIL))
    assert found(world.verify()) == [("byte code", cache(f"{SITE}/{path}"))]


def test_byte_code_of_another_python_is_not_checked(world: World) -> None:
    world.put(cache(CORE).replace(f"cpython-{locked.VERSION}", "cpython-399"), b"whatever")
    result = world.verify()
    assert result.verdict == "incomplete"
    assert ["another Python" in u.reason for u in result.unchecked] == [True]


def test_what_debian_owns_is_not_checked(world: World) -> None:
    path = "usr/lib/python3/dist-packages/apt.py"
    del world.files["var/lib/dpkg/status"]
    item = status(paragraph("libc6", "2.36-9"), paragraph("python3-apt", "2"))
    world.files["var/lib/dpkg/status"] = item
    world.files["list"] = file_list("python3-apt", path)
    world.put(path, b"pass\n")
    world.put(cache(path), b"whatever")
    result = world.verify()
    assert (result.verdict, result.unchecked[0].count) == ("incomplete", 2)


def test_a_lock_that_does_not_hold(world: World) -> None:
    world.lock += "idna\n"
    with pytest.raises(InputError, match="does not hold: PIN-01"):
        world.verify()


def test_an_image_whose_c_library_is_not_known(world: World) -> None:
    del world.files["var/lib/dpkg/status"]
    with pytest.raises(UnsupportedError, match="C library"):
        world.verify()


def test_an_empty_image(world: World) -> None:
    world.files = {"etc/os-release": world.files["etc/os-release"]}
    assert {d.kind for d in world.verify().deviations} == {"not installed"}
