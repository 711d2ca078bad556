"""The gate: lets an image in by its signed decision and statements. Scans nothing and reads no layer."""

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from pratique import __version__
from pratique.attest import PublicKey, load_public
from pratique.attest.keys import LIMIT
from pratique.flows.clock import read_clock
from pratique.flows.statements import TYPES, predicate_type
from pratique.flows.verify import Stated, believe
from pratique.formats.text import readable
from pratique.image import open_statements
from pratique.model.admission import Admission, Reference, Refused, SignedDecision
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError
from pratique.policy import Asked, Objection, Policy, admit, parse_policy
from pratique.storage import read_whole

_POLICY = 1 << 20
_REMEDY = "Use the version of Pratique that signed it, or attest the image again in a new layout"
T = TypeVar("T")


def gate(reference: str, policy_file: str) -> Admission:
    """Answer whether an image may run.

    1. Resolve the reference to a digest, once.
    2. Verify every statement that is attached to it, by the signers of the policy.
    3. Take the newest decision, see that every statement that it names is there and verified, and judge it by the policy.
       Of several of one moment one that refuses counts.

    Raises:
        InputError: the policy or a signer's key cannot be read.
        UnavailableError: the image cannot be read.
    """
    clock = read_clock()
    data = read_whole(Path(policy_file), _POLICY)
    policy = parse_policy(data, policy_file)
    keys = _keys(policy, Path(policy_file).parent)
    about = open_statements(reference)  # 1
    believed, refused = believe(about, tuple(keys.values()), (TYPES["decision"], TYPES["lock"]))  # 2
    judged = [
        (v, _judged(d, believed, policy, Asked(about.image, clock.now, _locks(d, believed))))
        for v, d in _newest(believed)
    ]
    nobody = [Objection(_nobody(refused), "clear")]
    newest, found = max(judged, key=lambda j: (bool(j[1]), j[0].bundle), default=(None, nobody))
    shown = readable(reference)
    return Admission(
        tool=__version__,
        created=clock.now,
        clock=clock.source,
        reference=shown,
        image=about.image,
        admitted=not found,
        signed=bool(believed or refused),
        reasons=tuple(o.why for o in found),
        remedy=_remedy(found, shown, readable(policy_file)),
        policy=digest_of(data),
        decision=newest.bundle if newest else None,
        signer=_signer(newest, keys) if newest else "",
        statements=tuple(sorted({v.type for v in believed.values()})),
    )


def _judged(
    signed: SignedDecision, believed: Mapping[Digest, Stated], policy: Policy, asked: Asked
) -> list[Objection]:
    missing = [one.type for one in signed.statements if not _is_there(one, believed)]
    named = {one.type for one in signed.statements if _is_there(one, believed)}
    required = [(name, predicate_type(name, "require-statements")) for name in policy.statements]
    unsigned = (
        *(f"the decision names a statement that is not there, or not verified: {kind}" for kind in missing),
        *(f"no signed {name} that the decision names" for name, kind in required if kind not in named),
    )
    return [*admit(signed, asked, policy), *(Objection(why, "sign") for why in unsigned)]


def _remedy(found: Sequence[Objection], reference: str, policy_file: str) -> str:
    """Return what mends the worst objection; the first one here, since after it the others are to be judged anew."""
    image, policy = shlex.quote(reference), shlex.quote(policy_file)
    clear = f"pratique clear {image} --to oci:FOLDER:TAG --policy {policy} --key KEY -- COMMAND"
    attest = f"pratique attest {image} --all --documents FOLDER --key KEY"
    verify = f"pratique lock verify {image} --lock FILE -o verification=FOLDER/lock.json"
    mends = {
        "accept": f"accept the gaps that pratique scan {image} --policy {policy} tells, or import fresher feeds; then {clear}",
        "clear": clear,
        "lock": f"{verify} tells what differs; with the right lock, or the gap accepted: {attest}",
        "sign": attest,
    }
    return next((mends[mend] for mend in mends if mend in {o.mend for o in found}), "")


def _locks(signed: SignedDecision, believed: Mapping[Digest, Stated]) -> tuple[str, ...]:
    """Return what the comparisons with a lock came to that a decision names."""
    named = (believed[one.bundle] for one in signed.statements if _is_there(one, believed))
    kind = TYPES["lock"]
    return tuple(_predicate(v, _Lock).verdict for v in named if v.type == kind)


class _Lock(Struct, frozen=True):
    """What the gate reads of a comparison with a lock."""

    verdict: Literal["same", "different", "incomplete"]


def _is_there(named: Reference, believed: Mapping[Digest, Stated]) -> bool:
    found = believed.get(named.bundle)
    return found is not None and found.type == named.type


def _keys(policy: Policy, folder: Path) -> dict[str, PublicKey]:
    if not policy.signers:
        raise InputError(
            "a policy without a signer lets nothing in", place="signers", remedy="Name a public key"
        )
    return {
        name: load_public(read_whole(folder / path, LIMIT), str(folder / path))
        for name, path in policy.signers.items()
    }


def _newest(believed: Mapping[Digest, Stated]) -> list[tuple[Stated, SignedDecision]]:
    """Return the decisions that were made last: several, where they are of one moment."""
    kind = TYPES["decision"]
    found = [(v, _decision(v)) for v in believed.values() if v.type == kind]
    last = max((signed.decision.created for _, signed in found), default=None)
    return [(v, signed) for v, signed in found if signed.decision.created == last]


def _decision(verified: Stated) -> SignedDecision:
    signed = _predicate(verified, SignedDecision)
    if signed.decision.created.tzinfo is None:
        raise InputError("a decision without a time zone", place=verified.bundle, remedy=_REMEDY)
    return signed


def _predicate(verified: Stated, kind: type[T]) -> T:
    try:
        return msgspec.convert(verified.predicate, kind)
    except msgspec.ValidationError as error:
        what = f"not what its type {verified.type} says ({error})"
        raise InputError(what, place=verified.bundle, remedy=_REMEDY) from error


def _nobody(refused: list[Refused]) -> str:
    if not refused:
        return "no signed decision"
    return f"no decision by a trusted signer; {len(refused)} refused, the first because {refused[0].reason}"


def _signer(verified: Stated, keys: dict[str, PublicKey]) -> str:
    return next(name for name, key in keys.items() if key.fingerprint == verified.key)
