"""Pratique: a clean bill of health for machine-learning images."""

__version__ = "0.1.0"
