"""Scripts that installers make: the commands of entry points, and scripts whose first line was replaced.

The texts of commands differ between pip before 26, pip from 26 on, uv and Pratique; what they run is told here by rule, and a
text of no known form tells nothing.
"""

import re

from msgspec import Struct

_DIRECT = re.compile(r"#!(/[^\s]+)\n")
_BY_SHELL = re.compile(
    r"""#!/bin/sh\n'''exec' (?:"(?P<quoted>/[^\n"$`\\]+)"|(?P<bare>/[\w./+-]+)) "\$0" "\$@"\n' '''\n""",
    re.ASCII,
)
"""For interpreters whose path is too long for the kernel, or holds blanks; nothing in it means anything to the shell."""

_IMPORT = r"from (?P<module>[A-Za-z_][\w.]*) import (?P<name>[A-Za-z_]\w*)\n"
_EXIT = r"    sys\.exit\((?P<attribute>[A-Za-z_][\w.]*)\(\)\)\n?"
_CODING = r"(?:# -\*- coding: utf-8 -\*-\n)?"
_MAIN = r"if __name__ == (?:'__main__'|\"__main__\"):\n"
_ARGUMENTS = (
    "",
    "    sys.argv[0] = re.sub(r'(-script\\.pyw|\\.exe)?$', '', sys.argv[0])\n",
    "    sys.argv[0] = re.sub(r'(-script\\.pyw?|\\.exe)?$', '', sys.argv[0])\n",
    "    sys.argv[0] = sys.argv[0].removesuffix('.exe')\n",
    """    if sys.argv[0].endswith("-script.pyw"):
        sys.argv[0] = sys.argv[0][:-11]
    elif sys.argv[0].endswith(".exe"):
        sys.argv[0] = sys.argv[0][:-4]
""",
)
_COMMAND = re.compile(
    rf"{_CODING}(?:import re\n)?import sys\n\n?{_IMPORT}\n?{_MAIN}(?:{'|'.join(map(re.escape, _ARGUMENTS))}){_EXIT}",
    re.ASCII,
)


class Script(Struct, frozen=True):
    """A script with its first line taken off.

    Attributes:
        interpreter: absolute path.
        body: what it runs.
    """

    interpreter: str
    body: bytes


def split(content: bytes) -> Script | None:
    """Return the parts of a script that an absolute interpreter runs, alone; None where it has another form."""
    head = content[:4096].decode("latin-1")
    found = _BY_SHELL.match(head)
    if found:
        return Script(found["quoted"] or found["bare"], content[found.end() :])
    direct = _DIRECT.match(head)
    return Script(direct[1], content[direct.end() :]) if direct else None


def entry_point(body: bytes) -> str:
    """Return ``module:attribute`` that a command runs; empty where its text is of no known form."""
    if len(body) > 4096:
        return ""
    found = _COMMAND.fullmatch(body.decode("latin-1"))
    if not found or found["attribute"].partition(".")[0] != found["name"]:
        return ""
    return f"{found['module']}:{found['attribute']}"


def same(wanted: bytes, found: bytes) -> str:
    """Return the interpreter of a script that runs what another runs; empty where it does not."""
    one, other = split(wanted), split(found)
    if one is None or other is None:
        return ""
    command = entry_point(one.body)
    alike = one.body == other.body or (command and command == entry_point(other.body))
    return other.interpreter if alike else ""
