"""The command line: parse, call one flow, render. The only place that prints and that knows exit codes."""

from pratique.cli.main import run

__all__ = ["run"]
