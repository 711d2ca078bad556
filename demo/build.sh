#!/usr/bin/env bash
# Builds the demo image, a small training image with real problems in it, as an
# OCI layout. Nothing is done when OUTDIR already holds the image of this recipe.
set -euo pipefail

usage="usage: demo/build.sh OUTDIR   (leaves OUTDIR/image, tag latest)"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
self=$here/$(basename "${BASH_SOURCE[0]}")
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
umask 022
# One fixed time (2023-06-01) for files and history, so that builds compare well.
export SOURCE_DATE_EPOCH=1685577600

say() { printf '%s\n' "$*" >&2; }
die() { say "demo/build.sh: $*"; exit 1; }

recipe_hash() {
  (cd "$here" && LC_ALL=C sha256sum build.sh pip_settings.py Containerfile ./*.txt app/*.py) |
    sha256sum | cut -d' ' -f1
}

need() { # need TOOL PACKAGE
  command -v "$1" >/dev/null || die "$1 is missing: install the Debian package $2"
}

# Where the user's pip gets packages from; taken before sudo changes the user.
pip_listing() {
  local pip
  for pip in "python3 -m pip" pip3 pip; do
    # shellcheck disable=SC2086 # the first one is three words
    if $pip config list 2>/dev/null; then return; fi
  done
  say "no working pip here: its default index is used"
}

# The Debian mirror of the user's own apt sources, in either format.
debian_mirror() {
  # shellcheck disable=SC2016 # apt-get expands these itself
  local targets uri fields='$(CODENAME)|$(ORIGIN)|$(LABEL)|$(RELEASE)|$(REPO_URI)'
  # bookworm first; then any Debian release: mirrors carry them all. Before the
  # first "apt-get update" the origin is not known, so the suite has to do.
  targets=$(apt-get indextargets --format "$fields"
    apt-get indextargets --no-release-info --format "$fields")
  uri=$(awk -F'|' '
    $2 == "Debian" && $3 == "Debian" && $1 == "bookworm" { print 1, $5 }
    $2 == "Debian" && $3 == "Debian"                     { print 2, $5 }
    $2 !~ /^[A-Z]/ && $4 == "bookworm"                   { print 3, $5 }
  ' <<<"$targets" | sort -s -n -k1,1 | awk 'NR == 1 { print $2 }')
  uri=${uri%/}
  if [[ $uri == mirror+file:* ]]; then
    uri=${uri#mirror+file:}
    uri=$(awk '/^http/ { print $1; exit }' "${uri#//}")
  fi
  [[ $uri =~ ^https?:// ]] ||
    die "no http(s) mirror of Debian in apt's sources (found: ${uri:-none}); is \"apt-get update\" due?"
  printf '%s\n' "${uri%/}"
}

work='' child='' made=''
# shellcheck disable=SC2317 # the trap calls it
cleanup() {
  # All mounts live in the child's own namespace: they end with it, and so this
  # rm can reach no folder that was mounted into the build.
  if [[ -n $child ]]; then
    kill -KILL "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  if [[ -n $work ]]; then rm -rf --one-file-system "$work"; fi
  if [[ -n $made ]]; then rmdir "$made" 2>/dev/null || true; fi
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Runs a command in mount and process namespaces of its own; waiting (not a plain
# call) lets the traps act at once. Output goes to the log, shown on failure.
isolated() { # isolated WHAT COMMAND...
  local what=$1
  shift
  unshare --mount --pid --fork --kill-child --mount-proc "$@" >>"$work/log" 2>&1 &
  child=$!
  if ! wait "$child"; then
    child=''
    tail -n 40 "$work/log" >&2
    die "$what failed; its last lines are above"
  fi
  child=''
}

# Files for /mnt in the build: apt and pip settings, never part of the image.
stage_settings() {
  local stage=$1 mirror=$2
  mkdir -p "$stage"
  # apt names its lists after the address in sources.list; mirror+file keeps the
  # true one out of those names, which stay behind in a layer.
  echo "$mirror/" >"$stage/mirror.list"
  echo "deb mirror+file:/mnt/mirror.list bookworm main" >"$stage/sources.list"
  apt-config dump | grep -E \
    '^Acquire::(https?::(Proxy(::[^ ]+)?|Timeout)|Check-(Date|Valid-Until)|Retries) ' \
    >"$work/apt-user.conf" || true
  if [[ -r /etc/ssl/certs/ca-certificates.crt ]]; then
    cp /etc/ssl/certs/ca-certificates.crt "$stage/apt-ca.crt"
  fi
  {
    cat "$work/apt-user.conf"
    echo 'Dir::Etc::sourcelist "/mnt/sources.list";'
    echo 'Dir::Etc::sourceparts "/dev/null";'
    echo 'Acquire::Languages "none";'
    echo 'Acquire::GzipIndexes "true";'
    echo 'Acquire::IndexTargets::deb::Packages::KeepCompressedAs "xz";'
    echo 'APT::Sandbox::User "root";'
    if [[ -e $stage/apt-ca.crt ]]; then echo 'Acquire::https::CAInfo "/mnt/apt-ca.crt";'; fi
  } >"$stage/apt.conf"
  python3 "$here/pip_settings.py" "$stage" <"$work/pip-listing" >"$work/mounts"
}

make_base() { # make_base MIRROR TAR
  # Man pages, documents and translations are left out, as in slim base images;
  # licences stay. So are gcc's link-time optimiser and Python's static library
  # (90 MB that the demo can spare). The last hook removes what would tell of this
  # machine. usr-is-merged stands in for a package that would bring perl along.
  # shellcheck disable=SC2016 # mmdebstrap expands $1 itself
  isolated "making the base" mmdebstrap --mode=root --variant=minbase --keyring="$keyring" \
    --aptopt="$work/apt-user.conf" --aptopt='APT::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --dpkgopt='path-include=/usr/share/locale/locale.alias' \
    --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/lib/gcc/*/lto1' \
    --dpkgopt='path-exclude=/usr/bin/*lto-dump*' \
    --dpkgopt='path-exclude=/usr/lib/python3*/config-*/libpython*.a' \
    --include=usr-is-merged --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --customize-hook='rm -f "$1"/etc/apt/sources.list "$1"/etc/apt/apt.conf.d/99mmdebstrap \
      "$1"/etc/hostname "$1"/etc/resolv.conf "$1"/var/log/bootstrap.log' \
    bookworm "$2" "deb $1 bookworm main"
}

build_image() { # build_image CONTEXT STAGE LAYOUT
  local driver=vfs mounts=() line
  # Overlay does not work on top of every file system; vfs does, but is slower.
  mkdir -p "$work"/probe/{low,up,tmp,top}
  if unshare --mount mount -t overlay overlay \
    -o "lowerdir=$work/probe/low,upperdir=$work/probe/up,workdir=$work/probe/tmp" \
    "$work/probe/top" 2>/dev/null; then driver=overlay; fi
  while read -r line; do mounts+=(--volume "$line:ro"); done <"$work/mounts"
  # As root, buildah also keeps a cache in this folder whatever --root says: an
  # empty file system on top of it takes what it writes there.
  [[ -d /var/lib/containers ]] || made=/var/lib/containers
  mkdir -p "$work/tmp" /var/lib/containers
  echo '{"default": [{"type": "insecureAcceptAnything"}]}' >"$work/policy.json"
  # shellcheck disable=SC2016 # the inner shell expands $@
  local buildah=(env "TMPDIR=$work/tmp" bash -c
    'mount -t tmpfs none /var/lib/containers && exec "$@"' bash buildah --root "$work/storage"
    --runroot "$work/run" --storage-driver "$driver")
  isolated "building the layers" "${buildah[@]}" build --isolation chroot --network host --layers \
    --format oci --timestamp "$SOURCE_DATE_EPOCH" \
    --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" \
    --signature-policy "$work/policy.json" \
    --volume "$2:/mnt:ro" "${mounts[@]}" --tag pratique-demo "$1"
  isolated "writing the OCI layout" "${buildah[@]}" push --signature-policy "$work/policy.json" \
    pratique-demo "oci:$3:latest"
}

# Stops when a file outside /usr, a file name or the configuration has an address
# or a folder of this machine. (Under /usr, upstream's own files name public hosts.)
check_image() { # check_image LAYOUT MIRROR
  local blob found
  {
    { echo "$2"; grep -oE "https?://[^ '\\\\]+" "$work/pip-listing" || true; } |
      sed -E 's#^https?://([^/@]*@)?##; s#/+$##' | awk '{ print; gsub("/", "_"); print }'
    cut -d: -f1 "$work/mounts"
    printf '%s\n' "$work" "$here"
  } | sort -u >"$work/needles"
  for blob in "$1"/blobs/sha256/*; do
    if [[ $(head -c 1 "$blob") == '{' ]]; then
      found=$(grep -oF -f "$work/needles" "$blob" || true)
    else
      found=$(tar -xzOvf "$blob" --exclude='usr/*' 2>&1 | grep -aoF -f "$work/needles" || true)
    fi
    [[ -z $found ]] || die "the image would tell of this machine: ${found%%$'\n'*}"
  done
}

up_to_date() { # up_to_date OUT HASH
  [[ -e $1/image/index.json && $(cat "$1/recipe.sha256" 2>/dev/null) == "$2" ]]
}

main() {
  [[ $# -eq 1 && $1 != -* ]] || { say "$usage"; exit 2; }
  mkdir -p "$1"
  local out want mirror
  out=$(cd "$1" && pwd)
  want=$(recipe_hash)
  if up_to_date "$out" "$want"; then
    say "demo image is up to date: $out/image"
    return
  fi
  need apt-get apt
  need mmdebstrap mmdebstrap
  need buildah buildah
  need unshare util-linux
  need python3 python3
  [[ -e $keyring ]] || die "$keyring is missing: install the Debian package debian-archive-keyring"

  work=$(mktemp -d "$out/.work.XXXXXX")
  if [[ -n ${PRATIQUE_PIP_LISTING:-} ]]; then
    cp "$PRATIQUE_PIP_LISTING" "$work/pip-listing"
  else
    pip_listing >"$work/pip-listing"
  fi
  if [[ $EUID -ne 0 ]]; then
    need sudo sudo
    say "building a root file system needs root: going on with sudo"
    sudo env "PRATIQUE_PIP_LISTING=$work/pip-listing" bash "$self" "$out"
    return
  fi
  # A second build of the same folder waits, and then has nothing to do.
  exec 9<"$out"
  flock 9
  if up_to_date "$out" "$want"; then return; fi

  say "[1/4] base: Debian 12 without security fixes (about 20 s)"
  mirror=$(debian_mirror)
  mkdir "$work/context"
  stage_settings "$work/mnt" "$mirror"
  make_base "$mirror" "$work/context/root.tar"
  say "[2/4] layers: compiler, Python packages, notebook tooling, app (about 2 min)"
  cp -r "$here/Containerfile" "$here"/*.txt "$here/app" "$work/context"
  build_image "$work/context" "$work/mnt" "$work/image"
  say "[3/4] check: no address or folder of this machine in the image"
  check_image "$work/image" "$mirror"
  say "[4/4] move into place"
  rm -rf "$out/recipe.sha256" "$out/image"
  mv "$work/image" "$out/image"
  echo "$want" >"$work/recipe.sha256"
  mv "$work/recipe.sha256" "$out/recipe.sha256"
  if [[ -n ${SUDO_UID:-} ]]; then
    # shellcheck disable=SC2153 # sudo sets both
    chown -R "$SUDO_UID:$SUDO_GID" "$out/image" "$out/recipe.sha256"
    chown "$SUDO_UID:$SUDO_GID" "$out"
  fi
  say "done: $out/image ($(du -sh "$out/image" | cut -f1))"
}

# On one line, so that bash has read all of it if this file changes meanwhile.
main "$@"; exit
