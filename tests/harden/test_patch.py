"""Which newer Debian packages go together."""

from typing import Any

from pratique.ecosystems.debian_archive import DebPackage
from pratique.harden import choose
from pratique.model.inventory import Package
from tests.making.values import ZERO, package

SECURITY = "bookworm-security"


def deb(name: str, version: str = "1", *requires: str, **more: Any) -> Package:
    return package(name, version, kind="deb", requires=requires, **more)


def offer(name: str, version: str, suite: str = SECURITY, **more: Any) -> DebPackage:
    return DebPackage(
        name=name, version=version, architecture="amd64", source=name, source_version=version,
        filename=f"pool/{name}.deb", size=1, digest=ZERO, suite=suite, **more,
    )  # fmt: skip


def chosen(
    kept: list[Package], *offers: DebPackage, asked: tuple[Package, ...] = ()
) -> tuple[dict[str, str], dict[str, str]]:
    by_id = {p.id: [o for o in offers if o.name == p.name] for p in kept}
    taken, blocked = choose(kept, by_id, [p.id for p in asked])
    return {c.package.name: c.offer.version for c in taken}, {b.package.name: b.reason for b in blocked}


def test_every_newer_package_of_the_security_suite_is_taken() -> None:
    assert chosen([deb("a")], offer("a", "3", "bookworm"), offer("a", "2")) == ({"a": "2"}, {})


def test_another_suite_is_taken_only_where_a_finding_asks() -> None:
    a = deb("a")
    assert chosen([a], offer("a", "2", "bookworm")) == ({}, {})
    assert chosen([a], offer("a", "2", "bookworm"), asked=(a,)) == ({"a": "2"}, {})


def test_what_is_not_newer_is_left() -> None:
    assert chosen([deb("a", "2")], offer("a", "2"), offer("a", "1")) == ({}, {})
    assert chosen([deb("a", "odd version")], offer("a", "2")) == ({}, {})


def test_siblings_that_need_each_other_s_version_go_together() -> None:
    kept = [deb("a", "1", "b (= 1)"), deb("b")]
    assert chosen(kept, offer("a", "2", depends="b (= 2)"), offer("b", "2")) == ({"a": "2", "b": "2"}, {})


def test_a_new_dependency_blocks_and_takes_siblings_with_it() -> None:
    kept = [deb("a", "1", "b (= 1)"), deb("b")]
    taken, blocked = chosen(kept, offer("a", "2", depends="b (= 2), new"), offer("b", "2"))
    assert taken == {}
    assert blocked == {"a": "a 2 needs new, which is not in the image", "b": "a 1 needs b (= 1)"}


def test_what_another_kept_package_needs_blocks() -> None:
    taken, blocked = chosen([deb("a"), deb("c", "1", "a (<< 2)")], offer("a", "2"))
    assert (taken, blocked) == ({}, {"a": "c 1 needs a (<< 2)"})


def test_a_dependency_that_was_broken_before_blocks_nothing() -> None:
    assert chosen([deb("a"), deb("c", "1", "a (>= 9)")], offer("a", "2"))[0] == {"a": "2"}


def test_breaks_and_conflicts_block() -> None:
    taken, blocked = chosen([deb("a"), deb("c")], offer("a", "2", breaks="c (<< 2)"))
    assert (taken, blocked) == ({}, {"a": "a 2 does not go with c (<< 2)"})
    assert chosen([deb("a"), deb("c")], offer("a", "2", conflicts="a, c (>= 2)"))[0] == {"a": "2"}


def test_a_provided_name_satisfies() -> None:
    kept = [deb("a"), deb("c", provides=("mail",))]
    assert chosen(kept, offer("a", "2", depends="mail"))[0] == {"a": "2"}
