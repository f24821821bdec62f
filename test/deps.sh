#!/bin/sh
# Installs the Debian packages that building and testing need and that are missing. Go itself must be there.
set -eu
packages="cmake gcc g++ make pkg-config git libspeexdsp-dev"
missing=
for p in $packages; do
	dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done
if [ -n "$missing" ]; then
	sudo=
	[ "$(id -u)" = 0 ] || sudo=sudo
	echo "installing:$missing"
	$sudo apt-get update -q >/dev/null
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -qy --no-install-recommends $missing >/dev/null
fi
if ! command -v go >/dev/null; then
	echo "Go is missing: install the version that go.mod names, or a newer one" >&2
	exit 1
fi
