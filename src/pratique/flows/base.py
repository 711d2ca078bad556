"""What an image stands on."""

from pratique.checks import describe_base
from pratique.flows.inventory import Progress
from pratique.flows.scan import Request, scan
from pratique.formats.documents import digest_of_document
from pratique.model.base import Base


def base(request: Request, progress: Progress) -> Base:
    """Return the base of an image, judged by the current snapshot.

    Raises:
        PratiqueError: the image or snapshot cannot be read.
    """
    report = scan(request, progress)
    findings = report.findings
    return describe_base(report.inventory, findings, digest_of_document(findings), findings.created)
