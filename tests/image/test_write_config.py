"""The configuration and the annotations of a new image: what is new in them, and what stays."""

from typing import Any

import pytest
from msgspec.structs import replace

from pratique.image import PARENT, Target, open_image, write_image
from pratique.image.rewrite import MadeLayer
from tests.image.test_write import ONE, TWO, added, change, document, there
from tests.making.images import Layout

__all__ = ["added", "there"]
BASE = {"org.opencontainers.image.base.name": "debian", "org.opencontainers.image.base.digest": "sha256:0"}


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (
            [{"created_by": "1"}, {"created_by": "e", "empty_layer": True}, {"created_by": "2"}],
            ["1", "e", "2"],
        ),
        ([{"created_by": "one too few"}], [None, None]),
        ([], [None, None]),
    ],
)
def test_each_layer_has_one_entry_of_history(
    history: list[Any], expected: list[str | None], there: Layout, added: MadeLayer
) -> None:
    there.image([ONE, TWO], name="other", history=history)
    image = open_image(f"oci:{there.path}:other")
    _, settings = write_image(Target(there.path, "new"), image, change(*image.layers, added))
    found = document(there.path, settings)["history"]
    assert [h.get("created_by") for h in found] == [*expected, "pratique harden"]
    assert sum(not h.get("empty_layer") for h in found) == 3


def test_what_we_do_not_know_of_a_configuration_survives(there: Layout) -> None:
    more: dict[str, Any] = {
        "created": "2020-01-01T00:00:00Z",
        "config": {"Env": ["A=é"], "X": {"y": [1, 2.5, None]}},
        "z": True,
    }
    there.image([ONE], name="other", **more)
    image = open_image(f"oci:{there.path}:other")
    _, settings = write_image(Target(there.path, "new"), image, change(*image.layers))
    found = document(there.path, settings)
    assert found["config"].pop("Labels") == {
        PARENT: image.source.digest
    }  # outlives a copy into another format
    assert {key: found[key] for key in more} == more


@pytest.mark.parametrize("left", [{}, BASE], ids=["changed", "kept"])
def test_claims_about_a_base_go_when_the_base_was_changed(left: dict[str, str], there: Layout) -> None:
    labels = {**BASE, "maintainer": "me"}
    there.image([ONE], name="other", config={"Labels": labels})
    image = replace(open_image(f"oci:{there.path}:other"), annotations={**BASE, "note": "n"})
    manifest, settings = write_image(Target(there.path, "new"), image, change(*image.layers, base=not left))
    expected = {**left, "note": "n", PARENT: image.source.digest}
    assert document(there.path, manifest)["annotations"] == expected
    assert document(there.path, settings)["config"]["Labels"] == {
        **left,
        "maintainer": "me",
        PARENT: image.source.digest,
    }
