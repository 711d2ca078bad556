#!/usr/bin/env bash
# After the way of the demo image: pin it, sign what is known of it, put it into a registry, let the gate judge both images, keep a
# record, and see the decision turn when an advisory comes.
# Usage: demo/seal.sh OUTDIR PRATIQUE
set -euo pipefail
out=${1:?usage: demo/seal.sh OUTDIR PRATIQUE} pratique=${2:?usage: demo/seal.sh OUTDIR PRATIQUE}
here=$(dirname "$0")
documents=$out/documents store=$out/fleet.sqlite

say() { printf '\n%s\n' "$*"; }

# An answer that is no error has a code of its own, as a refusal has; any other one ends the demo.
answered() { # answered CODE COMMAND...
  local wanted=$1 code=0
  shift
  "$@" || code=$?
  printf 'exit code %s\n' "$code"
  [[ $code -eq $wanted ]] || exit 1
}

# A registry of Debian's on loopback, on a port that the system chooses; it ends with this script.
registry=''
start_registry() {
  local log=$out/registry.log n
  rm -rf "$out/registry"
  printf 'version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:0"}\n' \
    "$(cd "$out" && pwd)/registry" >"$out/registry.yml"
  docker-registry serve "$out/registry.yml" >"$log" 2>&1 &
  registry=$!
  trap 'kill "$registry" 2>/dev/null || true; wait "$registry" 2>/dev/null || true; rm -rf "$out/registry"' EXIT
  for ((n = 0; n < 100; n++)); do
    port=$(grep -oE 'listening on 127\.0\.0\.1:[0-9]+' "$log" | grep -oE '[0-9]+$' || true)
    if [[ -n $port ]]; then return; fi
    sleep 0.1
  done
  printf 'demo/seal.sh: the registry did not start, see %s\n' "$log" >&2
  exit 1
}

say "Pins: the locks hold; the new image gets one of its own, and its files are compared with the locked wheels"
answered 0 "$pratique" lock check "$here"/{requirements,notebook,tools}.txt
"$pratique" lock image "oci:$out/clear:latest" -o "$documents/pylock.toml" --cache-dir "$out/cache" --quiet
answered 3 "$pratique" lock verify "oci:$out/clear:latest" --lock "$documents/pylock.toml" \
  -o "verification=$documents/lock.json" --cache-dir "$out/cache" --quiet

[[ -e $out/demo.key ]] || "$pratique" key generate "$out/demo" --quiet >/dev/null
start_registry
image=registry:127.0.0.1:$port/train

say "Sign everything that is known of the new image, and attach it"
"$pratique" attest "oci:$out/clear:latest" --all --documents "$documents" --key "$out/demo.key"
"$pratique" push "oci:$out/clear:latest" --to "$image:clear" >/dev/null
"$pratique" push "oci:$out/image:latest" --to "$image:old" >/dev/null

# The new image passes where the policy passed it.
admitted=0
grep -q '"verdict":"pass"' "$documents/after/decision.json" || admitted=2

say "The gate, before a GPU is allocated: the old image, the new one"
answered 10 "$pratique" gate "$image:old" --policy "$out/policy.toml"
answered "$admitted" "$pratique" gate "$image:clear" --policy "$out/policy.toml"

say "Keep a record; then an advisory comes (made up, for numpy), and the stored decision turns"
rm -f "$store"
"$pratique" fleet add "$documents"/{before,after}/{inventory,findings,decision}.json "$documents"/usage-*.json \
  --store "$store" >/dev/null
"$pratique" db import "$here/../data/advisories" "$here/later" --cache-dir "$out/later" --quiet --format json >/dev/null
answered 2 "$pratique" rescan --policy "$out/policy.toml" --store "$store" --cache-dir "$out/later"
answered 0 "$pratique" affected DEMO-2026-0001 --store "$store"
