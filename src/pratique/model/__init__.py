"""Bedrock: the frozen values that rooms share, the protocols between them, and the error family.

A type lives here only when two rooms share it. Nothing here does I/O, reads a clock or knows a file format.
"""
