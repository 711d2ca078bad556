import pytest

from pratique.formats.cyclonedx import cyclonedx
from pratique.formats.official import check_cyclonedx, check_spdx
from pratique.formats.spdx import spdx
from pratique.model.errors import PratiqueError
from tests.making.values import ZERO, inventory, package


def test_what_the_schema_allows_is_given_back() -> None:
    held = inventory(package("a", "1"))
    assert check_cyclonedx(cyclonedx(held, ZERO)) == cyclonedx(held, ZERO)
    assert check_spdx(spdx(held, ZERO)) == spdx(held, ZERO)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (
            cyclonedx(inventory(package("a", "1")), ZERO).replace(b'"library"', b'"book"'),
            "/components/1/type",
        ),
        (cyclonedx(inventory(), ZERO).replace(b"urn:uuid", b"uuid"), "/serialNumber"),
        (b'{"bomFormat": "CycloneDX"}', "/"),
    ],
)
def test_broken_cyclonedx_names_the_place(data: bytes, place: str) -> None:
    with pytest.raises(PratiqueError, match="the document breaks its schema") as caught:
        check_cyclonedx(data)
    assert caught.value.place == f"bom-1.6.schema.json: {place}"


def test_broken_spdx_names_the_place() -> None:
    with pytest.raises(PratiqueError) as caught:
        check_spdx(spdx(inventory(), ZERO).replace(b'"SPDXID":"SPDXRef-Image"', b'"id":1'))
    assert caught.value.place == "spdx-2.3.schema.json: /packages/0"


def test_twins_that_only_a_damaged_inventory_has_are_refused() -> None:
    twin = package("a", "1")
    with pytest.raises(PratiqueError, match=r"bom-1\.6\.schema\.json: /components: the document breaks"):
        check_cyclonedx(cyclonedx(inventory(twin, twin), ZERO))
