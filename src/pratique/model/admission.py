"""Whether an image is let in: by its signed decision and statements, and by nothing that was looked at on the way."""

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
