"""What a plan refuses before any repository is asked."""

from pathlib import Path

import pytest

from pratique.flows.plan import Wishes, planned
from pratique.formats.documents import Report
from pratique.model.errors import UsageError
from tests.making import ways


def test_a_name_that_keeps_nothing_is_refused(tmp_path: Path) -> None:
    report: Report = ways.before()
    with pytest.raises(UsageError, match="no package of this name: 'nonsense'"):
        planned(report, (), Wishes(keep=("nonsense",)), tmp_path)
