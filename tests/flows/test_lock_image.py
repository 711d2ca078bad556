"""An image without a lock gets one of the very wheels that are in it; all that does not fit is left out, with a reason."""

import tomllib
from pathlib import Path

import pytest

from pratique.flows.lock_image import Locked, lock_image
from pratique.flows.lock_verify import Question, verify_image
from pratique.flows.setting import setting
from pratique.model.errors import InputError, UnsupportedError
from tests.making import locked
from tests.making.images import layout
from tests.making.locked import SITE
from tests.making.tar import Item
from tests.making.wheels import filename


class World:
    """Two wheels, installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wheels = locked.wheels(folder / "wheels")
        self.files = locked.installed(self.wheels)
        self.index = locked.Folder(self.wheels)
        self.here = setting(str(folder / "cache"), lambda _line: None)

    def put(self, path: str, content: bytes) -> None:
        self.files[path] = Item(path, content)

    def lock(self) -> Locked:
        layout(self.folder / "image", list(self.files.values()), how="plain")
        return lock_image(f"oci:{self.folder}/image", "", self.here, lambda _done, _total: None, self.index)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def left(found: Locked) -> list[tuple[str, str]]:
    return [(o.name, o.reason) for o in found.left_out]


def test_the_lock_that_is_made_holds_for_the_image(world: World) -> None:
    found = world.lock()
    assert found.left_out == ()
    assert [(w.name, w.version) for w in found.wheels] == [("alpha", "1.0"), ("beta", "1.0")]
    (world.folder / "pylock.toml").write_text(found.text)
    question = Question(image=f"oci:{world.folder}/image", locks=(world.folder / "pylock.toml",))
    assert verify_image(question, world.here, lambda _done, _total: None, world.index).verdict == "same"


def test_other_readers_take_it(world: World) -> None:
    pylock = pytest.importorskip("packaging.pylock")
    read = pylock.Pylock.from_dict(tomllib.loads(world.lock().text))
    read.validate()
    assert [str(p.name) for p in read.packages] == ["alpha", "beta"]


def test_no_secret_of_an_index_is_written(world: World) -> None:
    text = world.lock().text
    assert "https://h.invalid/files/alpha-1.0-py3-none-any.whl" in text
    assert "secret" not in text


def test_what_was_changed_is_left_out(world: World) -> None:
    world.put(f"{SITE}/beta/more.py", b"X = 2\n")
    found = world.lock()
    assert [w.name for w in found.wheels] == ["alpha"]
    assert left(found) == [("beta", "beta-1.0-py3-none-any.whl: 1 of its files are not there as it has them")]
    assert tomllib.loads(found.text)["tool"]["pratique"]["left-out"][0]["name"] == "beta"


def test_what_cannot_be_read_is_left_out(world: World) -> None:
    path = f"{SITE}/beta/__init__.py"
    world.files[path] = world.files[path]._replace(kind=b"S")
    assert [name for name, _ in left(world.lock())] == ["beta"]


def test_what_came_from_elsewhere_is_not_asked_for(world: World) -> None:
    world.put(f"{SITE}/beta-1.0.dist-info/direct_url.json", b"{}")
    found = world.lock()
    assert [(name, "no index is asked" in why) for name, why in left(found)] == [("beta", True)]
    assert world.index.taken == [filename("alpha", "1.0")]


def test_what_no_index_offers_is_left_out(world: World) -> None:
    world.index = locked.Folder(world.wheels[:1])
    assert [(name, "no index offers" in why) for name, why in left(world.lock())] == [("beta", True)]


def test_a_wheel_with_other_tags_is_not_taken(world: World) -> None:
    other = world.wheels[1].rename(world.wheels[1].with_name(filename("beta", "1.0", "py2-none-any")))
    world.index = locked.Folder([world.wheels[0], other])
    assert [name for name, _ in left(world.lock())] == ["beta"]


def test_what_lies_elsewhere_is_left_out(world: World) -> None:
    world.put("opt/tools/gamma-1.0.dist-info/METADATA", b"Name: gamma\nVersion: 1.0\n")
    assert [(name, "beside the path" in why) for name, why in left(world.lock())] == [("gamma", True)]


def test_an_image_of_which_nothing_can_be_locked(world: World) -> None:
    world.index = locked.Folder(())
    with pytest.raises(InputError, match="no distribution of the image can be locked"):
        world.lock()
    (world.folder / "image").rename(world.folder / "before")
    world.files = {"etc/os-release": world.files["etc/os-release"]}
    with pytest.raises(UnsupportedError, match="no Python with distributions"):
        world.lock()
