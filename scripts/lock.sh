#!/bin/sh
# Pin every requirement, with hashes and without an index address, from pyproject.toml.
# Usage: scripts/lock.sh            (needs uv: pip install uv)
set -eu
cd "$(dirname "$0")/.."
lock() {
    out=$1; shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --no-header --no-annotate "$@" --output-file "requirements/$out"
}
lock run.txt pyproject.toml
lock test.txt pyproject.toml --group test --constraint requirements/run.txt
lock dev.txt pyproject.toml --group dev --constraint requirements/test.txt
