"""What comparisons come to: strong only where something was compared."""

from typing import Any

import pytest

from pratique.flows.profile import Workload
from pratique.flows.prove import _verdict
from pratique.flows.runs import Expected, Scenario
from pratique.model.proof import Compared

EXPECTED = (Expected("/tmp/a"),)


def compared(kind: Any, *, same: bool = True, values: int = 1) -> Compared:
    return Compared(kind=kind, subject="s", same=same, before="b", after="a", values=values)


@pytest.mark.parametrize(
    ("found", "expect", "verdict"),
    [
        ([compared("exit code")], (), "weak"),
        ([compared("exit code"), compared("drive")], (), "same"),
        ([compared("exit code"), compared("check")], (), "weak"),
        ([compared("exit code"), compared("sha256"), compared("check")], EXPECTED, "same"),
        ([compared("exit code"), compared("json", values=0)], EXPECTED, "weak"),
        ([compared("exit code"), compared("json", values=3)], EXPECTED, "same"),
        ([compared("exit code"), compared("json", same=False, values=3)], EXPECTED, "different"),
    ],
)
def test_a_proof_is_as_strong_as_what_was_compared(
    found: list[Compared], expect: tuple[Expected, ...], verdict: str
) -> None:
    assert _verdict(found, Scenario(workload=Workload(phase="w"), expect=expect)) == verdict
