"""The entry point: answers ``--version`` at once and leaves everything else to the command line."""

import sys

from pratique import __version__


def main() -> None:
    """Run the command line; exits with the codes listed in ``docs/reference/exit-codes.md``."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"pratique {__version__}\n")
        return
    from pratique.cli import run  # noqa: PLC0415 - a version must not cost the import of a command line

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
