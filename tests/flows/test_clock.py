from datetime import UTC, datetime, timedelta

import pytest

from pratique.flows.clock import read_clock
from pratique.model.errors import UsageError


def test_system_clock_in_whole_seconds() -> None:
    clock = read_clock()
    assert clock.source == "system"
    assert (clock.now.microsecond, clock.now.tzinfo) == (0, UTC)
    assert abs(clock.now - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "now"),
    [("0", datetime(1970, 1, 1, tzinfo=UTC)), ("1795521600", datetime(2026, 11, 24, 12, tzinfo=UTC))],
)
def test_source_date_epoch(monkeypatch: pytest.MonkeyPatch, text: str, now: datetime) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    assert (read_clock().now, read_clock().source) == (now, "SOURCE_DATE_EPOCH")


@pytest.mark.parametrize("text", ["now", "1.5", "9" * 30, "9" * 5000, "-"])
def test_not_a_number_of_seconds(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(UsageError, match="SOURCE_DATE_EPOCH: not a number of seconds"):
        read_clock()
