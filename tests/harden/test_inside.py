"""The image's own dpkg and Python at work: a small Debian root with this machine's programs in it."""

import os
import py_compile
from pathlib import Path

import pytest

from pratique.harden import LEFTOVERS, audit, byte_compile, install, purge
from pratique.model.errors import InputError, UnsupportedError
from pratique.model.inventory import Package
from pratique.sandbox import Root
from tests.making import debs
from tests.making.values import package

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or bool(debs.available()), reason=f"needs root; {debs.available()}"
)
UNCHECKED = (1).to_bytes(4, "little")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return debs.root(tmp_path_factory.mktemp("debian") / "root")


@pytest.fixture
def root(base: Path, tmp_path: Path) -> Root:
    (tmp_path / "upper").mkdir()
    (tmp_path / "debs").mkdir()
    return Root((base,), tmp_path / "upper")


def deb(name: str, architecture: str = "all") -> Package:
    return package(name, "1", kind="deb", architecture=architecture)


def laid(root: Root) -> Path:
    assert root.upper is not None
    return root.upper


def changed(root: Root) -> set[str]:
    """Return the files of the upper folder, without what dpkg leaves and the caller takes away."""
    upper = laid(root)
    found = {str(p.relative_to(upper)) for p in upper.rglob("*") if not p.is_dir()}
    return found - set(LEFTOVERS)


def database(root: Root) -> str:
    return (laid(root) / "var" / "lib" / "dpkg" / "status").read_text()


def installed(root: Root, folder: Path, *names: str) -> str:
    return install(root, folder, [f"{name}_1_all.deb" for name in names])


def test_packages_are_installed_with_what_they_need_first(root: Root, tmp_path: Path) -> None:
    made = tmp_path / "debs"
    script = {"postinst": "echo $1 $DEBIAN_FRONTEND > /etc/ran; test ! -w /tmp/debs/b_1_all.deb || exit 1"}
    debs.deb(made, "a", files={"usr/share/a/x": "1"}, scripts=script, more="Depends: b")
    debs.deb(made, "b", files={"usr/share/b/x": "2"})
    said = installed(root, made, "b", "a")
    assert said.index("Setting up b") < said.index("Setting up a")
    assert database(root).count("Status: install ok installed") == 2
    assert (laid(root) / "usr" / "share" / "a" / "x").read_text() == "1"
    assert (laid(root) / "etc" / "ran").read_text() == "configure noninteractive\n"
    assert sorted(p.name for p in made.iterdir()) == ["a_1_all.deb", "b_1_all.deb"]
    assert audit(root) == ""


def test_a_purge_leaves_no_trace(root: Root, tmp_path: Path) -> None:
    """A set that is closed under dependencies goes at once, whatever its order, with its configuration."""
    made = tmp_path / "debs"
    script = {"postinst": "echo x > /etc/a.made", "postrm": 'test "$1" != purge || rm /etc/a.made'}
    debs.deb(made, "c", files={"usr/share/c/x": "1"}, conffiles=())
    installed(root, made, "c")
    before, stayed = changed(root), database(root)
    debs.deb(
        made, "a", files={"etc/a.conf": "1"}, conffiles=["/etc/a.conf"], scripts=script, more="Depends: b"
    )
    debs.deb(made, "b", files={"usr/share/b/x": "1"})
    installed(root, made, "a", "b")
    assert {"etc/a.conf", "etc/a.made", "usr/share/b/x"} <= changed(root)
    said = purge(root, [deb("b"), deb("a")])
    assert "Purging configuration files for a" in said
    assert changed(root) == before
    assert database(root) == stayed
    assert audit(root) == ""


def test_a_changed_conffile_goes_too(root: Root, tmp_path: Path) -> None:
    made = tmp_path / "debs"
    debs.deb(made, "a", files={"etc/a.conf": "1"}, conffiles=["/etc/a.conf"])
    installed(root, made, "a")
    (laid(root) / "etc" / "a.conf").write_text("mine")
    purge(root, [deb("a")])
    assert "etc/a.conf" not in changed(root)


def test_an_upgrade_keeps_a_changed_conffile_and_asks_nobody(root: Root, tmp_path: Path) -> None:
    made = tmp_path / "debs"
    debs.deb(made, "a", files={"etc/a.conf": "1"}, conffiles=["/etc/a.conf"])
    installed(root, made, "a")
    (laid(root) / "etc" / "a.conf").write_text("mine")
    debs.deb(made, "a", "2", files={"etc/a.conf": "2"}, conffiles=["/etc/a.conf"])
    install(root, made, ["a_2_all.deb"])
    assert (laid(root) / "etc" / "a.conf").read_text() == "mine"
    assert "Version: 2" in database(root)


def test_a_failing_maintainer_script_is_told_with_its_words(root: Root, tmp_path: Path) -> None:
    made = tmp_path / "debs"
    debs.deb(made, "a", files={"usr/share/a/x": "1"}, scripts={"prerm": "echo no disk of mine >&2; exit 3"})
    installed(root, made, "a")
    with pytest.raises(InputError) as caught:
        purge(root, [deb("a")])
    assert caught.value.what == "the image's dpkg ended with 1"
    assert caught.value.place.endswith("--purge a")
    assert caught.value.remedy.startswith("Keep the package that it names with --keep. It said: ")
    assert "no disk of mine" in caught.value.remedy
    assert "error processing package a" in caught.value.remedy


def test_a_failing_script_s_words_are_not_drowned(root: Root, tmp_path: Path) -> None:
    """For every other package dpkg says of each shared folder that it stays."""
    made = tmp_path / "debs"
    others = [f"other{n}" for n in range(12)]
    debs.deb(made, "keeps", files={"opt/shared/keeps": "1"})
    debs.deb(made, "aaa", scripts={"prerm": "echo why >&2; exit 3"})
    for name in others:
        debs.deb(made, name, files={f"opt/shared/{name}/x": "1"})
    installed(root, made, "keeps", "aaa", *others)
    (laid(root) / "opt" / "shared" / "mine").touch()
    for name in others:
        (laid(root) / "opt" / "shared" / name / "mine").touch()
    with pytest.raises(InputError, match=r"(?s)It said: .*why.*error processing package aaa"):
        purge(root, [deb(name) for name in ("aaa", *others)])


@pytest.mark.parametrize("essential", ["Essential: yes", "Protected: yes"])
def test_dpkg_guards_what_is_essential(root: Root, tmp_path: Path, essential: str) -> None:
    debs.deb(tmp_path / "debs", "a", more=essential)
    installed(root, tmp_path / "debs", "a")
    with pytest.raises(InputError, match="error processing package a"):
        purge(root, [deb("a")])


def test_what_another_package_needs_is_refused(root: Root, tmp_path: Path) -> None:
    debs.deb(tmp_path / "debs", "a", more="Depends: b")
    debs.deb(tmp_path / "debs", "b")
    installed(root, tmp_path / "debs", "a", "b")
    with pytest.raises(InputError, match="a depends on b"):
        purge(root, [deb("b")])
    assert database(root).count("Package: ") == 2


def test_an_install_without_what_it_needs_is_refused(root: Root, tmp_path: Path) -> None:
    debs.deb(tmp_path / "debs", "a", more="Depends: none")
    with pytest.raises(InputError, match="Package none is not installed"):
        installed(root, tmp_path / "debs", "a")
    assert "a" in audit(root)


def test_the_audit_names_what_is_half_done(root: Root) -> None:
    folder = laid(root) / "var" / "lib" / "dpkg"
    (folder / "info").mkdir(parents=True)
    (folder / "info" / "a.list").touch()
    (folder / "status").write_text(
        "Package: a\nStatus: install ok half-configured\nMaintainer: me\nArchitecture: all\nVersion: 1\nDescription: x\n"
    )
    assert "a" in audit(root).splitlines()[-1].split()


def test_a_package_of_a_named_architecture(root: Root, tmp_path: Path) -> None:
    name = os.uname().machine.replace("x86_64", "amd64").replace("aarch64", "arm64")
    made = tmp_path / "debs"
    debs.deb(made, "a", architecture=name)
    install(root, made, [f"a_1_{name}.deb"])
    purge(root, [deb("a", name)])
    assert database(root).strip() == ""


def test_scripts_have_no_network(root: Root, tmp_path: Path) -> None:
    script = {"postinst": "cat /proc/net/dev > /etc/devices"}
    debs.deb(tmp_path / "debs", "a", scripts=script)
    installed(root, tmp_path / "debs", "a")
    devices = (laid(root) / "etc" / "devices").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in devices] == ["lo"]


def test_an_image_without_dpkg_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "bare" / "etc").mkdir(parents=True)
    (tmp_path / "upper").mkdir()
    with pytest.raises(UnsupportedError, match="no dpkg that runs") as caught:
        purge(Root((tmp_path / "bare",), tmp_path / "upper"), [deb("a")])
    assert "dpkg: not found" in caught.value.remedy


@pytest.fixture(scope="module")
def python(base: Path) -> Path:
    if not Path(debs.PYTHON).exists():
        pytest.skip(f"needs {debs.PYTHON}")
    debs.add_python(base)
    return base


def compiled(root: Root, path: str) -> bytes:
    (found,) = (laid(root) / Path(path).parent / "__pycache__").glob(f"{Path(path).stem}.*.pyc")
    return found.read_bytes()


def write(root: Root, **files: str) -> list[str]:
    """Write modules into ``srv``; return their paths."""
    folder = laid(root) / "srv"
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return [f"srv/{name}.py" for name in files]


@pytest.mark.usefixtures("python")
def test_byte_code_is_of_the_unchecked_hash_kind(root: Root) -> None:
    paths = write(root, a="x = 1\n", b="y in {'one', 'two', 'three', 'four', 'five'}\n")
    assert byte_compile(root, debs.PYTHON, paths) == ""
    first = [compiled(root, path) for path in paths]
    assert [data[4:8] for data in first] == [UNCHECKED, UNCHECKED]
    byte_compile(root, debs.PYTHON, paths)
    assert [compiled(root, path) for path in paths] == first
    assert changed(root) == {*paths, *(p for p in changed(root) if p.startswith("srv/__pycache__/"))}


@pytest.mark.usefixtures("python")
def test_byte_code_of_another_kind_is_made_anew(root: Root) -> None:
    paths = write(root, a="x = 1\n")
    byte_compile(root, debs.PYTHON, paths)
    (place,) = (laid(root) / "srv" / "__pycache__").iterdir()
    source = (laid(root) / paths[0]).stat()
    stamp = int(source.st_mtime).to_bytes(4, "little") + source.st_size.to_bytes(4, "little")
    place.write_bytes(place.read_bytes()[:4] + bytes(4) + stamp + place.read_bytes()[16:])
    byte_compile(root, debs.PYTHON, paths)
    assert compiled(root, paths[0])[4:8] == UNCHECKED


@pytest.mark.usefixtures("python")
def test_a_syntax_error_is_reported_and_the_rest_is_compiled(root: Root) -> None:
    paths = write(root, bad="x = (\n", good="x = 1\n")
    said = byte_compile(root, debs.PYTHON, paths)
    assert "/srv/bad.py" in said
    assert "SyntaxError" in said
    assert "good" not in said
    assert compiled(root, "srv/good.py")[4:8] == UNCHECKED


@pytest.mark.usefixtures("python")
def test_names_of_other_scripts_are_compiled(root: Root) -> None:
    paths = write(root, **{"módulo": "x = 1\n", "with space": "x = 1\n"})
    assert byte_compile(root, debs.PYTHON, paths) == ""
    assert compiled(root, "srv/módulo.py")[4:8] == UNCHECKED


@pytest.mark.usefixtures("python")
def test_the_image_s_own_modules_do_not_stand_in_for_the_library(root: Root) -> None:
    """A root folder with a struct.py, and a site folder whose start-up fails, compile like any other."""
    paths = write(root, a="x = 1\n")
    (laid(root) / "struct.py").write_text("raise SystemExit('mine')\n")
    site = laid(root) / "usr" / "lib" / "python3" / "dist-packages"
    site.mkdir(parents=True)
    (site / "sitecustomize.py").write_text("raise SystemExit('mine')\n")
    assert byte_compile(root, debs.PYTHON, paths) == ""
    assert compiled(root, paths[0])[4:8] == UNCHECKED


def test_an_interpreter_that_does_not_run_is_reported(root: Root) -> None:
    paths = write(root, a="x = 1\n")
    said = byte_compile(root, "/usr/bin/python2.7", paths)
    assert said == "/usr/bin/python2.7 ended with 127: /usr/bin/python2.7: not found"


@pytest.mark.usefixtures("python")
def test_this_python_agrees_on_the_kind(root: Root) -> None:
    """The flag that the tests look for is the one that ``py_compile`` writes."""
    (source,) = write(root, a="x = 1\n")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    made = py_compile.compile(str(laid(root) / source), invalidation_mode=mode)
    assert made is not None
    assert Path(made).read_bytes()[4:8] == UNCHECKED
