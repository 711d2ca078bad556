"""Profiles: what a workload really used of an image, and what that says of each package.

One mechanism: seccomp user notification, which sees every call that opens, executes or looks up a path, of the workload
and all its children. Sees no memory and no network.
"""

from pratique.profile.record import Drive, Recording, record
from pratique.profile.scripts import with_interpreters
from pratique.profile.usage import combined, usage

__all__ = ["Drive", "Recording", "combined", "record", "usage", "with_interpreters"]
