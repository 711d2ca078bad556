"""The plan: ordered steps, and what stays open."""

from typing import Any

import pytest

from pratique.harden import Refused, Slim, Upgrade, fixes, plan, python_target
from pratique.model.inventory import Package
from pratique.model.plan import Artifact
from tests.making.values import ZERO, finding, inventory, package

SITE = "usr/local/lib/python3.11/dist-packages"
OLD, NEW, GONE = package("old", "1"), package("new", "1"), package("gone", "1", size=50)


def artifact(name: str, version: str) -> Artifact:
    return Artifact(
        kind="wheel",
        name=name,
        version=version,
        filename=f"{name}.whl",
        digest=ZERO,
        size=1,
        origin="python index",
    )


def test_removals_come_first_and_findings_go_with_them() -> None:
    found = [finding("CVE-1", package=GONE.id), finding("CVE-2", package=NEW.id, fixed="2")]
    slimmed = Slim({NEW.id: "used by training"}, (GONE,))
    outcome = plan(slimmed, found, [Upgrade(NEW, artifact("new", "2"), 0, "why")], [], evidence="one usage")
    removal, upgrade = outcome.steps
    assert (removal.action, removal.name, removal.findings, removal.bytes) == (
        "remove",
        "gone",
        ("CVE-1",),
        50,
    )
    assert (upgrade.action, upgrade.to_version, upgrade.findings) == ("upgrade", "2", ("CVE-2",))
    assert upgrade.evidence[0] == "python index"
    assert [(k.package, k.reason) for k in outcome.kept] == [(NEW.id, "used by training")]
    assert outcome.unfixed == ()


def test_what_stays_open_says_why() -> None:
    found = [
        finding("CVE-1", package=OLD.id, fixed=""),
        finding("CVE-2", package=OLD.id, fixed="2"),
        finding("CVE-3", package=NEW.id, fixed="2"),
        finding("CVE-4", package=GONE.id, fixed="2"),
    ]
    slimmed = Slim({OLD.id: "", NEW.id: ""}, (GONE,))
    outcome = plan(slimmed, found, [], [Refused(OLD, "a 1 needs old < 2")], evidence="")
    assert {(u.package, u.findings, u.reason) for u in outcome.unfixed} == {
        (OLD.id, ("CVE-1",), "no fixed version is known"),
        (OLD.id, ("CVE-2",), "a 1 needs old < 2"),
        (NEW.id, ("CVE-3",), "no repository offers the fixed version"),
    }


def at(name: str, version: str, site: str = SITE, **more: Any) -> Package:
    return package(name, version, path=f"{site}/{name}-{version}.dist-info", **more)


def test_the_python_of_an_image_is_that_of_most_distributions() -> None:
    libc = package("libc6", "2.36-9+deb12u14", kind="deb")
    debian = package("python3-six", "1.16-4", kind="deb", also=("pkg:pypi/six@1.16.0", "pkg:pypi/web@0.9"))
    packages = [libc, debian, at("web", "1"), at("Spare_One", "2"), at("tool", "3", "opt/tools")]
    packages.append(at("odd", "4", "opt/venv/lib/python3.9/site-packages"))
    target = python_target(inventory(*packages), [p.id for p in packages])
    assert target is not None
    assert (target.version, target.platform) == ("3.11", "x86_64-manylinux_2_36")
    assert target.installed == {"web": "1", "spare-one": "2", "six": "1.16.0"}
    assert sorted(target.packages) == ["spare-one", "web"]


@pytest.mark.parametrize("packages", [(), (at("tool", "3", "opt/tools"),)])
def test_an_image_without_a_site_has_no_target(packages: tuple[Package, ...]) -> None:
    assert python_target(inventory(*packages), [p.id for p in packages]) is None


def test_what_goes_is_no_part_of_the_target() -> None:
    web, spare = at("web", "1"), at("spare", "2")
    target = python_target(inventory(web, spare), [web.id])
    assert target is not None
    assert target.installed == {"web": "1"}
    assert target.platform == ""


def test_the_highest_fix_is_wanted() -> None:
    web = at("web", "1")
    target = python_target(inventory(web), [web.id])
    assert target is not None
    found = [finding("CVE-1", package=web.id, fixed=v) for v in ("1.9", "1.10", "", "1.2")]
    assert fixes(target, [*found, finding("CVE-2", package="other", fixed="9")]) == {"web": "1.10"}


def test_what_an_upgrade_needs_beside_is_installed_last() -> None:
    upgrade = Upgrade(NEW, artifact("new", "2"), 0, "why")
    outcome = plan(
        Slim({NEW.id: ""}, ()), [], [upgrade], [], evidence="", added=[artifact("b", "1"), artifact("a", "1")]
    )
    assert [(s.action, s.name, s.to_version, s.package) for s in outcome.steps] == [
        ("upgrade", "new", "2", NEW.id),
        ("install", "a", "1", ""),
        ("install", "b", "1", ""),
    ]
