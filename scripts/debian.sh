#!/bin/sh
# Install the Debian packages that are missing for a purpose; says what it does first, and does nothing when all is there.
# Usage: scripts/debian.sh venv|demo|test
set -eu
case "${1:-}" in
    venv) want="ca-certificates python3-venv"; have="ca-certificates"
          "${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || have="" ;;
    demo) want="buildah ca-certificates debian-archive-keyring docker-registry mmdebstrap skopeo"; have="" ;;
    test) want="bubblewrap buildah ca-certificates debian-archive-keyring docker-registry gnupg gpgv mmdebstrap skopeo strace umoci"; have="" ;;
    *) sed -n '2,3p' "$0" >&2; exit 4 ;;
esac
[ "$have" = "" ] || exit 0

missing=""
for package in $want; do
    dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null; then
    echo "error: these Debian packages are needed and there is no apt-get:$missing" >&2
    exit 1
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo=sudo
echo "Installing Debian packages:$missing (${sudo:+with sudo, }apt-get)" >&2
$sudo apt-get update -qq
# word splitting is meant: one argument a package
# shellcheck disable=SC2086
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
