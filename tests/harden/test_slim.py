"""What stays and what goes, on inventories made in memory."""

from collections.abc import Iterable
from typing import Any

import pytest

from pratique.ecosystems.python import marker_environment
from pratique.harden import slim
from pratique.model.inventory import Package
from pratique.model.usage import PackageUse, Usage, UseState
from tests.making.values import NOW, ZERO, inventory, package

MARKERS = marker_environment("3.11", "x86_64")


def deb(name: str, *requires: str, **more: Any) -> Package:
    return package(name, "1", kind="deb", requires=requires, files=(f"usr/{name}",), **more)


def pypi(name: str, *requires: str, **more: Any) -> Package:
    path = f"lib/{name}.dist-info"
    return package(name, "1", requires=requires, files=(f"lib/{name}/a.py",), **{"path": path, **more})


def used(*packages: Package, state: UseState = "used") -> Usage:
    uses = tuple(PackageUse(package=p.id, state=state, phases=("training",), files=1) for p in packages)
    return Usage(
        tool="0",
        created=NOW,
        clock="system",
        image=ZERO,
        inventory=ZERO,
        mechanism="m",
        valid=True,
        runs=(),
        paths=(),
        missing=(),
        packages=uses,
    )


def kept(packages: Iterable[Package], usage: Usage, *keep: str) -> dict[str, str]:
    held = inventory(*packages)
    found = slim(held, [usage], keep, MARKERS)
    names = {p.id: p.name for p in held.packages}
    gone = {p.name for p in found.removed}
    assert gone.isdisjoint(names[i] for i in found.kept)
    return {names[i]: reason for i, reason in found.kept.items()}


def test_what_was_used_stays_and_what_was_not_goes() -> None:
    a, b = pypi("a"), pypi("b")
    assert kept([a, b], used(a)) == {"a": "used by training"}


def test_metadata_alone_is_no_use() -> None:
    a = pypi("a")
    assert kept([a], used(a, state="metadata only")) == {}


def test_dependencies_of_dependencies_stay() -> None:
    a, b, c, d = deb("a", "b (>= 1)"), deb("b", "x | c"), deb("c"), deb("d")
    assert kept([a, b, c, d], used(a)) == {"a": "used by training", "b": "needed by a", "c": "needed by b"}


def test_every_installed_alternative_and_provider_stays() -> None:
    a, b, c = deb("a", "mail | b"), deb("b"), deb("c", provides=("mail (= 2)", "other"))
    assert set(kept([a, b, c], used(a))) == {"a", "b", "c"}


def test_essential_and_certificates_stay_unseen() -> None:
    packages = [deb("dash", essential=True), deb("ca-certificates"), deb("libnss-x"), deb("gcc")]
    assert kept(packages, used()) == {
        "dash": "essential to the distribution",
        "ca-certificates": "certificates, which no run without a network shows",
        "libnss-x": "name look-up, loaded on demand",
    }


def test_what_a_person_asks_for_stays_with_what_it_needs() -> None:
    a, b = deb("gdb", "b"), deb("b")
    assert kept([a, b], used(), "gdb") == {"gdb": "kept by request", "b": "needed by gdb"}


@pytest.mark.parametrize(
    ("requirement", "stays"),
    [
        ("b", True),
        ("B_b.c>=1", False),
        ("b; python_version < '3'", False),
        ("b; sys_platform == 'linux'", True),
        ("b; extra == 'cli'", False),
    ],
)
def test_markers_are_the_image_s(requirement: str, stays: bool) -> None:  # noqa: FBT001
    a, b = pypi("a", requirement), pypi("b")
    assert ("b" in kept([a, b], used(a))) is stays


def test_an_extra_counts_only_where_it_is_asked_for() -> None:
    web, c = pypi("web", "c; extra == 'async'"), pypi("c")
    assert set(kept([pypi("a", "web"), web, c], used(pypi("a", "web")))) == {"a", "web"}
    assert set(kept([pypi("a", "web[async]"), web, c], used(pypi("a", "web[async]")))) == {"a", "web", "c"}


def test_a_distribution_that_debian_owns_stays_as_debian_s() -> None:
    a, numpy = pypi("a", "numpy"), deb("python3-numpy", also=("pkg:pypi/numpy@1.24",))
    assert set(kept([a, numpy], used(a))) == {"a", "python3-numpy"}


def test_a_copy_inside_goes_or_stays_with_its_owner() -> None:
    owner = pypi("setuptools")
    inner = pypi("wheel", path="lib/setuptools/_vendor/wheel.dist-info", vendored_in=owner.id)
    assert kept([owner, inner], used(owner)) == {
        "setuptools": "used by training",
        "wheel": "inside a kept package",
    }
    found = slim(inventory(owner, inner), [used()], [], MARKERS)
    assert [p.name for p in found.removed] == ["setuptools"]


def test_what_cannot_be_removed_or_understood_stays() -> None:
    bare = package("bare", "1", path="lib/bare.dist-info")
    old = pypi("old", path="lib/old.egg-info")
    assert kept([bare, old], used()) == {
        "bare": "has no list of files, so it cannot be removed",
        "old": "does not declare its requirements, so what it needs is unknown",
    }


def test_damaged_requirements_keep_nothing_and_break_nothing() -> None:
    a, b = pypi("a", "not a requirement !!", "b"), pypi("b")
    assert set(kept([a, b], used(a))) == {"a", "b"}
    one, two = deb("one", "two (>= )"), deb("two")
    assert set(kept([one, two], used(one))) == {"one", "two"}


def test_circles_end() -> None:
    a, b = deb("a", "b"), deb("b", "a")
    assert set(kept([a, b], used(a))) == {"a", "b"}


def test_a_person_may_spell_a_distribution_otherwise() -> None:
    flask = pypi("Flask")
    assert kept([flask], used(), "flask") == {"Flask": "kept by request"}
