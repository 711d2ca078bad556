"""Commands about signed statements: keys, attest, verify, gate."""

import getpass
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pratique.cli.options import Form, PlainFormat, render
from pratique.cli.screen import Screen, text
from pratique.formats.text import plural
from pratique.model.admission import Attested

_PASSPHRASE = "PRATIQUE_KEY_PASSPHRASE"  # noqa: S105 - the name of a variable
Layout = Annotated[
    str,
    typer.Argument(
        metavar="IMAGE", help="oci:FOLDER:TAG, or registry:127.0.0.1:PORT/NAME:TAG.", show_default=False
    ),
]


def key_generate(
    name: Annotated[
        Path, typer.Argument(metavar="NAME", help="Writes NAME.key and NAME.pub.", show_default=False)
    ],
    *,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No notes.")] = False,
) -> int:
    """Make a key pair: ECDSA on P-256, in PEM files. What is there already is never overwritten.

    The private key is encrypted with the passphrase in PRATIQUE_KEY_PASSPHRASE, or the one that is asked for on a terminal;
    without one it is not encrypted, and that is said. Its file can be read by its owner alone.
    """
    from pratique.flows.keys import make_keys

    screen = Screen(quiet=quiet)
    secret = _new_passphrase()
    fingerprint = make_keys(name, secret)
    screen.line(text(fingerprint, "bold"))
    if not secret:
        screen.note(f"{name}.key is not encrypted: set {_PASSPHRASE} to encrypt it")
    return 0


def attest(
    image: Layout,
    *,
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="Private key.", show_default=False)],
    everything: Annotated[
        bool, typer.Option("--all", help="All that follows from the documents in --documents.")
    ] = False,
    documents: Annotated[
        Path | None,
        typer.Option(
            "--documents",
            metavar="DIR",
            help="Folder of documents, as clear writes it, or those of one scan.",
        ),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            "--type", metavar="TYPE", help="Type of --predicate: sbom, vex, another short name, or a URI."
        ),
    ] = "",
    predicate: Annotated[
        Path | None, typer.Option("--predicate", metavar="FILE", help="One JSON document of your own.")
    ] = None,
    form: Form = PlainFormat.TABLE,
) -> int:
    """Sign statements about an image and attach them to its manifest.

    With --all: bills of materials (CycloneDX, SPDX, RBOM), OpenVEX, SLSA provenance and the decision, all made anew from the
    documents of the image's way and checked to belong to it. Each is a Sigstore bundle (DSSE) in a manifest of its own whose
    subject is the image. A repeat changes nothing.
    """
    from pratique.flows.attest import attest_all, attest_one
    from pratique.model.errors import UsageError

    screen = Screen()
    if everything == bool(predicate) or everything != bool(documents) or bool(kind) != bool(predicate):
        raise UsageError(
            "either --all with --documents, or --type with --predicate",
            remedy="Try: pratique attest oci:image --all --documents image.documents --key my.key",
        )
    if documents:
        told = attest_all(image, documents, key, passphrase_of(key, screen))
    else:
        told = attest_one(image, kind, predicate or Path(), key, passphrase_of(key, screen))
    render(screen, told, form, _show_attested)
    return 0


def _show_attested(screen: Screen, told: Attested) -> None:
    from pratique.flows.statements import short_name

    screen.line(text(told.image, "bold"))
    screen.line(f"signed by {told.key}")
    rows = ((short_name(s.type), f"{s.size:,}", s.bundle) for s in told.statements)
    screen.table(("Statement", "Bytes", "Bundle"), rows, right=("Bytes",), whole=("Bundle",))
    for warning in told.warnings:
        screen.warn(warning)


def push(
    image: Layout,
    *,
    to: Annotated[
        str,
        typer.Option("--to", metavar="REF", help="registry:127.0.0.1:PORT/NAME:TAG.", show_default=False),
    ],
) -> int:
    """Copy an image and the statements attached to it from a layout into a registry, the tag last.

    Only registries on this machine's loopback, without authentication. Where a registry keeps no list of referrers, the tag
    that stands in for one is written.
    """
    from pratique.flows.push import push as flow

    screen = Screen()
    digest = flow(image, to)
    screen.line(f"{to}  ", text(digest, "bold"), whole=True)
    return 0


def vex(
    image: Layout,
    *,
    documents: Annotated[
        Path, typer.Option("--documents", metavar="DIR", help="As clear writes them.", show_default=False)
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="In place of stdout.")
    ] = None,
) -> int:
    """Write what became of each finding, in OpenVEX: fixed, gone with its package, or still there.

    It is the document that attest --all signs, made from the documents of the image's way and checked to belong to it.
    """
    from pratique.flows.outputs import write_bytes
    from pratique.flows.statements import vex_of

    data = vex_of(image, documents)
    if output:
        write_bytes(data, [("openvex", output)])
    else:
        Screen().raw(data + b"\n")
    return 0


def verify(
    image: Layout,
    *,
    key: Annotated[
        list[Path],
        typer.Option("--key", metavar="FILE", help="Trusted public key; repeatable.", show_default=False),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--type", metavar="TYPE", help="sbom, spdx, rbom, vex, provenance, lock, decision or a URI."
        ),
    ] = "",
    blobs: Annotated[bool, typer.Option("--blobs", help="Read every layer, too.")] = False,
    form: Form = PlainFormat.TABLE,
) -> int:
    """Say which statements about an image a trusted key signed, and which candidates are not to be believed.

    Ends with 10 where nothing is attached, and with 12 where nothing of this type was signed by these keys.
    """
    from pratique.cli.exits import NO_STATEMENT, NOT_VERIFIED
    from pratique.flows.statements import short_name
    from pratique.flows.verify import verify_image
    from pratique.model.admission import Verification

    screen = Screen()
    found = verify_image(image, key, kind, blobs=blobs)

    def show(to: Screen, what: Verification) -> None:
        to.line(text(what.image, "bold"))
        rows = ((short_name(b.type), b.key[:19], b.bundle) for b in what.believed)
        to.table(("Verified", "Key", "Bundle"), rows, whole=("Key", "Bundle"))
        for refused in what.refused:
            to.item(text("refused", "red"), f"{refused.bundle}: {refused.reason}")
        to.line(f"{plural(len(what.believed), 'statement')} verified, {len(what.refused)} refused")
        if what.others:
            to.line(f"{plural(what.others, 'statement')} of other types verified")
        to.line("layers read and as the manifest promises" if what.blobs else "layers not read: see --blobs")

    render(screen, found, form, show)
    if found.believed:
        return 0
    return NOT_VERIFIED if found.refused or found.others else NO_STATEMENT


def gate(
    image: Layout,
    *,
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            metavar="FILE",
            help="Rules, and whose signature counts: docs/reference/policy.md.",
            show_default=False,
        ),
    ],
    form: Form = PlainFormat.TABLE,
) -> int:
    """Let an image in or refuse it, by its signed decision and statements alone. Scans nothing and reads no layer.

    Admitted is what has a decision that a signer of the policy signed about this very digest, by this very policy, not older
    than max-age, that passes, with every statement that it names and that the policy requires. Ends with 0 where it is
    admitted, 2 where it is refused, 10 where nothing is attached, 12 where nothing attached is by a signer.
    """
    from pratique.cli.exits import NO_STATEMENT, NOT_VERIFIED, VERDICTS
    from pratique.flows.gate import gate as flow
    from pratique.model.admission import Admission

    screen = Screen()
    answer = flow(image, policy)

    def show(to: Screen, what: Admission) -> None:
        word = text("ADMITTED", "bold green") if what.admitted else text("REFUSED", "bold red")
        to.line(word, f"  {what.reference}  {what.image}")
        for reason in what.reasons:
            to.item("-", reason)
        if what.remedy:
            to.line(f"To mend it: {what.remedy}", whole=True)
        if what.signer:
            to.line(f"decided by {what.signer}; {plural(len(what.statements), 'kind')} of statement verified")

    render(screen, answer, form, show)
    if answer.admitted:
        return 0
    if answer.statements:
        return VERDICTS["fail"]
    return NOT_VERIFIED if answer.signed else NO_STATEMENT


def passphrase_of(key: Path, screen: Screen) -> bytes:
    """Return the passphrase of a private key, from the environment or a person; empty for a key that has none."""
    from pratique.flows.keys import look_at_key

    found = look_at_key(key)
    if found.exposed:
        screen.warn(f"{key} can be read by others: chmod 600 {key}")
    if _PASSPHRASE in os.environ or not found.encrypted or not sys.stdin.isatty():
        return os.environb.get(_PASSPHRASE.encode(), b"")
    return getpass.getpass(f"Passphrase of {key}: ").encode()


def _new_passphrase() -> bytes:
    """Return the passphrase of a key to be made; it is never an argument, which others can see."""
    if _PASSPHRASE in os.environ or not sys.stdin.isatty():
        return os.environb.get(_PASSPHRASE.encode(), b"")
    first = getpass.getpass("Passphrase of the new key (empty for none): ")
    if first != getpass.getpass("Once more: "):
        from pratique.model.errors import UsageError

        raise UsageError("two different passphrases", remedy="Run it again")
    return first.encode()
