"""Plans, each an explained list of steps: what may go, what can be patched, and why. And how each kind of step is done."""

from pratique.harden.files import PythonHome, doomed, emptied, python_home
from pratique.harden.inside import LEFTOVERS, audit, byte_compile, install, purge
from pratique.harden.patch import Blocked, Chosen, choose
from pratique.harden.planner import Outcome, Refused, Upgrade, plan
from pratique.harden.slim import Slim, slim
from pratique.harden.targets import PythonTarget, fixes, python_target
from pratique.harden.wheel import WheelFile, installed_files, listed_files

__all__ = [
    "LEFTOVERS",
    "Blocked",
    "Chosen",
    "Outcome",
    "PythonHome",
    "PythonTarget",
    "Refused",
    "Slim",
    "Upgrade",
    "WheelFile",
    "audit",
    "byte_compile",
    "choose",
    "doomed",
    "emptied",
    "fixes",
    "install",
    "installed_files",
    "listed_files",
    "plan",
    "purge",
    "python_home",
    "python_target",
    "slim",
]
