#!/usr/bin/env bash
# The main job on the demo image: advisories, inventory, bills of materials, findings, decision.
# Usage: demo/run.sh OUTDIR PRATIQUE
set -euo pipefail
out=${1:?usage: demo/run.sh OUTDIR PRATIQUE} pratique=${2:?usage: demo/run.sh OUTDIR PRATIQUE}
here=$(dirname "$0")
documents=$out/documents

"$pratique" db import "$here/../data/advisories" --cache-dir "$out/cache" --quiet --format json >/dev/null
code=0
"$pratique" scan "oci:$out/image" --policy "$here/policy.toml" --cache-dir "$out/cache" --quiet \
    -o inventory="$documents/inventory.json" -o findings="$documents/findings.json" \
    -o decision="$documents/decision.json" -o sarif="$documents/findings.sarif" \
    -o cyclonedx-json="$documents/sbom.cdx.json" -o spdx-json="$documents/sbom.spdx.json" || code=$?

# 2 and 3 are answers: the policy failed the image, or part of it could not be judged.
case $code in 0 | 2 | 3) ;; *) exit "$code" ;; esac
printf '\nDocuments\n'
for file in "$documents"/*; do printf '  %-36s %s\n' "$file" "$(du -h "$file" | cut -f1)"; done
printf '\nThe scan ended with exit code %s. More to try:\n' "$code"
printf '  %s scan oci:%s/image --fail-on kev --all --cache-dir %s/cache\n' "$pratique" "$out" "$out"
printf '  %s db status --cache-dir %s/cache\n' "$pratique" "$out"
