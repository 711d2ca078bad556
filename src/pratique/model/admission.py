"""What is signed about an image, what of it is to be believed, and whether the image is let in by that."""

from datetime import datetime

from msgspec import Struct

from pratique.model.digest import Digest
from pratique.model.finding import Decision


class Reference(Struct, frozen=True, kw_only=True, order=True):
    """A statement that a decision names.

    Attributes:
        type: predicate type (in-toto, Statement v1).
        bundle: digest of the signed bundle.
    """

    type: str
    bundle: Digest


class SignedDecision(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.signed-decision/1"):
    """A decision as it is signed: with the statements that were made beside it, each by its digest.

    Attributes:
        image: digest of the manifest that it is about.
    """

    image: Digest
    decision: Decision
    statements: tuple[Reference, ...]


class Admission(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.admission/1"):
    """The answer of the gate.

    Attributes:
        reference: as it was named.
        image: digest that it was resolved to; the answer is about this digest and no tag.
        signed: a statement of any kind was found: nobody's word is another thing than a stranger's.
        reasons: why it is not admitted, a sentence each; empty where it is.
        remedy: the command that mends it.
        policy: digest of the policy file.
        decision: digest of the signed decision's bundle.
        signer: name of the signer in the policy.
        statements: types of the statements that were verified.
    """

    tool: str
    created: datetime
    clock: str
    reference: str
    image: Digest
    admitted: bool
    signed: bool
    reasons: tuple[str, ...]
    remedy: str
    policy: Digest
    decision: Digest | None
    signer: str
    statements: tuple[str, ...]


class Attached(Struct, frozen=True, kw_only=True):
    """A statement that was attached.

    Attributes:
        type: predicate type.
        bundle: digest of the signed bundle.
        size: of it, in bytes.
    """

    type: str
    bundle: Digest
    size: int


class Attested(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.attested/1"):
    """What was attached to an image, and by which key.

    Attributes:
        key: fingerprint of the key.
        warnings: what of it a gate will not like.
    """

    image: Digest
    key: Digest
    statements: tuple[Attached, ...]
    warnings: tuple[str, ...]


class Believed(Struct, frozen=True, kw_only=True):
    """A verified statement.

    Attributes:
        type: predicate type.
        bundle: digest of its bundle.
        key: fingerprint of the key that signed it.
    """

    type: str
    bundle: Digest
    key: Digest


class Refused(Struct, frozen=True, kw_only=True):
    """A candidate that is not to be believed, and why."""

    bundle: Digest
    reason: str


class Verification(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.verification/1"):
    """What was found beside an image.

    Attributes:
        believed: of the type that was asked for.
        others: how many statements of other types were verified.
        blobs: every layer was read and is what the manifest promises.
    """

    image: Digest
    believed: tuple[Believed, ...]
    others: int
    refused: tuple[Refused, ...]
    blobs: bool
