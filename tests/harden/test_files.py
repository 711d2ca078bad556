"""Which files go with a distribution, on trees made in memory."""

from collections.abc import Sequence

import pytest

from pratique.harden import doomed, emptied, python_home
from pratique.image import MergedTree
from pratique.model.errors import UnsupportedError
from pratique.model.inventory import Package
from tests.making.tar import Item, folder, hardlink, symlink
from tests.making.trees import catalogued, tree
from tests.making.values import package

SITE = "usr/local/lib/python3.11/dist-packages"


def dist(name: str, *rows: str, more: Sequence[str] = ()) -> list[Item]:
    """Return a distribution: files that its RECORD lists, relative to the site folder, and others."""
    info = f"{name}-1.dist-info"
    listed = (*rows, f"{info}/METADATA", f"{info}/RECORD")
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n".encode()
    record = "".join(f'"{row}",,\n' for row in listed).encode()
    return [
        Item(f"{SITE}/{info}/METADATA", metadata),
        Item(f"{SITE}/{info}/RECORD", record),
        *(Item(at(row)) for row in (*rows, *more)),
    ]


def at(row: str) -> str:
    """Return where a row of a RECORD leads."""
    done = SITE.split("/")
    while row.startswith("../"):
        done.pop()
        row = row.removeprefix("../")
    return "/".join([*done, row])


class Image:
    """The files and packages of one layer."""

    def __init__(self, *items: Item, others: Sequence[Package] = ()) -> None:
        self.tree = tree(items)
        self.packages = [*catalogued(items).packages, *others]

    def gone(self, *names: str) -> set[str]:
        """Return the files that go with packages, and the folders behind them with a slash at their end."""
        going = [p for p in self.packages if p.name in names and not p.vendored_in]
        staying = [p for p in self.packages if p not in going]
        files = doomed(going, staying, self.tree)
        folders = emptied(files, (), self.tree, [SITE] if going else [])
        assert {p for p, _ in self.tree.files()} >= files
        return {shown(path) for path in files} | {f"{shown(path)}/" for path in folders}


def shown(path: str) -> str:
    return path.removeprefix(f"{SITE}/")


INFO = {"a-1.dist-info/METADATA", "a-1.dist-info/RECORD", "a-1.dist-info/"}


def test_listed_files_go_and_no_others() -> None:
    image = Image(
        *dist("a", "a/__init__.py", "a/data.bin", "single.py"),
        *dist("b", "b/__init__.py"),
        Item(f"{SITE}/easy-install.pth"),
    )
    assert image.gone("a") == {"a/__init__.py", "a/data.bin", "single.py", "a/"} | INFO
    assert image.gone() == set()


def test_unlisted_metadata_goes_and_other_unlisted_files_stay() -> None:
    """What an installer adds to the metadata without a row would be found as a distribution without a name."""
    others = ("a-1.dist-info/licenses/deep/LICENSE", "a-1.dist-info/REQUESTED", "a/cache.db")
    gone = Image(*dist("a", "a/__init__.py", more=others)).gone("a")
    assert gone == INFO | {
        "a/__init__.py",
        "a-1.dist-info/licenses/deep/LICENSE",
        "a-1.dist-info/licenses/deep/",
        "a-1.dist-info/licenses/",
        "a-1.dist-info/REQUESTED",
    }


@pytest.mark.parametrize("name", ["A-1.Dist-Info", "x.egg-info/lib/a-1.dist-info"])
def test_metadata_folders_of_odd_names(name: str) -> None:
    going = package("a", "1", path=f"{SITE}/{name}", files=(f"{SITE}/{name}/RECORD",))
    there = tree([Item(f"{SITE}/{name}/{leaf}") for leaf in ("RECORD", "METADATA", "more")])
    assert {p.rpartition("/")[2] for p in doomed([going], [], there)} == {"RECORD", "METADATA", "more"}


@pytest.mark.parametrize(
    "compiled",
    [
        "a/__pycache__/__init__.cpython-311.pyc",
        "a/__pycache__/__init__.cpython-39.pyc",
        "a/__pycache__/__init__.cpython-311.opt-1.pyc",
        "a/__pycache__/__init__.cpython-311.opt-2.pyc",
        "a/__pycache__/__init__.pypy39.pyc",
        "a/__pycache__/__init__.graalpy240-311.pyc",
        "a/__pycache__/__init__.cpython-311-pytest-7.4.0.pyc",
        "a/__init__.pyc",
    ],
)
def test_byte_code_goes_with_its_source_whoever_made_it(compiled: str) -> None:
    gone = Image(*dist("a", "a/__init__.py", more=[compiled])).gone("a")
    assert {compiled, "a/"} <= gone
    assert compiled in Image(*dist("a", "a/__init__.py", compiled)).gone("a")


def test_byte_code_of_a_module_beside_the_packages() -> None:
    image = Image(
        *dist("a", "single.py", more=["__pycache__/single.cpython-311.pyc"]),
        *dist("b", "other.py", more=["__pycache__/other.cpython-311.pyc"]),
    )
    gone = image.gone("a")
    assert gone == INFO | {"single.py", "__pycache__/single.cpython-311.pyc"}
    assert "__pycache__/" in image.gone("a", "b")


@pytest.mark.parametrize(
    "other",
    [
        "a/__pycache__/mine.cpython-311.pyc",
        "a/__pycache__/x.y.cpython-311.pyc",
        "a/mine.pyc",
        "a/__pycache__/x.nbi",
        "b/__pycache__/x.cpython-311.pyc",
        "__pycache__/x.cpython-311.pyc",
        "x.pyc",
    ],
)
def test_byte_code_of_other_sources_stays(other: str) -> None:
    """The source with the longer name is the one: ``x.y.TAG.pyc`` is not made of ``x.py`` where there is an ``x.y.py``."""
    more = ["a/x.y.py", "a/mine.py", "b/x.py", "x.py", other]
    assert other not in Image(*dist("a", "a/x.py", more=more)).gone("a")


def test_a_name_with_dots_has_byte_code_too() -> None:
    compiled = "a/__pycache__/x.y.cpython-311.pyc"
    assert compiled in Image(*dist("a", "a/x.y.py", more=["a/x.py", compiled])).gone("a")


def test_a_namespace_goes_with_its_last_distribution() -> None:
    image = Image(
        *dist("a", "google/one/__init__.py", more=["google/one/__pycache__/__init__.cpython-311.pyc"]),
        *dist("b", "google/two/__init__.py"),
    )
    one = {"google/one/__init__.py", "google/one/__pycache__/__init__.cpython-311.pyc"}
    assert image.gone("a") == INFO | one | {"google/one/", "google/one/__pycache__/"}
    assert {"google/", "google/one/", "google/two/"} <= image.gone("a", "b")


def test_what_a_staying_package_lists_stays_with_its_byte_code() -> None:
    compiled = "google/__pycache__/__init__.cpython-311.pyc"
    image = Image(
        *dist("a", "google/__init__.py", "google/one.py", compiled),
        *dist("b", "google/__init__.py", "google/two.py"),
    )
    assert image.gone("a") == INFO | {"google/one.py"}
    assert {"google/__init__.py", compiled, "google/"} <= image.gone("a", "b")


def test_what_debian_lists_stays() -> None:
    debian = package("python3-x", "1", kind="deb", files=(f"{SITE}/x.py",))
    image = Image(*dist("a", "x.py", "y.py"), others=[debian])
    assert image.gone("a") == INFO | {"y.py"}


def test_a_copy_vendored_inside_goes_with_its_owner() -> None:
    """A copy lists its files itself, and is a package of the inventory; it does not keep its owner's files."""
    inner = "a/_vendor/in-1.dist-info"
    rows = ("a/__init__.py", "a/_vendor/in_.py", f"{inner}/METADATA", f"{inner}/RECORD")
    items = {item.name: item for item in dist("a", *rows)}
    for leaf, content in (
        ("METADATA", b"Metadata-Version: 2.1\nName: in\nVersion: 1\n"),
        ("RECORD", b"in_.py,,\nin-1.dist-info/METADATA,,\nin-1.dist-info/RECORD,,\n"),
    ):
        items[f"{SITE}/{inner}/{leaf}"] = Item(f"{SITE}/{inner}/{leaf}", content)
    image = Image(*items.values())
    assert [p.name for p in image.packages if p.vendored_in] == ["in"]
    assert image.gone("a") == INFO | {*rows, "a/", "a/_vendor/", f"{inner}/"}
    assert image.gone() == set()


def test_scripts_and_data_lie_outside_of_the_site() -> None:
    rows = ("../../../bin/tool", "../../../share/man/man1/tool.1", "../../../etc/a/a.conf", "a.py")
    gone = Image(*dist("a", *rows), Item("usr/local/bin/other"), Item("usr/local/share/keep")).gone("a")
    assert gone == INFO | {
        "a.py",
        "usr/local/bin/tool",
        "usr/local/share/man/man1/tool.1",
        "usr/local/share/man/man1/",
        "usr/local/share/man/",
        "usr/local/etc/a/a.conf",
        "usr/local/etc/a/",
    }


def test_the_folders_for_scripts_and_data_stay_empty() -> None:
    """Debian Policy 9.1.2: they are the machine's own, not the distribution's that was the last to use them."""
    gone = Image(*dist("a", "../../../bin/tool", "../../../share/a/x", "a.py")).gone("a")
    assert gone == INFO | {"a.py", "usr/local/bin/tool", "usr/local/share/a/x", "usr/local/share/a/"}
    there = tree([Item("lib/python3.11/site-packages/a.py"), Item("bin/tool")])
    assert emptied(["bin/tool"], [], there, ["lib/python3.11/site-packages"]) == set()


def test_what_is_gone_already_is_not_named() -> None:
    image = Image(*dist("a", "a.py", "b.py"))
    without = tree([Item(f"{SITE}/a.py")])
    assert doomed(image.packages, [], without) == {f"{SITE}/a.py"}


def test_the_older_list_of_files() -> None:
    info = f"{SITE}/a-1.egg-info"
    items = [
        Item(f"{info}/PKG-INFO", b"Metadata-Version: 1.1\nName: a\nVersion: 1\n"),
        Item(f"{info}/installed-files.txt", b"../a/__init__.py\nPKG-INFO\n"),
        Item(f"{info}/top_level.txt"),
        Item(f"{SITE}/a/__init__.py"),
    ]
    gone = Image(*items).gone("a")
    leaves = {f"a-1.egg-info/{leaf}" for leaf in ("PKG-INFO", "installed-files.txt", "top_level.txt", "")}
    assert gone == leaves | {"a/__init__.py", "a/"}


@pytest.mark.parametrize("site", [SITE, "", "opt"])
def test_the_site_and_what_lies_above_stays(site: str) -> None:
    path = f"{site}/a.py".lstrip("/")
    assert emptied([path], [], tree([Item(path)]), [site]) == set()


def test_folders_above_the_files_that_go() -> None:
    there = tree([folder("opt"), folder("opt/x"), Item("opt/x/y/z/file"), Item("top")])
    assert emptied(["opt/x/y/z/file", "top"], [], there, []) == {"opt", "opt/x", "opt/x/y", "opt/x/y/z"}
    assert emptied(["opt/x/y/z/file"], [], there, ["opt"]) == {"opt/x", "opt/x/y", "opt/x/y/z"}
    assert emptied(["opt/x/y/z/file"], ["opt/x/new"], there, []) == {"opt/x/y", "opt/x/y/z"}
    assert emptied(["opt/x/y/z/file"], ["opt/x/y/z/file"], there, []) == set()
    assert emptied([], [], there, []) == set()


def test_a_link_or_device_fills_a_folder() -> None:
    there = tree([Item("a/file"), symlink("a/link", "file"), Item("b/file"), hardlink("b/more", "b/file")])
    assert emptied(["a/file", "b/file"], [], there, []) == set()


def test_a_file_that_was_never_there_empties_no_folder() -> None:
    there = tree([Item("a/b/file")])
    assert emptied(["a/b/none", "a/none"], [], there, []) == set()


def pythons(*names: str) -> MergedTree:
    items = [symlink("lib", "usr/lib")]
    for name in names:
        path, _, target = name.partition(" -> ")
        items.append(symlink(path, target) if target else Item(path, b"\x7fELF"))
    return tree(items)


@pytest.mark.parametrize(
    ("site", "names", "prefix", "program"),
    [
        ("usr/local/lib/python3.11/dist-packages", ["usr/bin/python3"], "usr/local", "/usr/bin/python3"),
        (
            "usr/local/lib/python3.11/site-packages",
            ["usr/local/bin/python3 -> python3.11", "usr/local/bin/python3.11", "usr/bin/python3"],
            "usr/local",
            "/usr/local/bin/python3",
        ),
        ("usr/lib/python3.11/site-packages", ["usr/bin/python3"], "usr", "/usr/bin/python3"),
        (
            "opt/venv/lib/python3.11/site-packages",
            ["opt/venv/bin/python3 -> /usr/bin/python3", "usr/bin/python3"],
            "opt/venv",
            "/opt/venv/bin/python3",
        ),
        ("lib/python3.11/site-packages", ["bin/python3", "usr/bin/python3"], "", "/bin/python3"),
        ("opt/lib/lib/python3.11/site-packages", ["opt/lib/bin/python3"], "opt/lib", "/opt/lib/bin/python3"),
    ],
)
def test_python_home(site: str, names: list[str], prefix: str, program: str) -> None:
    assert python_home(site, pythons(*names)) == (site, prefix, program)


@pytest.mark.parametrize(
    ("names", "program"),
    [
        (
            ["usr/local/bin/python3 -> python3.12", "usr/local/bin/python3.12", "usr/bin/python3"],
            "/usr/bin/python3",
        ),
        (
            ["usr/local/bin/python3 -> python3.12", "usr/local/bin/python3.12", "usr/local/bin/python3.11"],
            "/usr/local/bin/python3.11",
        ),
        (["usr/local/bin/python3.11"], "/usr/local/bin/python3.11"),
    ],
)
def test_python_home_is_of_the_site_s_own_version(names: list[str], program: str) -> None:
    assert python_home(SITE, pythons(*names)).program == program


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["usr/bin/python3 -> nowhere"],
        ["usr/bin/python"],
        ["usr/bin/python3/file"],
        ["usr/bin/python3 -> python3.9", "usr/bin/python3.9"],
    ],
)
def test_no_python_for_a_site(names: list[str]) -> None:
    with pytest.raises(UnsupportedError, match=r"no python3\.11") as caught:
        python_home(SITE, pythons(*names))
    assert caught.value.place == SITE


@pytest.mark.parametrize(
    "site", ["", "opt/tools", "usr/lib/python3/dist-packages", f"{SITE}/a", "xlib/python3.11"]
)
def test_no_site(site: str) -> None:
    with pytest.raises(UnsupportedError, match="not a folder that a Python looks into by itself"):
        python_home(site, pythons("usr/bin/python3"))
