"""The gate: lets an image in by its signed decision and statements. Scans nothing and reads no layer."""

import shlex
from collections.abc import Mapping
from pathlib import Path

import msgspec

from pratique import __version__
from pratique.attest import PublicKey, Verified, load_public
from pratique.attest.keys import LIMIT
from pratique.flows.clock import read_clock
from pratique.flows.statements import TYPES
from pratique.flows.verify import believe
from pratique.formats.text import readable
from pratique.image import open_statements
from pratique.model.admission import Admission, Reference, Refused, SignedDecision
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError
from pratique.policy import Asked, Policy, admit, parse_policy
from pratique.storage import read_whole

_POLICY = 1 << 20


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
    believed, refused = believe(about, keys)  # 2
    judged = [(v, _reasons(d, believed, policy, Asked(about.image, clock.now))) for v, d in _newest(believed)]
    newest, reasons = max(judged, key=lambda j: (bool(j[1]), j[0].bundle), default=(None, [_nobody(refused)]))
    shown = readable(reference)
    remedy = f"{shlex.join(['pratique', 'clear', shown, '--to', 'oci:FOLDER', '--policy', readable(policy_file)])}, then pratique attest"
    return Admission(
        tool=__version__,
        created=clock.now,
        clock=clock.source,
        reference=shown,
        image=about.image,
        admitted=not reasons,
        signed=bool(believed or refused),
        reasons=tuple(reasons),
        remedy=remedy if reasons else "",
        policy=digest_of(data),
        decision=newest.bundle if newest else None,
        signer=_signer(newest, keys) if newest else "",
        statements=tuple(sorted({v.statement.predicate_type for v in believed.values()})),
    )


def _reasons(
    signed: SignedDecision, believed: Mapping[Digest, Verified], policy: Policy, asked: Asked
) -> list[str]:
    missing = [one.type for one in signed.statements if not _is_there(one, believed)]
    named = {one.type for one in signed.statements if _is_there(one, believed)}
    required = [(name, TYPES.get(name, name)) for name in policy.statements]
    return [
        *(f"the decision names a statement that is not there, or not verified: {kind}" for kind in missing),
        *admit(signed, asked, policy),
        *(f"no signed {name} that the decision names" for name, kind in required if kind not in named),
    ]


def _is_there(named: Reference, believed: Mapping[Digest, Verified]) -> bool:
    found = believed.get(named.bundle)
    return found is not None and found.statement.predicate_type == named.type


def _keys(policy: Policy, folder: Path) -> dict[str, PublicKey]:
    if not policy.signers:
        raise InputError(
            "a policy without a signer lets nothing in", place="signers", remedy="Name a public key"
        )
    if unknown := [name for name in policy.statements if name not in TYPES and ":" not in name]:
        what, remedy = f"not a statement: {unknown[0][:60]!r}", f"Use {', '.join(TYPES)} or a URI"
        raise InputError(what, place="require-statements", remedy=remedy)
    return {
        name: load_public(read_whole(folder / path, LIMIT), str(folder / path))
        for name, path in policy.signers.items()
    }


def _newest(believed: Mapping[Digest, Verified]) -> list[tuple[Verified, SignedDecision]]:
    """Return the decisions that were made last: several, where they are of one moment."""
    kind = TYPES["decision"]
    found = [(v, _decision(v)) for v in believed.values() if v.statement.predicate_type == kind]
    last = max((signed.decision.created for _, signed in found), default=None)
    return [(v, signed) for v, signed in found if signed.decision.created == last]


def _decision(verified: Verified) -> SignedDecision:
    remedy = "Use the version of Pratique that signed it, or attest the image again in a new layout"
    try:
        signed = msgspec.convert(verified.statement.predicate, SignedDecision)
    except msgspec.ValidationError as error:
        raise InputError(f"not a decision ({error})", place=verified.bundle, remedy=remedy) from error
    if signed.decision.created.tzinfo is None:
        raise InputError("a decision without a time zone", place=verified.bundle, remedy=remedy)
    return signed


def _nobody(refused: list[Refused]) -> str:
    if not refused:
        return "no signed decision"
    return f"no decision by a trusted signer; {len(refused)} refused, the first because {refused[0].reason}"


def _signer(verified: Verified, keys: dict[str, PublicKey]) -> str:
    return next(name for name, key in keys.items() if key.fingerprint == verified.key)
