#!/bin/bash
# Installs the Debian packages that building and testing need and that are missing; with "lint" the linters of C and of
# shell scripts too, as far as Debian has them. Go itself must be there.
set -euo pipefail
need=(cmake gcc g++ make pkg-config git libspeexdsp-dev)
want=()
[ "${1-}" != lint ] || want=(clang-format clang-tidy shellcheck)

missing() {
	local p
	for p in "$@"; do
		dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || echo "$p"
	done
}

install() {
	local sudo=()
	[ "$(id -u)" = 0 ] || sudo=(sudo)
	echo "installing: $*"
	"${sudo[@]}" apt-get update -q >/dev/null &&
		"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "$@" >/dev/null
}

mapfile -t packages < <(missing "${need[@]}")
[ ${#packages[@]} = 0 ] || install "${packages[@]}"
mapfile -t packages < <(missing "${want[@]}")
for p in "${packages[@]}"; do
	install "$p" || echo "not installed: $p" # test/run.sh says what it had to leave out
done
if ! command -v go >/dev/null; then
	echo "Go is missing: install the version that go.mod names, or a newer one" >&2
	exit 1
fi
