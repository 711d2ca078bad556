"""uv as a program: resolves for an image's Python and platform, never for this machine's, and installs nothing.

Asks the indexes of the user's own configuration, takes wheels alone and no pre-release that is not named.
"""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from pratique.ecosystems.wheel import supported_tags
from pratique.model.errors import UnavailableError, UnsupportedError
from pratique.repositories.explanation import Explanation
from pratique.repositories.indexes import IndexSettings

_TIMEOUT = 300
_OPTIONS = (
    *("--only-binary", ":all:", "--prerelease", "explicit", "--no-python-downloads"),
    *("--no-header", "--no-annotate", "--quiet", "--no-progress", "--color", "never"),
)
_IGNORED = frozenset(
    f"UV_{name}"
    for name in (
        *("CONSTRAINT", "OVERRIDE", "EXCLUDE", "PRERELEASE", "RESOLUTION", "PYTHON", "PROJECT", "NO_BINARY"),
        *("WORKING_DIR", "WORKING_DIRECTORY", "ENV_FILE", "TORCH_BACKEND", "FORK_STRATEGY", "INDEX_URL"),
        *("EXTRA_INDEX_URL", "CUSTOM_COMPILE_COMMAND", "SYSTEM_PYTHON", "NO_BUILD_ISOLATION"),
    )
)
"""Settings of the user's uv that are about projects of this machine, or that IndexSettings hands on."""

_USERINFO = re.compile(r"//[^/@\s]+@")


class Target(Struct, frozen=True):
    """What is resolved for.

    Attributes:
        python: the image's Python, such as ``3.11``.
        platform: the image's machine and C library as uv names them, such as ``x86_64-manylinux_2_36``.
    """

    python: str
    platform: str


class Answer(Struct, frozen=True):
    """What uv printed, or why there is no solution."""

    text: str
    refused: Explanation | None = None


def find_uv() -> str:
    """Return the path of uv.

    Raises:
        UnsupportedError: it is not installed.
    """
    try:
        import uv  # noqa: PLC0415 (an optional program, looked for when it is needed)

        return uv.find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        raise UnsupportedError("uv is not installed", remedy="Install the Python package uv") from error


class Uv:
    """The program with its target and indexes, and a folder that outlives single runs.

    Args:
        target: what is resolved for.
        settings: where packages are found.
        folder: for ``uv.toml`` and stub wheels; what it holds decides beside the arguments.
        program: path of uv.
    """

    def __init__(self, target: Target, settings: IndexSettings, folder: Path, program: str) -> None:
        supported_tags(target.python, target.platform)
        self.target, self._settings, self.folder, self._program = target, settings, folder, program

    def compile(self, requirements: Sequence[str], *options: str) -> Answer:
        """Return what ``uv pip compile`` makes of requirements.

        Raises:
            UnavailableError: uv failed for another reason than that there is no solution.
        """
        words = [self._program, "pip", "compile", "--python", sys.executable, *_OPTIONS]
        words += ["--python-version", self.target.python, "--python-platform", self.target.platform]
        words += ["--no-index"] if self._settings.no_index else []
        done = self._run([*words, *options, "-"], "\n".join(requirements) + "\n")
        if not done.returncode:
            return Answer(done.stdout)
        refused = Explanation.parse(done.stderr)
        if refused is None or "network was disabled" in done.stderr:
            raise UnavailableError(
                f"uv could not resolve: {_last_line(done.stderr)}",
                remedy="Check the network and the index configuration of pip or uv",
            )
        return Answer("", refused)

    def _run(self, words: Sequence[str], text: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603
                words,
                input=text,
                capture_output=True,
                text=True,
                check=False,
                timeout=_TIMEOUT,
                cwd=self.folder,
                env=self._environment(),
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UnavailableError("uv does not run or does not end", remedy="Run it by hand") from error

    def _environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name not in _IGNORED}
        found = kept | self._settings.environment()
        stubs = str(self.folder / "stubs")
        links = [found["UV_FIND_LINKS"]] if found.get("UV_FIND_LINKS") else []
        return found | ({"UV_FIND_LINKS": ",".join([stubs, *links])} if Path(stubs).is_dir() else {})


def _last_line(text: str) -> str:
    """Return uv's last words for people, without anybody's password."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _USERINFO.sub("//***@", lines[-1][:300]) if lines else "it does not say why"
