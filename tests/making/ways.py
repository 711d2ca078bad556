"""The documents of an image's way, with defaults that a test need not repeat."""

from typing import Any

from pratique.flows.clearance import Tried, Way
from pratique.formats.documents import Report
from pratique.model.advisory import LEVELS
from pratique.model.base import Base
from pratique.model.clearance import Attempt, Clearance, ProofLine, StepNote, Tally
from pratique.model.digest import digest_of
from pratique.model.hardening import Hardening, LayerChange
from pratique.model.plan import Plan
from pratique.model.proof import Compared, Lost, Proof
from pratique.model.usage import PackageUse, RecordedRun, Usage
from tests.making.values import NOW, ZERO, finding, findings, inventory, package, report

RESULT = digest_of(b"result")
MADE: dict[str, Any] = {"tool": "0.0.0", "created": NOW, "clock": "system"}
MIB = 1 << 20


def proof(verdict: Any = "same", phase: str = "training", **more: Any) -> Proof:
    """Return a proof of the image ``RESULT``."""
    same = verdict != "different"
    exits = Compared(
        kind="exit code", subject="python3 train.py", same=same, before="0", after="0" if same else "1"
    )
    fields: dict[str, Any] = {
        **MADE,
        "original": ZERO,
        "result": RESULT,
        "phase": phase,
        "command": ("python3", "train.py"),
        "verdict": verdict,
        "compared": (exits,),
        **more,
    }
    return Proof(**fields)


def lost(name: str) -> Lost:
    return Lost(package=f"pkg:pypi/{name}@1#lib/{name}", name=name, path=f"lib/{name}/__init__.py")


def usage(*phases: str, used: tuple[str, ...] = ()) -> Usage:
    """Return a usage of the image ``ZERO``, by package ids."""
    runs = (RecordedRun(phase=p, command=(p,), exit_code=0, events=7, lost=0) for p in phases)
    uses = (PackageUse(package=p, state="used", phases=phases, files=1) for p in used)
    return Usage(
        **MADE,
        image=ZERO,
        inventory=ZERO,
        mechanism="seccomp user notification",
        valid=True,
        runs=tuple(runs),
        paths=(),
        missing=(),
        packages=tuple(uses),
    )


def plan(**more: Any) -> Plan:
    """Return a plan that does nothing."""
    fields: dict[str, Any] = {
        **MADE,
        **dict.fromkeys(("image", "inventory", "findings"), ZERO),
        **dict.fromkeys(("usages", "steps", "kept", "unfixed", "keep", "untouched"), ()),
        **more,
    }
    return Plan(**fields)


def layer(state: Any, size: int, before: int = 0) -> LayerChange:
    old = None if state == "added" else ZERO
    return LayerChange(state=state, diff_id=ZERO, before=old, size=size, size_before=before)


LAYERS = (layer("kept", 60 * MIB, 60 * MIB), layer("rewritten", 10 * MIB, 40 * MIB), layer("added", 5 * MIB))


def hardening(*layers: LayerChange, **more: Any) -> Hardening:
    """Return what made the image ``RESULT``."""
    fields: dict[str, Any] = {
        **MADE,
        "image": ZERO,
        "plan": ZERO,
        "result": RESULT,
        "manifest": digest_of(b"manifest"),
        "layers": layers or LAYERS,
        "audit": "",
        "notes": (),
        **more,
    }
    return Hardening(**fields)


def base(**more: Any) -> Base:
    """Return a base that nothing tells."""
    fields: dict[str, Any] = {
        **MADE,
        "inventory": ZERO,
        "findings": ZERO,
        "layers": 0,
        "told_by": "nothing in the image",
        "claims": {},
        "distribution": None,
        "support": None,
        "state": "unknown",
        **dict.fromkeys(("diff_ids", "unpatched"), ()),
        **more,
    }
    return Base(**fields)


def before() -> Report:
    """Return the report of an image with two packages, and a finding in each."""
    demo, idle = package("demo", "1.0"), package("idle", "1.0")
    found = (finding(), finding("CVE-2026-2", package=idle.id, name="idle", fixed=""))
    return report(inventory(demo, idle), findings(*found))


def after() -> Report:
    """Return the report of an image with one package, without a finding."""
    return report(inventory(package("demo", "2.0")), findings())


def way(*attempts: Tried, **more: Any) -> Way:
    """Return a way of one attempt that is proven, and published."""
    fields: dict[str, Any] = {
        "reference": "oci:image",
        "target": "oci:out:latest",
        "before": before(),
        "base": base(),
        "usages": (usage("training", used=(package("demo", "1.0").id,)),),
        "attempts": attempts or (Tried(plan(), hardening(), (proof(),)),),
        "after": after(),
        "published": True,
        **more,
    }
    return Way(**fields)


def tally(**more: Any) -> Tally:
    fields: dict[str, Any] = {
        "compressed": 3 * MIB,
        "packages": {"deb": 2000, "pypi": 3},
        "used": {"deb": 4},
        "findings": dict.fromkeys(LEVELS, 1),
        "idle": dict.fromkeys(LEVELS, 0),
        "fixable": 5,
        "blind": 6,
        "verdict": "not judged",
        **more,
    }
    return Tally(**fields)


def line(verdict: Any = "same", phase: str = "training", **more: Any) -> ProofLine:
    fields: dict[str, Any] = {
        **dict.fromkeys(("compared", "lost", "replaced"), ()),
        "said": "",
        **more,
    }
    return ProofLine(phase=phase, verdict=verdict, **fields)


def attempt(*proofs: ProofLine, keep: tuple[str, ...] = ()) -> Attempt:
    return Attempt(keep=keep, plan=ZERO, result=RESULT, proofs=proofs)


def clearance(**more: Any) -> Clearance:
    """Return the clearance of an image that is proven, and published."""
    fields: dict[str, Any] = {
        **MADE,
        "reference": "oci:image",
        "original": ZERO,
        "result": RESULT,
        "manifest": ZERO,
        "target": "oci:out:latest",
        "published": True,
        "work": "proven",
        "before": tally(),
        "after": tally(compressed=MIB),
        "attempts": (attempt(line()),),
        "unfixed": (),
        "steps": (StepNote(name="scan", seconds=1.5, again=False, text="2 deb", open=()),),
        "documents": {"plan.json": ZERO},
        "untouched": ("models",),
        **more,
    }
    return Clearance(**fields)
