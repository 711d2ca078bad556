"""Judging facts: an inventory and what is known on a day make findings. No I/O, no clock, no bytes of an image."""

from pratique.checks.base import base_layers, describe_base
from pratique.checks.versions import latest, same_version
from pratique.checks.vulnerabilities import Judgement, judge

__all__ = ["Judgement", "base_layers", "describe_base", "judge", "latest", "same_version"]
