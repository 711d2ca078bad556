"""Names that have attacked other tools: commands for CI logs and terminals, reversed text, bombs."""

from tests.making.values import ZERO, finding, findings, gap, inventory, package

NAMES = (
    "x\r::stop-commands::t",
    "x\n::error::y",
    "##[add-mask]x",
    "##vso[task.setvariable variable=a]b",
    "\x1b]8;;https://example.invalid\x1b\\link",
    "\x1b]52;c;aGk=\x07",
    "\x9b2J\x85\x7f\x00",
    "\u202eevil\u2066\u2028",
    "\"'`<script>&</script>",
    "javascript:alert(1)",
    "../../etc/passwd",
    "=cmd|' /C calc'!A0",
    "{{7*7}}${x}%s",
    "\ufffe\U0001f600",
    "a" * (1 << 20),
)
RAW = frozenset(
    [
        *range(0x20),
        *range(0x7F, 0xA0),
        0x061C,
        *range(0x200E, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2066, 0x206A),
    ]
)
"""Characters that no output may hold as they are; a newline alone ends a line."""

PACKAGES = tuple(package(name, name[:2000], path=f"p/{name[:2000]}", purl="pkg:pypi/x@1") for name in NAMES)
INVENTORY = inventory(
    *PACKAGES, gaps=tuple(gap("anomaly", name[:2000]) for name in NAMES), completeness="partial"
)
FINDINGS = findings(
    *(
        finding(
            f"CVE-{name[:2000]}",
            package=held.id,
            name=name,
            version=name[:2000],
            fixed=name[:2000],
            matches=(finding(name[:2000]).matches[0],),
        )
        for name, held in zip(NAMES, PACKAGES, strict=True)
    ),
    gaps=INVENTORY.gaps,
    snapshot=ZERO,
)


def raw(data: bytes) -> list[str]:
    """Return every character that could steer a terminal; newlines are allowed."""
    return [c for c in data.decode() if ord(c) in RAW and c != "\n"]
