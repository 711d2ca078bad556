from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from pratique.model.advisory import Feed, Level, Severity
from pratique.model.digest import digest_of
from pratique.model.errors import InputError, UsageError
from pratique.model.finding import Acceptance, Assessment, Decision, Finding, Findings, ProofNote
from pratique.model.inventory import Gap
from pratique.policy import (
    DEFAULT_MAX_AGE,
    Policy,
    Rule,
    Work,
    breaks,
    decide,
    describe_age,
    is_stale,
    parse_policy,
    parse_rule,
)
from tests.making.values import NOW, ZERO, acceptance, feed, finding, findings, gap

LEVELS: dict[Level, float] = {
    "critical": 9.8,
    "high": 7.5,
    "medium": 5.0,
    "low": 2.0,
    "none": 0.0,
    "unrated": 0.0,
}
WRITTEN = 'fail-on = ["high", "kev"]\n'
ACCEPTED = '[[accept-gaps]]\ngap = "no-feed"\npackages = "pkg:deb/*"\nreason = "r"\nowner = "o"\nuntil = 2026-12-31\n'


def judged(found: Findings, *rules: str, **more: Any) -> Decision:
    policy = Policy(tuple(parse_rule(r) for r in rules), **more)
    return decide(found, ZERO, policy, NOW)


def rated(level: Level, **more: Any) -> Finding:
    return finding(severity=Severity(level, LEVELS[level]), **more)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("critical", Rule("critical", "severity", "critical")),
        (" High ", Rule("high", "severity", "high")),
        ("medium", Rule("medium", "severity", "medium")),
        ("low", Rule("low", "severity", "low")),
        ("kev", Rule("kev", "kev")),
        ("any", Rule("any", "any")),
        ("epss>0.5", Rule("epss>0.5", "epss", above=0.5)),
        ("epss>.25", Rule("epss>.25", "epss", above=0.25)),
        ("epss>0", Rule("epss>0", "epss", above=0.0)),
    ],
)
def test_rules(text: str, rule: Rule) -> None:
    assert parse_rule(text) == rule


@pytest.mark.parametrize(
    "text",
    [
        "",
        "none",
        "unrated",
        "epss",
        "epss>",
        "epss>2",
        "epss>-1",
        "epss>nan",
        "epss>=0.5",
        "epss>0.5x",
        "hígh",
        "highest",
    ],
)
def test_not_a_rule(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_rule(text)
    assert caught.value.what == f"not a rule: {text!r}"
    assert caught.value.remedy == "Use critical, high, medium, low, any, kev or epss>0.5"


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("rule", ["critical", "high", "medium", "low"])
def test_severity_rules(rule: Level, level: Level) -> None:
    order = list(LEVELS)
    assert breaks(parse_rule(rule), rated(level)) is (order.index(level) <= order.index(rule))


@pytest.mark.parametrize(
    ("rule", "more", "broken"),
    [
        ("kev", {"kev": "2026-11-01"}, True),
        ("kev", {"kev": "listed"}, True),
        ("kev", {}, False),
        ("any", {}, True),
        ("epss>0.5", {"epss": 0.51}, True),
        ("epss>0.5", {"epss": 0.5}, False),
        ("epss>0", {"epss": None}, False),
    ],
)
def test_other_rules(rule: str, more: dict[str, Any], broken: bool) -> None:  # noqa: FBT001 - a column of the table
    assert breaks(parse_rule(rule), rated("none", **more)) is broken


def test_treated_as_affected_fails_like_affected() -> None:
    assert judged(findings(rated("high", state="treated as affected")), "high").verdict == "fail"


def test_without_a_policy_nothing_is_judged() -> None:
    decision = decide(findings(rated("critical"), gaps=(gap(),)), ZERO, None, NOW)
    assert (decision.verdict, decision.reasons, decision.rules, decision.policy) == (
        "not judged",
        (),
        (),
        None,
    )
    assert [(g.gap, g.accepted) for g in decision.gaps] == [(gap(), None)]


def test_empty_rule_set_never_passes() -> None:
    assert judged(findings()).verdict == "not judged"


def test_pass() -> None:
    decision = judged(findings(rated("low")), "high", "kev", "epss>0.5", max_age=DEFAULT_MAX_AGE)
    assert decision.verdict == "incomplete"  # no catalogue, no scores
    decision = judged(findings(rated("low")), "high")
    assert (decision.verdict, decision.reasons, decision.rules) == ("pass", (), ("high",))
    assert decision.counts == {"critical": 0, "high": 0, "medium": 0, "low": 1, "none": 0, "unrated": 0}
    assert (decision.findings, decision.inventory) == (ZERO, ZERO)


def test_fail_names_rule_and_findings() -> None:
    decision = judged(
        findings(rated("high"), finding("CVE-2", Severity("critical", 9.8)), rated("low")), "high", "any"
    )
    assert decision.verdict == "fail"
    assert [(r.rule, r.text, r.findings) for r in decision.reasons] == [
        ("high", "2 vulnerabilities in 1 package", ("CVE-2", "CVE-2026-1")),
        ("any", "2 vulnerabilities in 1 package", ("CVE-2", "CVE-2026-1")),
    ]


def test_fail_outranks_incomplete() -> None:
    assert judged(findings(rated("high"), gaps=(gap(),)), "high").verdict == "fail"


def test_open_gap_is_incomplete() -> None:
    decision = judged(findings(gaps=(gap("anomaly", "x"),)), "high")
    assert decision.verdict == "incomplete"
    assert [(r.rule, r.text) for r in decision.reasons] == [("coverage", "anomaly: x: reason of x")]


@pytest.mark.parametrize(
    ("accepted", "verdict"),
    [
        (acceptance(days=0), "pass"),
        (acceptance(days=-1), "incomplete"),
        (acceptance("anomaly"), "incomplete"),
        (acceptance(subject="a"), "pass"),
        (acceptance(subject="b"), "incomplete"),
        (acceptance(packages="pkg:pypi/*"), "incomplete"),
    ],
)
def test_accepted_gaps(accepted: Acceptance, verdict: str) -> None:
    decision = judged(findings(gaps=(gap("unread-file", "a"),)), "high", acceptances=(accepted,))
    assert decision.verdict == verdict


def test_acceptance_is_split_by_package_pattern() -> None:
    held = gap("no-feed", "s", "pkg:deb/debian/a@1#p", "pkg:pypi/b@1#p", "pkg:deb/debian/c@1#p")
    deb, pypi = acceptance("no-feed", packages="pkg:deb/*"), acceptance("no-feed", packages="pkg:pypi/x@*")
    decision = judged(findings(gaps=(held,)), "high", acceptances=(deb, pypi))
    assert [(g.gap.packages, g.accepted) for g in decision.gaps] == [
        (("pkg:deb/debian/a@1#p", "pkg:deb/debian/c@1#p"), deb),
        (("pkg:pypi/b@1#p",), None),
    ]
    assert [r.text for r in decision.reasons] == ["no-feed: 1 package reason of s"]
    assert decision.verdict == "incomplete"


def test_package_pattern_does_not_see_the_path() -> None:
    held = gap("no-feed", "s", "pkg:pypi/b@1#pkg:deb/x")
    assert (
        judged(
            findings(gaps=(held,)), "high", acceptances=(acceptance("no-feed", packages="*pkg:deb/*"),)
        ).verdict
        == "incomplete"
    )


def test_first_acceptance_that_fits_answers() -> None:
    held = gap("no-feed", "s", "pkg:deb/a@1#p")
    one, other = acceptance("no-feed", packages="pkg:deb/*"), acceptance("no-feed")
    decision = judged(findings(gaps=(held,)), "high", acceptances=(one, other))
    assert [g.accepted for g in decision.gaps] == [one]
    assert decision.unused == (f"no-feed (me, until {other.until}): matched no gap",)


def test_ended_and_unused_acceptances_are_reported() -> None:
    ended, unused = acceptance("anomaly", days=-1), acceptance("no-feed")
    decision = judged(findings(), "high", acceptances=(ended, unused))
    assert decision.verdict == "pass"
    assert decision.unused == (
        "anomaly (me, until 2026-11-23): has ended",
        "no-feed (me, until 2026-11-25): matched no gap",
    )


def test_unrated_findings_are_a_gap_for_severity_rules() -> None:
    decision = judged(findings(rated("unrated")), "low")
    assert [(r.rule, r.text) for r in decision.reasons] == [
        (
            "coverage",
            "unrated: 1 package with findings that carry no severity, so that no severity rule can weigh them",
        )
    ]
    assert judged(findings(rated("unrated")), "low", "any").verdict == "fail"
    assert judged(findings(rated("unrated")), "low", acceptances=(acceptance("unrated"),)).verdict == "pass"


@pytest.mark.parametrize(
    ("rule", "feeds", "epss", "text"),
    [
        ("kev", (), None, "no-scores: kev: no complete catalogue of exploited vulnerabilities"),
        ("epss>0.5", (), None, "no-scores: epss: no EPSS scores were imported"),
        (
            "epss>0.5",
            (feed("epss", format="epss"),),
            None,
            "no-scores: 1 package with findings that carry no EPSS score, so that no EPSS rule can weigh them",
        ),
        ("epss>0.5", (feed("epss", format="epss"),), 0.1, None),
        ("kev", (feed("kev", format="kev"),), None, None),
        (
            "kev",
            (feed("kev", format="kev", coverage="sample"),),
            None,
            "no-scores: kev: no complete catalogue of exploited vulnerabilities",
        ),
    ],
)
def test_scores_that_are_not_there_are_a_gap(
    rule: str, feeds: tuple[Feed, ...], epss: float | None, text: str | None
) -> None:
    decision = judged(findings(rated("low", epss=epss), feeds=(feed(), *feeds)), rule)
    assert [r.text for r in decision.reasons] == ([text] if text else [])
    assert decision.verdict == ("incomplete" if text else "pass")


@pytest.mark.parametrize(
    ("as_of", "stale", "age"),
    [
        (NOW, False, "0 days old"),
        (NOW - timedelta(days=7), False, "7 days old"),
        (NOW - timedelta(days=7, seconds=1), True, "7 days old"),
        (NOW - timedelta(days=400), True, "400 days old"),
        (NOW + timedelta(hours=23), False, "0 days old"),
        (NOW + timedelta(days=1, seconds=1), True, "dated in the future (2026-11-25)"),
        (None, True, "of unknown age"),
    ],
)
def test_age_of_feeds(as_of: datetime | None, stale: bool, age: str) -> None:  # noqa: FBT001 - a column of the table
    one = feed(as_of=as_of)
    assert (is_stale(one, NOW), describe_age(one, NOW)) == (stale, age)


def test_stale_feed_that_was_used_is_a_gap() -> None:
    old = feed(as_of=NOW - timedelta(days=9))
    decision = judged(findings(feeds=(old, feed("unused", as_of=None))), "high")
    assert [r.text for r in decision.reasons] == ["feed-age: osv: 9 days old"]
    assert judged(findings(feeds=(old,)), "high", max_age=timedelta(days=9)).verdict == "pass"
    assert (
        judged(findings(feeds=(old,)), "high", acceptances=(acceptance("feed-age", subject="osv"),)).verdict
        == "pass"
    )


@pytest.mark.parametrize(("rule", "kind"), [("kev", "kev"), ("epss>0.5", "epss")])
def test_age_of_a_score_feed_counts_where_a_rule_uses_it(rule: str, kind: str) -> None:
    held = findings(feeds=(feed(), feed(kind, format=kind, as_of=None)))
    assert judged(held, rule).verdict == "incomplete"
    assert judged(held, "high").verdict == "pass"


def test_policy_file() -> None:
    data = (WRITTEN + 'max-age = "36h"\n' + ACCEPTED).encode()
    policy = parse_policy(data, "p.toml")
    assert [r.text for r in policy.rules] == ["high", "kev"]
    assert (policy.max_age, policy.digest) == (timedelta(hours=36), digest_of(data))
    assert [(a.gap, a.packages, a.owner) for a in policy.acceptances] == [("no-feed", "pkg:deb/*", "o")]
    assert parse_policy(WRITTEN.encode(), "p.toml").max_age == timedelta(days=7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a policy (Object missing required field `fail-on`)"),
        ("fail-on = []", "a policy without a rule passes everything"),
        ('fail-on = ["severe"]', "fail-on: not a rule: 'severe'"),
        ("fail-on = [1]", "not a policy (Expected `str`, got `int` - at `$.fail-on[0]`)"),
        (WRITTEN + "colour = 1", "not a policy (Object contains unknown field `colour`)"),
        (WRITTEN + 'max-age = "7"', "max-age: not an age: '7'"),
        (WRITTEN + 'max-age = "-1d"', "max-age: not an age: '-1d'"),
        (
            WRITTEN + ACCEPTED + "color = 1",
            "not a policy (Object contains unknown field `color` - at `$.accept-gaps[0]`)",
        ),
        (
            WRITTEN + ACCEPTED.replace("no-feed", "feeds"),
            "not a policy (Invalid enum value 'feeds' - at `$.accept-gaps[0].gap`)",
        ),
        (
            WRITTEN + ACCEPTED.replace('reason = "r"\n', ""),
            "not a policy (Object missing required field `reason` - at `$.accept-gaps[0]`)",
        ),
        (WRITTEN + ACCEPTED.replace('"r"', '" "'), "a gap accepted without reason or owner"),
        (WRITTEN + ACCEPTED.replace('"o"', '""'), "a gap accepted without reason or owner"),
        (
            WRITTEN + ACCEPTED.replace("until = 2026-12-31", ""),
            "not a policy (Object missing required field `until` - at `$.accept-gaps[0]`)",
        ),
        (
            WRITTEN + ACCEPTED.replace("2026-12-31", '"soon"'),
            "not a policy (Invalid RFC3339 encoded date - at `$.accept-gaps[0].until`)",
        ),
        ("fail-on = [", "not a policy ("),
        ("a = " + "[" * 5000, "not a policy (maximum recursion depth"),
    ],
)
def test_wrong_policy_files(text: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(text.encode(), "p.toml")
    assert str(caught.value).startswith(f"p.toml: {said}")


def test_policy_that_is_not_text() -> None:
    with pytest.raises(InputError, match=r"p.toml: not a policy \('utf-8' codec"):
        parse_policy(b"\xff", "p.toml")


EVERYTHING = tuple(
    acceptance(kind)
    for kind in (
        "no-feed",
        "feed-age",
        "unknown-distribution",
        "no-scores",
        "unrated",
        "unread-file",
        "incomplete-database",
    )
)


@pytest.mark.parametrize(
    "missing", [{"assessments": ()}, {"snapshot": None}, {"snapshot": None, "assessments": (), "feeds": ()}]
)
def test_nobody_can_answer_for_no_package_or_no_advisory(missing: dict[str, Any]) -> None:
    held = findings(gaps=(gap("no-feed", "s", "pkg:a@1#p"), gap("unknown-distribution")), **missing)
    assert judged(held, "high", acceptances=EVERYTHING).verdict == "incomplete"
    assert judged(held, "high").verdict == "incomplete"


ABSENT: tuple[tuple[str, tuple[Any, ...]], ...] = (
    ("feeds", ((feed(),), (), (feed(as_of=None),), (feed(as_of=NOW + timedelta(days=99)),))),
    ("snapshot", (ZERO, None)),
    ("assessments", (findings().assessments, (), (Assessment(package="p", state="not assessed"),))),
    ("gaps", ((), (gap(),), (gap("no-feed", "s", "pkg:a@1#p"),))),
)


@pytest.mark.parametrize("rule", ["high", "kev", "any", "epss>0.5"])
def test_no_combination_of_missing_data_turns_a_fail_into_a_pass(rule: str) -> None:
    bad = rated("high", kev="2026-11-01", epss=0.9)
    verdicts = set()
    for values in product(*(options for _, options in ABSENT)):
        fields: dict[str, Any] = dict(zip((name for name, _ in ABSENT), values, strict=True))
        verdicts.add(judged(findings(bad, **fields), rule, acceptances=EVERYTHING).verdict)
    assert verdicts == {"fail"}


@pytest.mark.parametrize("rule", ["high", "kev", "any", "epss>0.5"])
def test_only_whole_data_passes(rule: str) -> None:
    feeds = (feed(), feed("kev", format="kev"), feed("epss", format="epss"))
    whole: dict[str, Any] = {"feeds": feeds}
    assert judged(findings(**whole), rule).verdict == "pass"
    lacks: list[dict[str, Any]] = [{"snapshot": None}, {"assessments": ()}, {"gaps": (gap(),)}]
    lacks += [{"feeds": tuple(feed(f.name, format=f.format, as_of=None) for f in feeds)}]
    assert {judged(findings(**{**whole, **lack}), rule).verdict for lack in lacks} == {"incomplete"}


@pytest.mark.parametrize("level", ["high", "unrated"])
def test_an_acceptance_never_hides_a_finding(level: Level) -> None:
    held = findings(rated(level), gaps=(gap(),))
    assert judged(held, "any", acceptances=EVERYTHING).verdict == "fail"


def test_moment_of_the_decision_is_that_of_the_findings() -> None:
    decision = decide(findings(), ZERO, None, datetime(2030, 1, 1, tzinfo=UTC))
    assert (decision.created, decision.clock) == (NOW, "system")


def test_gap_kinds_are_spelled_once() -> None:
    with pytest.raises(InputError):
        parse_policy((WRITTEN + ACCEPTED.replace("no-feed", "No-Feed")).encode(), "p")
    assert Gap(kind="no-feed", subject="", reason="").kind == "no-feed"


def work(*verdicts: Any, hardened: bool = True) -> Work:
    return Work(
        hardened, tuple(ProofNote(proof=ZERO, phase=f"w{n}", verdict=v) for n, v in enumerate(verdicts))
    )


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        (work(hardened=False), "not hardened"),
        (work(), "unproven"),
        (work("same"), "proven"),
        (work("same", "same"), "proven"),
        (work("weak"), "weakly proven"),
        (work("same", "weak"), "weakly proven"),
        (work("different"), "refuted"),
        (work("same", "weak", "different"), "refuted"),
        (work("different", "same"), "refuted"),
        (work("same", hardened=False), "proven"),
    ],
)
def test_what_proofs_come_to_is_the_worst_of_them(shown: Work, state: str) -> None:
    assert shown.state() == state
    decision = decide(findings(), ZERO, Policy((parse_rule("high"),)), NOW, shown)
    assert (decision.work, decision.proofs) == (state, shown.proofs)
    assert decision.verdict == ("fail" if state == "refuted" else "pass")


def test_a_refuted_image_fails_with_no_other_reason() -> None:
    decision = decide(findings(), ZERO, Policy((parse_rule("high"),)), NOW, work("same", "different"))
    assert [(r.rule, r.text) for r in decision.reasons] == [
        ("proof", "the workload w1 does not do the same in this image")
    ]
    everything = Policy((parse_rule("high"),), acceptances=EVERYTHING)
    assert decide(findings(gaps=(gap(),)), ZERO, everything, NOW, work("different")).verdict == "fail"


def test_a_proof_is_never_a_reason_to_pass() -> None:
    policy = Policy((parse_rule("high"),))
    assert decide(findings(rated("high")), ZERO, policy, NOW, work("same")).verdict == "fail"
    assert decide(findings(gaps=(gap(),)), ZERO, policy, NOW, work("same")).verdict == "incomplete"


@pytest.mark.parametrize("policy", [None, Policy(())])
def test_without_a_rule_work_is_told_and_not_judged(policy: Policy | None) -> None:
    decision = decide(findings(), ZERO, policy, NOW, work("different"))
    assert (decision.verdict, decision.work) == ("not judged", "refuted")


def test_an_image_of_which_nothing_is_known_is_not_hardened() -> None:
    assert judged(findings(), "high").work == "not hardened"
