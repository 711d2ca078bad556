"""The repositories of this machine's own configuration: a handful of look-ups, where there is one."""

import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pratique.ecosystems.debian import version_key
from pratique.model.digest import digest_of
from pratique.model.errors import UnsupportedError
from pratique.repositories import debian
from pratique.repositories.python import PythonIndex
from tests.making.archive import BOOKWORM

pytestmark = pytest.mark.e2e


def test_the_security_suite_of_debian(tmp_path: Path) -> None:
    try:
        found = [s for s in debian.sources(BOOKWORM) if s.suite == "bookworm-security"]
    except UnsupportedError as error:
        pytest.skip(str(error))
    if not found or not all(Path(k).is_file() for s in found for k in s.keyrings):
        pytest.skip("no apt source for bookworm-security, or its keys are not here")
    with debian.open_transport(found) as transport:
        index = debian.read_index(found, "amd64", transport, cache=tmp_path, now=datetime.now(UTC))
        newest, *_ = index.candidates("openssl", "amd64")
        file = index.fetch(debian.artifact(newest), tmp_path)
    assert index.packages > 1000
    assert version_key(newest.version) >= version_key("3.0.17-1~deb12u1")
    field = subprocess.run(
        ["dpkg-deb", "--field", file, "Version"], check=True, capture_output=True, text=True
    )
    assert field.stdout.strip() == newest.version


def test_a_fix_for_urllib3(tmp_path: Path) -> None:
    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=False, capture_output=True
    )
    if configured.returncode or not re.search(rb"index|find-links", configured.stdout):
        pytest.skip("pip has no configuration here")
    installed = {
        "urllib3": "1.26.15",
        "requests": "2.28.2",
        "charset-normalizer": "3.1.0",
        "idna": "3.4",
        "certifi": "2023.7.22",
    }
    with PythonIndex("3.11", "x86_64-manylinux_2_36") as index:
        solution = index.solve([("urllib3", "1.26.19")], installed)
        (artifact,) = index.locate(solution.changed)
        file = index.fetch(artifact, tmp_path)
    assert solution.changed == (("urllib3", "1.26.19"),)
    assert artifact.filename == "urllib3-1.26.19-py2.py3-none-any.whl"
    assert (digest_of(file.read_bytes()), file.stat().st_size) == (artifact.digest, artifact.size)
