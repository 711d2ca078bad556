"""Commands: each parses its flags, calls one flow and renders what comes back."""

import os
import sys
from enum import StrEnum
from typing import Annotated

import typer

from pratique import __version__
from pratique.cli import (
    attesting,
    caching,
    clearing,
    exits,
    feeding,
    fleet,
    hardening,
    judging,
    locking,
    planning,
    running,
)
from pratique.cli.options import Form, PlainFormat
from pratique.cli.screen import Screen
from pratique.model.errors import PratiqueError, UnavailableError, UsageError

app = typer.Typer(
    name="pratique",
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="A clean bill of health for machine-learning images, before a GPU is allocated.",
    epilog="With --debug before or after any command, an error shows where in Pratique it arose.",
)
database = typer.Typer(no_args_is_help=True, help="The advisory snapshot that images are judged by.")
app.add_typer(database, name="db")
keys = typer.Typer(no_args_is_help=True, help="Keys that statements are signed with.")
app.add_typer(keys, name="key")
records = typer.Typer(no_args_is_help=True, help="Images that were recorded, to be judged again later.")
app.add_typer(records, name="fleet")
locks = typer.Typer(
    no_args_is_help=True, help="Lock files of Python packages, and whether images keep to them."
)
app.add_typer(locks, name="lock")

caches = typer.Typer(no_args_is_help=True, help="The cache folder: what is in it, and how it is kept small.")
app.add_typer(caches, name="cache")

_COMPLETE = "_PRATIQUE_COMPLETE"
"""By this variable a completion script asks for words."""

_CLICK_ERROR: type[Exception] = typer.BadParameter.__mro__[2]
"""Base of the errors that typer raises for a wrong call; typer exports none of its classes but BadParameter."""


class Shell(StrEnum):
    """Shells with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


def _example(*lines: str) -> str:
    """Return commands as a list: a code block would be folded into one line."""
    return "\n\n".join(("Examples:" if len(lines) > 1 else "Example:", *(f"- `{line}`" for line in lines)))


def _print_version(asked: bool) -> None:  # noqa: FBT001 - typer calls it so
    if asked:
        sys.stdout.write(f"pratique {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    *,
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Take the options that stand before a command; ``--version`` alone is answered before this is loaded."""


app.command(
    epilog=_example(
        "pratique scan oci:image --policy policy.toml -o json=report.json -o cyclonedx-json=sbom.json",
        "pratique scan docker-archive:image.tar --fail-on high,kev",
    )
)(judging.scan)
app.command(
    epilog=_example("pratique sbom oci:image -o cyclonedx-json=sbom.cdx.json -o spdx-json=sbom.spdx.json")
)(judging.sbom)
app.command(epilog=_example("pratique base oci:image"))(judging.base)
app.command(epilog=_example("pratique explain CVE-2023-4863 oci:image"))(judging.explain)
app.command(
    epilog=_example(
        "sudo pratique profile oci:image --phase training -o usage=training.json -- python3 train.py",
        "sudo pratique profile oci:image --ready http://127.0.0.1:8080/healthz --drive 'python3 load.py' -o usage=serving.json",
    )
)(running.profile)
app.command(
    epilog=_example(
        "pratique rbom oci:image --usage training.json --usage serving.json -o cyclonedx-json=rbom.json"
    )
)(running.rbom)
app.command(
    epilog=_example("pratique plan oci:image --usage training.json --usage serving.json -o plan=plan.json")
)(planning.plan)
app.command(
    epilog=_example(
        "pratique harden oci:image --plan plan.json --to oci:image:hardened -o hardening=hardening.json"
    )
)(hardening.harden)
app.command(
    epilog=_example(
        "pratique prove oci:image:latest oci:image:hardened --expect /tmp/out/metrics.json:json:0.01 -- python3 train.py"
    )
)(hardening.prove)
app.command(
    epilog=_example(
        "pratique clear oci:image:latest --to oci:image:clear --policy policy.toml -- python3 train.py",
        "pratique clear oci:image --to oci:out --workload training='python3 train.py' --expect training=/tmp/out/metrics.json:json:0.01"
        " --workload serving='python3 serve.py' --ready serving=http://127.0.0.1:8080/healthz --drive serving='python3 drive.py'",
    )
)(clearing.clear)
app.command(
    epilog=_example("pratique attest oci:image:clear --all --documents image.documents --key platform.key")
)(attesting.attest)
app.command(epilog=_example("pratique push oci:image:clear --to registry:127.0.0.1:5000/train:clear"))(
    attesting.push
)
app.command(epilog=_example("pratique vex oci:image:clear --documents image.documents -o vex.openvex.json"))(
    attesting.vex
)
app.command(epilog=_example("pratique verify oci:image:clear --key platform.pub --type sbom"))(
    attesting.verify
)
app.command(epilog=_example("pratique gate oci:image:clear --policy policy.toml"))(attesting.gate)
keys.command("generate", epilog=_example("pratique key generate platform"))(attesting.key_generate)
app.command(
    epilog=_example(
        "pratique rescan --policy policy.toml", "pratique rescan --fail-on high,kev --format json"
    )
)(fleet.rescan)
app.command(epilog=_example("pratique affected CVE-2023-4863", "pratique affected pkg:pypi/urllib3@1.26.15"))(
    fleet.affected
)
records.command("add", epilog=_example("pratique fleet add report.json usage-training.json"))(fleet.fleet_add)
records.command("list", epilog=_example("pratique fleet list --format json"))(fleet.fleet_list)
database.command(
    "import",
    epilog=_example(
        "pratique db import data/advisories",
        "pratique db import all.zip --feed pypi --coverage complete --as-of 2026-11-20",
    ),
)(feeding.db_import)
locks.command(
    "check",
    epilog=_example(
        "pratique lock check requirements.txt pylock.toml",
        "pratique lock check requirements/dev.txt --root .",
    ),
)(locking.lock_check)
locks.command(
    "verify",
    epilog=_example(
        "pratique lock verify oci:image --lock requirements.txt",
        "pratique lock verify oci:image --lock pylock.toml -o verification=verification.json",
    ),
)(locking.lock_verify)
locks.command(
    "image",
    epilog=_example("pratique lock image oci:image -o pylock.toml"),
)(locking.lock_image)
caches.command("status", epilog=_example("pratique cache status --format json"))(caching.cache_status)
caches.command(
    "prune",
    epilog=_example(
        "pratique cache prune --max-size 20GB", "pratique cache prune --older-than 30d --max-size 50GB"
    ),
)(caching.cache_prune)
caches.command("clear", epilog=_example("pratique cache clear"))(caching.cache_clear)
database.command("status", epilog=_example("pratique db status --format json"))(feeding.db_status)


@app.command(epilog=_example("pratique version --format json"))
def version(
    form: Form = PlainFormat.TABLE,
) -> int:
    """Print the version of Pratique and of the Python it runs on."""
    from pratique.formats.documents import encode

    python = ".".join(str(part) for part in sys.version_info[:3])
    if form is PlainFormat.JSON:
        Screen().raw(encode({"pratique": __version__, "python": python}) + b"\n")
    else:
        Screen().line(f"pratique {__version__} (Python {python})")
    return 0


@app.command(
    epilog=_example(
        "mkdir -p ~/.local/share/bash-completion/completions",
        "pratique completion bash > ~/.local/share/bash-completion/completions/pratique",
    )
)
def completion(shell: Annotated[Shell, typer.Argument(help="bash, zsh or fish.", show_default=False)]) -> int:
    """Print the completion script of a shell."""
    from typer.completion import get_completion_script  # type: ignore[attr-defined]

    script = get_completion_script(prog_name="pratique", complete_var=_COMPLETE, shell=shell.value)
    Screen().raw(script.encode() + b"\n")
    return 0


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit code.

    Args:
        arguments: without the program's name; ``--debug`` may stand anywhere before ``--``.
    """
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    debug = "--debug" in own
    words = [a for a in own if a != "--debug"] + arguments[len(own) :]
    if _COMPLETE in os.environ:
        _teach_shells()
    try:
        outcome = app(words or ["--help"], prog_name="pratique", standalone_mode=False)
    except PratiqueError as error:
        if debug:
            raise
        Screen().error(error)
        return exits.exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        return exits.INTERRUPTED
    except _CLICK_ERROR as error:
        return _usage(error)
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        if debug:
            raise
        what, place = (error.strerror or str(error)).lower(), str(error.filename or "output")
        Screen().error(UnavailableError(what, place=place, remedy="Free space or check permissions"))
        return 1
    except Exception as error:
        if debug:
            raise
        what = f"a fault of Pratique ({type(error).__name__}: {error})"
        Screen().error(PratiqueError(what, remedy="Run it again with --debug and report what it prints"))
        return 1
    return int(outcome or 0)


def _teach_shells() -> None:
    """Let typer answer the completion scripts; it does so by itself only where it also adds flags to install them."""
    from typer.completion import completion_init  # type: ignore[attr-defined]

    completion_init()


def _usage(error: Exception) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "pratique"
    message = getattr(error, "format_message", lambda: str(error))().replace("Value error, ", "")
    if not message:  # a group without a command has shown its help
        return exits.USAGE
    Screen().error(UsageError(message.rstrip("."), remedy=f"Try: {command} --help"))
    return exits.USAGE
