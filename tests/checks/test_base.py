from datetime import UTC, date, datetime
from typing import Any

import pytest

from pratique.checks import describe_base
from pratique.model.advisory import Severity
from pratique.model.base import Support
from pratique.model.digest import digest_of
from pratique.model.finding import Match
from pratique.model.inventory import Distribution, Inventory, Layer, Package
from tests.making.values import ZERO, finding, findings, inventory, package

LAYERS = tuple(Layer(diff_id=digest_of(bytes([n])), entries=1, size=1) for n in range(4))
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def deb(name: str, layer: int | None, *, essential: bool = False) -> Package:
    return package(name, "1", kind="deb", layer=layer, essential=essential)


def image(*packages: Package, **more: Any) -> Inventory:
    return inventory(*packages, layers=LAYERS, **more)


def match(published: str, *, fixed: str = "2", ecosystem: str = "Debian:12") -> Match:
    return Match(
        record="DSA-1",
        feed="dsa",
        ecosystem=ecosystem,
        name="a",
        version="1",
        range="< 2",
        fixed=fixed,
        published=published,
        severity=Severity(),
    )


def test_the_base_ends_with_the_layer_of_the_lowest_essential_package() -> None:
    held = image(deb("dash", 1, essential=True), deb("bash", 2, essential=True), deb("gcc", 3), deb("odd", 0))
    found = describe_base(held, findings(), ZERO, NOW)
    assert found.layers == 2
    assert found.diff_ids == tuple(layer.diff_id for layer in LAYERS[:2])
    assert found.told_by == "the layer that brought the essential packages"


@pytest.mark.parametrize("held", [image(), image(deb("gcc", 1)), image(deb("dash", None, essential=True))])
def test_without_essential_packages_in_a_layer_the_base_is_unknown(held: Inventory) -> None:
    found = describe_base(held, findings(), ZERO, NOW)
    assert (found.layers, found.diff_ids, found.told_by) == (0, (), "nothing in the image")


@pytest.mark.parametrize(
    ("identifier", "version", "day", "state"),
    [
        ("debian", "12", date(2026, 7, 11), "supported"),
        ("debian", "12.4", date(2026, 7, 12), "extended support only"),
        ("debian", "12", date(2028, 6, 30), "extended support only"),
        ("debian", "12", date(2028, 7, 1), "ended"),
        ("ubuntu", "22.04", date(2027, 6, 2), "extended support only"),
        ("ubuntu", "23.10", date(2026, 1, 1), "unknown"),
        ("arch", "", date(2026, 1, 1), "unknown"),
    ],
)
def test_support_ends_with_its_day(identifier: str, version: str, day: date, state: str) -> None:
    release = Distribution(id=identifier, version_id=version, name="", codename="")
    now = datetime.combine(day, datetime.min.time(), UTC)
    assert describe_base(image(distribution=release), findings(), ZERO, now).state == state


def test_support_of_no_release_is_unknown() -> None:
    found = describe_base(image(distribution=None), findings(), ZERO, NOW)
    assert (found.support, found.state) == (None, "unknown")


def test_support_has_both_dates() -> None:
    assert describe_base(image(), findings(), ZERO, NOW).support == Support(
        regular=date(2026, 7, 11), extended=date(2028, 6, 30)
    )


def test_days_unpatched_count_from_the_distribution_s_own_date() -> None:
    low, high = deb("low", 0, essential=True), deb("high", 1)
    found = [
        finding(
            "CVE-1", package=low.id, fixed="2", matches=(match("2026-11-14T10:00:00Z"), match("2026-11-20"))
        ),
        finding("CVE-2", package=low.id, fixed="", matches=(match("2026-11-14", fixed=""),)),
        finding("CVE-3", package=low.id, fixed="2", matches=(match("2026-11-14", ecosystem="PyPI"),)),
        finding("CVE-4", package=low.id, fixed="2", matches=(match("soon"),)),
        finding("CVE-5", package=low.id, fixed="2", matches=(match("2026-12-01"),)),
        finding("CVE-6", package=high.id, fixed="2", matches=(match("2020-01-01"),)),
        finding("CVE-7", package=low.id, fixed="2", matches=(match("2026-11-04"),)),
    ]
    told = describe_base(image(low, high), findings(*found), ZERO, NOW).unpatched
    assert [(u.finding, u.days, u.since) for u in told] == [
        ("CVE-7", 20, date(2026, 11, 4)),
        ("CVE-1", 10, date(2026, 11, 14)),
    ]
