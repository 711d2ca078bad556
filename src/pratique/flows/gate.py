"""The gate: lets an image in by its signed decision and statements. Scans nothing and reads no layer."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from pratique import __version__
from pratique.attest import PublicKey, Verified, load_public
from pratique.attest.keys import LIMIT
from pratique.flows.attest import subject_of
from pratique.flows.clock import read_clock
from pratique.flows.statements import TYPES
from pratique.flows.verify import Refused, believe
from pratique.model.admission import Admission, SignedDecision
from pratique.model.digest import Digest, digest_of
from pratique.model.errors import InputError
from pratique.policy import Asked, Policy, admit, parse_policy
from pratique.storage import read_whole

_POLICY = 1 << 20


def gate(reference: str, policy_file: str) -> Admission:
    """Answer whether an image may run.

    1. Resolve the reference to a digest, once.
    2. Verify every statement that is attached to it, by the signers of the policy.
    3. Take the newest decision, and see that every statement that it names is there and verified.
    4. Judge the decision by the policy.

    Raises:
        InputError: the policy or a signer's key cannot be read.
        UnavailableError: the image cannot be read.
    """
    clock = read_clock()
    data = read_whole(Path(policy_file), _POLICY)
    policy = parse_policy(data, policy_file)
    keys = _keys(policy, Path(policy_file).parent)
    _, image = subject_of(reference)  # 1
    believed, refused = believe(reference, image, keys)  # 2
    newest = _newest(believed)  # 3
    reasons = _reasons(newest[1], believed, policy, Asked(image, clock.now)) if newest else [_nobody(refused)]
    remedy = f"pratique clear {reference} --to oci:FOLDER --policy {policy_file}, then pratique attest"
    return Admission(
        tool=__version__,
        created=clock.now,
        clock=clock.source,
        reference=reference,
        image=image,
        admitted=not reasons,
        signed=bool(believed or refused),
        reasons=tuple(reasons),
        remedy=remedy if reasons else "",
        policy=digest_of(data),
        decision=newest[0].bundle if newest else None,
        signer=_signer(newest[0], keys) if newest else "",
        statements=tuple(sorted({v.statement.predicate_type for v in believed.values()})),
    )


def _reasons(
    signed: SignedDecision, believed: Mapping[Digest, Verified], policy: Policy, asked: Asked
) -> list[str]:
    missing = [one.type for one in signed.statements if one.bundle not in believed]
    named = {one.type for one in signed.statements if one.bundle in believed}
    required = [(name, TYPES.get(name, name)) for name in policy.statements]
    return [
        *(f"the decision names a statement that is not there, or not verified: {kind}" for kind in missing),
        *admit(signed, asked, policy),  # 4
        *(f"no signed {name} that the decision names" for name, kind in required if kind not in named),
    ]


def _keys(policy: Policy, folder: Path) -> dict[str, PublicKey]:
    if not policy.signers:
        raise InputError(
            "a policy without a signer lets nothing in", place="signers", remedy="Name a public key"
        )
    return {
        name: load_public(read_whole(folder / path, LIMIT), str(folder / path))
        for name, path in policy.signers.items()
    }


def _newest(believed: dict[Digest, Verified]) -> tuple[Verified, SignedDecision] | None:
    """Return the decision that was made last; of two of one moment the one with the lower digest."""
    kind = TYPES["decision"]
    found = [(v, _decision(v)) for v in believed.values() if v.statement.predicate_type == kind]
    return max(found, key=lambda f: (f[1].decision.created, f[0].bundle), default=None)


def _decision(verified: Verified) -> SignedDecision:
    try:
        return msgspec.convert(verified.statement.predicate, SignedDecision)
    except msgspec.ValidationError as error:
        remedy = "Use the version of Pratique that signed it"
        raise InputError(f"not a decision ({error})", place=verified.bundle, remedy=remedy) from error


def _nobody(refused: list[Refused]) -> str:
    if not refused:
        return "no signed decision"
    return f"no decision by a trusted signer; {len(refused)} refused, the first because {refused[0].reason}"


def _signer(verified: Verified, keys: dict[str, PublicKey]) -> str:
    return next(name for name, key in keys.items() if key.fingerprint == verified.key)
