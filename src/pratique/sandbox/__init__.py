"""Running a program in isolation on a root file system: own mounts, processes, network and no way back.

Linux and root only. Every mount lives in the child's own mount namespace, so that no death leaves one behind. Gives no
GPU and no cgroup limits.
"""

from pratique.sandbox.job import Bind, Finished, Job, Root
from pratique.sandbox.run import Service, available, run, start

__all__ = ["Bind", "Finished", "Job", "Root", "Service", "available", "run", "start"]
