"""The ladder from known flaws to versions that go together, changing as little as may be.

Consistent metadata is all that is promised: whether the result imports and works is for a proof to say.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct

from pratique.ecosystems.python import normalise, version_key
from pratique.model.errors import InputError
from pratique.repositories.explanation import Explanation
from pratique.repositories.pins import Pins
from pratique.repositories.uv import Target, Uv

_WIDENINGS = 6
_PARALLEL = 2
_FROZEN = ("torch", "triton", "pytorch-triton", "pytorch-triton-rocm")
_STAYS = "torch and the CUDA packages beside it stay as they are"


class Solution(Struct, frozen=True):
    """What ends flaws, by the packages' own metadata.

    Attributes:
        changed: (name, version) of each distribution that takes another version or is added, sorted; normalised names.
        unsolved: (name, sentence) of each that is not fixable alone, and why.
    """

    changed: tuple[tuple[str, str], ...]
    unsolved: tuple[tuple[str, str], ...]


def solve(
    uv: Uv,
    fixes: Sequence[tuple[str, str]],
    installed: Mapping[str, str],
    requires: Mapping[str, Sequence[str]],
) -> Solution:
    """Find versions that end flaws.

    1. Set aside what is not to be moved, is not installed or is high enough already.
    2. Ask for all lowest fixed versions, all else pinned.
    3. If they do not go together, ask for each alone, and for those that resolve together.
    4. For each of the others free what the explanation names, as lower bounds.
    5. Report what is left as not fixable alone, with the sentence that says why.

    Raises:
        UnavailableError: uv or an index cannot be asked.
    """
    ladder = _Ladder(uv.target, Pins(uv, installed, requires))
    wanted = ladder.admit(fixes)  # 1
    if wanted:
        ladder.climb(wanted)
    return ladder.solution()


class _Ladder:
    """The state of one climb: what goes together so far."""

    def __init__(self, target: Target, pins: Pins) -> None:
        self._target, self._pins = target, pins
        self._accepted: dict[str, str] = {}
        self._freed: set[str] = set()
        self._text = ""
        self._unsolved: dict[str, str] = {}

    def admit(self, fixes: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return the lowest fixed version of each package that is to be raised (1)."""
        wanted: dict[str, str] = {}
        for name, version in ((normalise(n), v) for n, v in fixes):
            reason = self._objection(name, version)
            if reason:
                self._unsolved[name] = reason
            elif version_key(version) > version_key(max(wanted.get(name, "0"), "0", key=version_key)):
                wanted[name] = _final(version)
        installed = self._pins.installed
        return {n: v for n, v in sorted(wanted.items()) if version_key(installed[n]) < version_key(v)}

    def climb(self, wanted: Mapping[str, str]) -> None:
        """Take the steps from 2 on."""
        unsettled = self._pins.settle()
        if unsettled:
            reason = (
                unsettled.sentence("", self._pins.installed) or "the installed packages do not go together"
            )
            self._unsolved |= dict.fromkeys(wanted, reason)
            return
        if self._take(wanted) is None:  # 2
            return
        refused = self._alone(wanted)  # 3
        good = {n: v for n, v in wanted.items() if refused[n] is None}
        if good and self._take(good) is not None:
            refused |= {n: self._take({n: v}) for n, v in good.items()}
        for name in (n for n in wanted if refused[n] is not None):
            self._widen(name, wanted[name], refused[name])  # 4

    def solution(self) -> Solution:
        """Return what the climb found (5)."""
        return Solution(tuple(self._pins.changes(self._text)), tuple(sorted(self._unsolved.items())))

    def _objection(self, name: str, version: str) -> str:
        if _frozen(name):
            return _STAYS
        if name not in self._pins.installed:
            return "it is not installed, or at no version that an index knows"
        try:
            version_key(version)
        except InputError as error:
            return error.what
        return ""

    def _take(self, fixes: Mapping[str, str], freed: Collection[str] = ()) -> Explanation | None:
        """Accept versions on top of what is accepted, if they go together; else return why not."""
        together = self._accepted | dict(fixes)
        answer = self._pins.ask(together, self._freed | set(freed))
        if answer.refused is None:
            self._accepted, self._text = together, answer.text
            self._freed |= set(freed)
        return answer.refused

    def _alone(self, wanted: Mapping[str, str]) -> dict[str, Explanation | None]:
        def ask(name: str) -> Explanation | None:
            return self._pins.ask({name: wanted[name]}).refused

        with ThreadPoolExecutor(_PARALLEL) as pool:
            return dict(zip(wanted, pool.map(ask, wanted), strict=True))

    def _widen(self, name: str, version: str, first: Explanation | None) -> None:
        """Free what stands in the way of one fix, a few times (4)."""
        freed: set[str] = set()
        for _ in range(_WIDENINGS):
            refused = self._take({name: version}, freed)
            if refused is None:
                return
            first = first or refused
            if name in refused.absent and not refused.needs:
                where = f"Python {self._target.python} on {self._target.platform}"
                self._unsolved[name] = f"no wheel of {name} {version} or later is offered for {where}"
                return
            more = set(self._movable(refused)) - freed - {name}
            if not more:
                break
            freed |= more
        sentence = first.sentence(name, self._pins.installed) if first else ""
        self._unsolved[name] = sentence or "uv finds no versions that go together"

    def _movable(self, refused: Explanation) -> Iterator[str]:
        for name in refused.mentioned & set(self._pins.installed):
            if not _frozen(name) and name not in self._accepted:
                yield name


def _frozen(name: str) -> bool:
    return name in _FROZEN or name.startswith("nvidia-")


def _final(version: str) -> str:
    """Return the release that a pre-release leads to, so that no bound asks for pre-releases."""
    parsed = version_key(version)
    return parsed.base_version if parsed.is_prerelease else version
