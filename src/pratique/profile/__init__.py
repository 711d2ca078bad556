"""Profiles: what a workload really used of an image, and what that says of each package.

One mechanism: seccomp user notification, which sees every call that opens, executes or looks up a path, of the workload
and all its children. Sees no memory and no network.
"""

from pratique.profile.compare import compare_digests, compare_json
from pratique.profile.outputs import Outputs
from pratique.profile.record import Drive, Recorded, Recording, record
from pratique.profile.scripts import with_interpreters
from pratique.profile.usage import combined, usage

__all__ = [
    "Drive",
    "Outputs",
    "Recorded",
    "Recording",
    "combined",
    "compare_digests",
    "compare_json",
    "record",
    "usage",
    "with_interpreters",
]
