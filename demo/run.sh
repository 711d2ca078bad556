#!/usr/bin/env bash
# The main job on the demo image: see what its two workloads use, remove and patch, prove, judge.
# Usage: demo/run.sh OUTDIR PRATIQUE
set -euo pipefail
out=${1:?usage: demo/run.sh OUTDIR PRATIQUE} pratique=${2:?usage: demo/run.sh OUTDIR PRATIQUE}
here=$(dirname "$0")

# Running images needs root, as building one did; the cache is root's then.
if [[ $EUID -ne 0 ]]; then
  echo "running the workloads needs root: going on with sudo" >&2
  exec sudo --preserve-env=CI,NO_COLOR,COLUMNS,SOURCE_DATE_EPOCH bash "$0" "$@"
fi

# One policy for the decision and for the gate, which also wants signatures.
{
  printf 'require-statements = ["sbom", "rbom", "vex", "provenance", "lock"]\nrequire-proof = true\n'
  cat "$here/policy.toml"
  printf '\n[[accept-gaps]]\ngap = "lock-coverage"\nreason = "Files of Debian packages are in no lock of Python packages"\n'
  printf 'owner = "platform@example.org"\nuntil = 2027-12-31\n'
  printf '\n[signers]\ndemo = "demo.pub"\n'
} >"$out/policy.toml"

"$pratique" db import "$here/../data/advisories" --cache-dir "$out/cache" --quiet --format json >/dev/null
code=0
"$pratique" clear "oci:$out/image" --to "oci:$out/clear:latest" \
  --workload training='python3 train.py' \
  --expect training=/tmp/out/metrics.json:json:0.01 --expect training=/tmp/out/history.csv \
  --workload serving='sh -c "python3 train.py && exec python3 serve.py"' \
  --ready serving=http://127.0.0.1:8080/healthz --drive serving="python3 $here/drive.py" \
  --policy "$out/policy.toml" --documents "$out/documents" --cache-dir "$out/cache" || code=$?

# 2 and 3 are answers: the policy failed the image, or part of it could not be judged.
case $code in 0 | 2 | 3) ;; *) exit "$code" ;; esac
if grep -q '"published":true' "$out/documents/clearance.json"; then "$here/seal.sh" "$out" "$pratique"; fi
printf '\nThe same as a page, and every document of the way: %s\n' "$out/documents/report.html"
printf 'More to try:\n'
printf '  %s scan oci:%s/image --fail-on kev --all --cache-dir %s/cache\n' "$pratique" "$out" "$out"
printf '  %s plan oci:%s/image --usage %s/documents/usage-training.json --cache-dir %s/cache\n' "$pratique" "$out" "$out" "$out"
