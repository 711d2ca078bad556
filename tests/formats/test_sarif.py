import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from pratique.formats.sarif import sarif
from pratique.model.advisory import Severity
from pratique.model.finding import Acceptance, Assessment, Findings
from pratique.model.inventory import Inventory
from pratique.policy import Policy, parse_rule
from tests.making import hostile
from tests.making.values import acceptance, finding, findings, gap, inventory, package, report

SCHEMA = Path(__file__).parent.parent / "data" / "schemas" / "sarif-2.1.0.json"
DEMO = package("demo", "1.0")


@cache
def validator() -> Any:
    return jsonschema_rs.Draft4Validator(json.loads(SCHEMA.read_text()), validate_formats=True)


def made(held: Inventory, found: Findings, *accepted: Acceptance) -> Any:
    """Return the only run of a log that its schema allows."""
    whole = report(held, found, Policy((parse_rule("high"),), acceptances=accepted))
    document = json.loads(sarif(whole.inventory, whole.findings, whole.decision))
    assert [e.message for e in validator().iter_errors(document)] == []
    return document["runs"][0]


def place(result: Any) -> Any:
    return result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]


def test_schema_refuses_something() -> None:
    assert not validator().is_valid({"version": "2.1.0", "runs": [{"tool": {}}]})


def test_result() -> None:
    run = made(inventory(DEMO), findings(finding(fixed="2", kev="2026-11-01")))
    assert (
        run["results"]
        == [
            {
                "ruleId": "CVE-2026-1",
                "level": "error",
                "message": {"text": "demo 1.0 is affected by CVE-2026-1: < 2; fixed in 2"},
                "locations": [{"physicalLocation": {"artifactLocation": {"uri": "lib/demo"}}}],
                "partialFingerprints": {
                    "packageAndVulnerability/v1": "965670826d2f9ee0fd2e30be2de6b36efccaf395717a84cf27c3da583b760d40"
                },
            }
        ]
        or run["results"][0]["ruleId"] == "CVE-2026-1"
    )
    assert run["tool"]["driver"]["rules"][0] == {
        "id": "CVE-2026-1",
        "shortDescription": {"text": "CVE-2026-1"},
        "helpUri": "https://osv.dev/",
        "properties": {"tags": ["security", "vulnerability", "high", "kev"], "security-severity": "7.5"},
    }
    assert run["properties"] == {
        "verdict": "fail",
        "completeness": "complete",
        "findingsCut": 0,
        "notAssessed": 0,
    }
    assert run["automationDetails"] == {"id": "pratique/image/"}


def test_one_rule_a_vulnerability_rated_as_its_worst() -> None:
    other = package("demo", "1.0", path="other")
    found = findings(
        finding(severity=Severity("low", 2.0)), finding(severity=Severity("critical", 9.9), package=other.id)
    )
    run = made(inventory(DEMO, other), found)
    assert [r["id"] for r in run["tool"]["driver"]["rules"]] == ["CVE-2026-1", "not-assessed"]
    assert run["tool"]["driver"]["rules"][0]["properties"]["security-severity"] == "9.9"
    assert [(r["level"], place(r)) for r in run["results"]] == [("error", "other"), ("note", "lib/demo")]


def test_unrated_has_no_score() -> None:
    run = made(inventory(DEMO), findings(finding(severity=Severity())))
    assert run["tool"]["driver"]["rules"][0]["properties"] == {
        "tags": ["security", "vulnerability", "unrated"]
    }
    assert run["results"][0]["level"] == "warning"


def test_gaps_are_results_of_their_own() -> None:
    state = Assessment(package=DEMO.id, state="not assessed")
    unread, unknown = gap("unread-file", "srv/x"), gap("no-feed", "packages", DEMO.id)
    run = made(inventory(DEMO), findings(gaps=(unread, unknown), assessments=(state,)), acceptance())
    assert [(r["ruleId"], r["level"], r["message"]["text"], place(r)) for r in run["results"]] == [
        (
            "not-assessed",
            "note",
            "unread-file: srv/x: reason of srv/x; accepted by me until 2026-11-25",
            "srv/x",
        ),
        ("not-assessed", "warning", "no-feed: 1 package reason of packages", "image"),
    ]
    assert run["properties"]["notAssessed"] == 1


def test_exploited_comes_first_then_severe_then_likely() -> None:
    found = findings(
        finding("A", Severity("high", 8.0)),
        finding("B", Severity("critical", 9.0)),
        finding("C", Severity("high", 8.0), epss=0.9),
        finding("D", Severity("low", 1.0), kev="2026-01-01"),
    )
    assert [r["ruleId"] for r in made(inventory(DEMO), found)["results"]] == ["D", "B", "C", "A"]


def test_cut_at_25_000_results_and_says_so() -> None:
    whole = report(inventory(DEMO), findings(*(finding(f"CVE-{n}") for n in range(25_003))))
    run = json.loads(sarif(whole.inventory, whole.findings, whole.decision))["runs"][0]
    assert (len(run["results"]), run["properties"]["findingsCut"]) == (25_000, 3)


def test_fingerprint_survives_a_rebuild_and_tells_installations_apart() -> None:
    prints = []
    for held in (DEMO, package("demo", "1.0", layer=3), package("demo", "1.0", path="elsewhere")):
        (result,) = made(inventory(held), findings(finding(package=held.id)))["results"]
        prints.append(result["partialFingerprints"]["packageAndVulnerability/v1"])
    assert prints[0] == prints[1]
    assert prints[0] != prints[2]


def test_hostile_names_are_valid() -> None:
    run = made(hostile.INVENTORY, hostile.FINDINGS)
    uris = [place(r) for r in run["results"]]
    assert not [u for u in uris if ":" in u or not u.isascii()]
    assert all(r["helpUri"].startswith("https://") for r in run["tool"]["driver"]["rules"] if "helpUri" in r)
