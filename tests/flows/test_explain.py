from pathlib import Path

import pytest

from pratique.flows.explain import Explanation, explain
from pratique.flows.scan import Request
from pratique.model.errors import InputError
from tests.making import scans


@pytest.fixture
def request_(tmp_path: Path) -> Request:
    return Request(str(scans.image(tmp_path / "image")), cache=str(scans.imported(tmp_path / "cache")))


def why(identifier: str, request: Request) -> tuple[Explanation, ...]:
    return explain(identifier, request, lambda _done, _total: None)


@pytest.mark.parametrize("name", ["CVE-2026-2222", "cve-2026-2222", "PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc"])
def test_by_any_of_its_names(request_: Request, name: str) -> None:
    (one,) = why(name, request_)
    assert (one.finding.id, one.package.version, one.position, one.layers) == ("CVE-2026-2222", "1.5", 2, 2)
    assert one.layer
    assert one.layer.created_by == "RUN step 2"
    assert [f.name for f in one.feeds] == ["pypi"]


def test_by_the_record_of_a_distribution(request_: Request) -> None:
    assert [e.package.name for e in why("DSA-1-1", request_)] == ["libssl3"]


def test_what_is_not_there_says_what_that_proves(request_: Request) -> None:
    with pytest.raises(InputError) as caught:
        why("CVE-1999-1", request_)
    assert caught.value.what == "no finding CVE-1999-1 in this image"
    assert (
        caught.value.remedy
        == "This proves nothing for the 3 packages that could not be assessed in full: see pratique scan"
    )
