"""Plans: what may go, what can be patched, and why; one explained list of steps. Changes nothing."""

from pratique.harden.patch import Blocked, Chosen, choose
from pratique.harden.planner import Outcome, Refused, Upgrade, plan
from pratique.harden.slim import Slim, slim
from pratique.harden.targets import PythonTarget, fixes, python_target

__all__ = [
    "Blocked",
    "Chosen",
    "Outcome",
    "PythonTarget",
    "Refused",
    "Slim",
    "Upgrade",
    "choose",
    "fixes",
    "plan",
    "python_target",
    "slim",
]
