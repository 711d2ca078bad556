"""The documents that carrying out a plan and proving its result leave behind."""

from typing import Any

import pytest

from pratique.formats.documents import encode, read
from pratique.model.digest import digest_of
from pratique.model.errors import InputError
from pratique.model.hardening import Hardening, LayerChange
from pratique.model.proof import Compared, Lost, Proof
from tests.making.values import NOW, ZERO

OTHER = digest_of(b"other")
HARDENING = Hardening(
    tool="0.0.0",
    created=NOW,
    clock="system",
    image=ZERO,
    plan=ZERO,
    result=OTHER,
    manifest=OTHER,
    layers=(
        LayerChange(state="kept", diff_id=ZERO, before=ZERO, size=1, size_before=1, base=True),
        LayerChange(state="rewritten", diff_id=OTHER, before=ZERO, size=1, size_before=2),
        LayerChange(state="added", diff_id=OTHER, size=0),
    ),
    audit="",
    notes=("not compiled: x",),
)
PROOF = Proof(
    tool="0.0.0",
    created=NOW,
    clock="system",
    original=ZERO,
    result=OTHER,
    phase="training",
    command=("python3", "train.py"),
    verdict="different",
    compared=(
        Compared(kind="exit code", subject="python3 train.py", same=True, before="0", after="0"),
        Compared(
            kind="json",
            subject="/tmp/m.json",
            same=False,
            before="loss: 1",
            after="loss: 2",
            masked=("time",),
            tolerance=0.01,
        ),
    ),
    lost=(Lost(package="pkg:pypi/a@1#lib/a", name="a", path="lib/a/x.py"),),
    replaced=("b 1 -> 2",),
    said="No module named a",
)


@pytest.mark.parametrize("document", [HARDENING, PROOF])
def test_what_is_encoded_reads_as_the_same(document: Any) -> None:
    assert read(encode(document), type(document), "x") == document


@pytest.mark.parametrize(
    ("document", "old", "new"),
    [
        (HARDENING, b'"rewritten"', b'"changed"'),
        (HARDENING, b"pratique.hardening/1", b"pratique.hardening/2"),
        (HARDENING, b'"audit":"",', b""),
        (PROOF, b'"different"', b'"works"'),
        (PROOF, b'"exit code"', b'"weather"'),
        (PROOF, b"pratique.proof/1", b"pratique.plan/1"),
    ],
)
def test_another_document_is_refused(document: Any, old: bytes, new: bytes) -> None:
    data = encode(document)
    assert data.count(old) == 1
    with pytest.raises(InputError, match=r"not a (hardening|proof) document"):
        read(data.replace(old, new), type(document), "x")
