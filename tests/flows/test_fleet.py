from pathlib import Path

import pytest

from pratique.flows.fleet import add, fleet, record, store_file
from pratique.formats.documents import encode, envelope
from pratique.model.errors import InputError, UnavailableError, UsageError
from tests.making import fleet as making
from tests.making import scans
from tests.making.values import ZERO

REPORT = making.judged(making.image("a"))


def files(folder: Path) -> list[Path]:
    documents = {"i": REPORT.inventory, "f": REPORT.findings, "d": REPORT.decision}
    for name, document in documents.items():
        (folder / name).write_bytes(encode(document) + b"\n")
    return [folder / name for name in documents]


def test_documents_in_any_order_and_once(tmp_path: Path) -> None:
    store = str(tmp_path / "deep" / "s")
    paths = files(tmp_path)
    (tmp_path / "report").write_bytes(envelope(REPORT) + b"\n")
    assert add([paths[2]], store).new == 1
    assert add(paths, store).new == 2
    assert add([tmp_path / "report"], store).new == 0
    assert record(REPORT, store).new == 0
    assert len(fleet(store).images) == 1


def test_one_file_at_fault_and_none_is_recorded(tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"{}")
    with pytest.raises(InputError, match="not a document") as caught:
        add([*files(tmp_path), tmp_path / "bad"], str(tmp_path / "s"))
    assert caught.value.place == str(tmp_path / "bad")
    assert not (tmp_path / "s").exists()


def test_list_shows_the_last_decision_and_its_age(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", scans.EPOCH)
    old = making.judged(making.image("a"), at=making.days(-9))
    new = making.judged(making.image("a"), at=making.days(-3), policy=None)
    ahead = making.judged(making.image("b"), at=making.days(2))
    path = making.stored(tmp_path / "s", new, ahead, old)
    shown = [(s.image.reference, s.verdict, s.age, s.inventories) for s in fleet(str(path)).images]
    assert shown == [("oci:a", "not judged", 3, 2), ("oci:b", "pass", -2, 1)]


def test_an_inventory_without_a_decision_is_listed(tmp_path: Path) -> None:
    (tmp_path / "i").write_bytes(encode(REPORT.inventory))
    add([tmp_path / "i"], str(tmp_path / "s"))
    (state,) = fleet(str(tmp_path / "s")).images
    assert (state.verdict, state.decided, state.age) == (None, None, None)


def test_a_decision_without_its_inventory_is_told(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(encode(REPORT.decision))
    add([tmp_path / "d"], str(tmp_path / "s"))
    found = fleet(str(tmp_path / "s"))
    assert found.images == ()
    assert found.missing == (REPORT.decision.inventory,)
    assert found.missing != (ZERO,)


def test_where_the_store_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert store_file("here") == Path("here")
    assert store_file("") == tmp_path / "pratique" / "fleet.sqlite"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert store_file("") == tmp_path / ".local" / "share" / "pratique" / "fleet.sqlite"


@pytest.mark.parametrize("name", ["s", "n" * 300, "file/s"])
def test_a_store_that_is_not_there(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UnavailableError, match="no store here"):
        fleet(str(tmp_path / name))


def test_names_that_are_no_store(tmp_path: Path) -> None:
    (tmp_path / "d").write_bytes(encode(REPORT.decision))
    with pytest.raises(UnavailableError):
        add([tmp_path / "d"], str(tmp_path / ("n" * 300)))
    assert add([tmp_path / "d"], str(tmp_path / "s\udcff")).store == f"{tmp_path}/s\\xff"


def test_a_clock_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "noon")
    with pytest.raises(UsageError):
        fleet(str(tmp_path / "s"))
