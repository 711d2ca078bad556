"""Every case of a foreign suite that is not passed, and why; a case that passes all the same fails the run.

``DIFFERENCES`` are cases that Pratique answers otherwise, on purpose or by a library; they run and are expected to fail.
``SKIPPED`` are cases that ask for something Pratique does not do; they are counted and not run.
"""

from typing import NamedTuple


class Group(NamedTuple):
    """Cases of one suite with one reason."""

    suite: str
    reason: str
    cases: frozenset[str]


def group(suite: str, reason: str, *cases: str) -> Group:
    return Group(suite, reason, frozenset(" ".join(cases).split()))


DIFFERENCES = (
    group(
        "jsontestsuite",
        "a key that stands twice is understood differently by different readers: refused",
        "y_object_duplicated_key y_object_duplicated_key_and_value",
    ),
    group(
        "purl",
        "packageurl-python leaves a slash in a qualifier as it is; Pratique writes none there (arch and distro)",
        "generic-4-validate generic-5-build generic-7-validate generic-8-build huggingface-4-validate",
        "huggingface-6-validate huggingface-7-build huggingface-16-validate huggingface-17-build maven-8-validate",
        "maven-10-validate maven-11-build maven-12-validate maven-14-validate maven-15-build maven-59-validate",
        "maven-60-build npm-11-validate npm-12-build oci-1-validate oci-2-build oci-4-validate oci-5-build oci-7-validate",
        "oci-8-build",
    ),
    group(
        "purl",
        "packageurl-python lowers the key of a qualifier where the suite wants an error; Pratique reads no such type",
        "gem-1-parse rpm-1-parse",
    ),
    group(
        "purl",
        "packageurl-python knows no rules for the type git; Pratique neither reads nor writes it",
        "git-0-validate git-1-parse git-4-parse",
    ),
    group(
        "cvss",
        "the suite wants every metric of a group and their order; the cvss library rates the base metrics that are there",
        "v2_error-7 v2_error-8 v2_error-12",
    ),
)

SKIPPED = (
    group(
        "cvss",
        "a temporal or environmental score; Pratique rates by base metrics, as OSV records state them",
        "v2_score-2 v2_score-3 v2_score-4 v2_score-6 v2_score-7 v2_score-8 v2_score-10 v2_score-11 v2_score-12",
    ),
    group(
        "pypi-versions",
        "not PEP 440: no order is defined, so that the version is reported and treated as affected",
        "47 48 49 50 51 52 53 54 56 57 58",
    ),
)


def reason(groups: tuple[Group, ...], suite: str, case: str) -> str:
    """Return why a case stands in a table; an empty string where it does not."""
    return next((g.reason for g in groups if g.suite == suite and case in g.cases), "")
