"""What an image stands on: its base layers, their maker as far as the image tells, support, and days unpatched."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from pratique.model.digest import Digest
from pratique.model.inventory import Distribution


class Support(Struct, frozen=True, kw_only=True):
    """Until when a release gets security updates; a day is the last one on which it does.

    Attributes:
        regular: by the distribution's own security team.
        extended: by its long-term support, which may cover fewer packages or cost money; None where there is none.
    """

    regular: date
    extended: date | None


class Unpatched(Struct, frozen=True, kw_only=True):
    """A finding whose fix has been there to take since a known day.

    Attributes:
        since: day on which the distribution published the fix.
        days: from then to the day of judgement.
    """

    finding: str
    package: str
    name: str
    version: str
    fixed: str
    since: date
    days: int


class Base(Struct, frozen=True, kw_only=True, tag_field="schema", tag="pratique.base/1"):
    """What an image stands on.

    Attributes:
        layers: how many layers, from the bottom, are taken for the base; 0 where that cannot be told.
        told_by: what that rests on.
        diff_ids: of these layers, bottom first.
        claims: what the image says of its maker and base; nobody has verified it.
        state: of the release on the day of judgement; ``unknown`` where its dates are not known here.
        unpatched: longest first; only of packages that the base layers brought.
    """

    tool: str
    created: datetime
    clock: str
    inventory: Digest
    findings: Digest
    layers: int
    told_by: Literal["the layer that brought the essential packages", "nothing in the image"]
    diff_ids: tuple[Digest, ...]
    claims: dict[str, str]
    distribution: Distribution | None
    support: Support | None
    state: Literal["supported", "extended support only", "ended", "unknown"]
    unpatched: tuple[Unpatched, ...]
