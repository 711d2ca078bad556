"""The installed Python distributions as uv is asked about them: every one at its version, those that may move freed.

An image holds what no index offers in that form: builds with a local version, distributions built from source, a set
that never went together by its own metadata. So the set is settled first: a distribution that is not offered is
replaced by an empty stand-in of its name and version, and a requirement that the image does not meet is left out.
"""

import json
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from pratique.ecosystems.python import is_version, normalise, version_key
from pratique.repositories.explanation import Explanation, Need
from pratique.repositories.uv import Answer, Uv

_ROUNDS = 60
_LINE = re.compile(r"([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_EXTRA = re.compile(r"extra\s*==\s*['\"]([A-Za-z0-9._-]+)['\"]")


class Pins:
    """What is installed, and what uv makes of it.

    Args:
        uv: the program, whose folder these pins fill.
        installed: name -> version of every distribution that Python finds.
        requires: name -> Requires-Dist, where it is known; uv asks the index for the others.

    Attributes:
        installed: the same by normalised name, without versions that no index knows (PEP 440).
        missing: name -> version of what the installed ones need and the image lacks; known once settled.
    """

    def __init__(self, uv: Uv, installed: Mapping[str, str], requires: Mapping[str, Sequence[str]]) -> None:
        self._uv = uv
        self.installed = {normalise(n): v for n, v in installed.items() if is_version(v)}
        self.missing: dict[str, str] = {}
        known = {normalise(n): tuple(filter(_is_requirement, r)) for n, r in requires.items()}
        self._requires = {n: r for n, r in known.items() if n in self.installed}
        self._stubs: set[str] = set()
        self._dropped: set[tuple[str, str]] = set()
        self._describe()

    def settle(self) -> Explanation | None:
        """Make the installed set one that uv accepts; return why it cannot be done."""
        for _ in range(_ROUNDS):
            answer = self.ask({})
            if answer.refused is None:
                found = versions(answer.text)
                self.missing = {n: v for n, v in found.items() if n not in self.installed}
                return None
            if not self._mend(answer.refused):
                break
        return answer.refused

    def ask(self, fixes: Mapping[str, str], freed: Collection[str] = ()) -> Answer:
        """Return what uv makes of these lowest versions, the freed ones no lower than now, and all others as they are."""
        lines = []
        for name, version in self.installed.items():
            if name in fixes:
                lines.append(f"{name}>={fixes[name]}")
            else:
                lines.append(f"{name}{'>=' if name in freed else '=='}{version}")
        return self._uv.compile(lines, "--resolution", "lowest-direct")

    def changes(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield (name, version) of what uv's answer changes or adds."""
        for name, version in sorted(versions(text).items()):
            now = self.installed.get(name) or self.missing.get(name)
            if now is None or version_key(now) != version_key(version):
                yield name, version

    def _mend(self, refused: Explanation) -> bool:
        """Put stand-ins for what is not offered, else drop a requirement that is not met; say whether there was one."""
        absent = {n for n in refused.absent if n in self.installed} - self._stubs
        for name in absent:
            self._stub(name)
        if not absent:
            unmet = [n for n in refused.needs if n.name in self.installed and not self._was_dropped(n)]
            unmet = [n for n in unmet if self._violated(n)] or unmet[:1]
            for need in unmet:
                self._drop(need)
            return bool(unmet)
        self._describe()
        return True

    def _violated(self, need: Need) -> bool:
        try:
            return need.needed in self.installed and not SpecifierSet(need.range).contains(
                self.installed[need.needed], prereleases=True
            )
        except InvalidSpecifier:
            return False

    def _was_dropped(self, need: Need) -> bool:
        return (need.name, need.needed) in self._dropped

    def _drop(self, need: Need) -> None:
        kept = self._requires.get(need.name, ())
        self._requires[need.name] = tuple(r for r in kept if normalise(Requirement(r).name) != need.needed)
        self._dropped.add((need.name, need.needed))
        self._describe()

    def _stub(self, name: str) -> None:
        """Write a wheel without content, which uv finds beside the indexes."""
        self._stubs.add(name)
        self._requires.setdefault(name, ())
        version, bare = self.installed[name], name.replace("-", "_")
        folder = self._uv.folder / "stubs"
        folder.mkdir(exist_ok=True)
        info = f"{bare}-{version}.dist-info"
        with zipfile.ZipFile(folder / f"{bare}-{version}-py3-none-any.whl", "w") as archive:
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
            archive.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            archive.writestr(f"{info}/RECORD", "")

    def _describe(self) -> None:
        """Write what is known of the installed ones' requirements where uv reads it before any index's metadata."""
        tables = (_table(n, self.installed[n], r) for n, r in sorted(self._requires.items()))
        (self._uv.folder / "uv.toml").write_text("\n".join(tables), "utf-8")


def versions(text: str) -> dict[str, str]:
    """Return name -> version of uv's output."""
    return {normalise(name): version for name, version in _LINE.findall(text)}


def _table(name: str, version: str, requires: Sequence[str]) -> str:
    """Return a table of uv's ``dependency-metadata``; a JSON string is a TOML string."""
    extras = sorted({extra for line in requires for extra in _EXTRA.findall(line)})
    rows = {"name": name, "version": version, "requires-dist": list(requires), "provides-extra": extras}
    return "[[dependency-metadata]]\n" + "".join(f"{key} = {json.dumps(rows[key])}\n" for key in rows)


def _is_requirement(text: str) -> bool:
    try:
        Requirement(text)
    except InvalidRequirement:
        return False
    return text.isprintable()
