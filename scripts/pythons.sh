#!/bin/sh
# Run the unit tests on every other Python from 3.11 on that this machine has, each in a .venv of its own.
# Usage: scripts/pythons.sh
set -eu
cd "$(dirname "$0")/.."
own=$(.venv/bin/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
found=""
for minor in 11 12 13 14; do
    version=3.$minor
    [ "$version" != "$own" ] || continue
    for python in "python$version" "$(pyenv root 2>/dev/null || true)"/versions/"$version".*/bin/python3; do
        if "$python" -c 'import venv, ensurepip' 2>/dev/null; then
            found="$found $version"
            [ -x ".venv-$version/bin/python" ] || "$python" -m venv ".venv-$version"
            break
        fi
    done
done
[ -n "$found" ] || echo "no other Python from 3.11 on was found here: nothing to do" >&2
for version in $found; do
    venv=.venv-$version
    if [ ! -e "$venv/.ready" ] || [ requirements/test.txt -nt "$venv/.ready" ]; then
        "$venv/bin/python" -m pip install --disable-pip-version-check -qq --require-hashes -r requirements/test.txt
        touch "$venv/.ready"
    fi
    echo "Unit tests on Python $version" >&2
    PYTHONPATH=src "$venv/bin/python" -m pytest -n auto -m "not e2e" --quiet -p no:cacheprovider
done
