#!/bin/bash
# Builds and tests everything, and ends with what ran, what was skipped and why. Exits 1 if anything failed.
# With "lint" as its argument, only what needs no test to run: formats and linters.
set -u
cd "$(dirname "$0")/.." || exit
unset OAS_HOST OAS_MODULE OAS_FREESWITCH OAS_FREESWITCH_MODULE OAS_LONG # what runs is decided below
jobs=$(nproc)
passed=0 failed=0 skipped=0
summary=() unjudged=()
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# step NAME COMMAND...: runs it, notes how it ended, and prints its log if that was badly.
step() {
	local name=$1 began=$SECONDS outcome line
	shift
	echo "== $name"
	if "$@" >"$log" 2>&1; then
		passed=$((passed + 1)) outcome="passed  "
	else
		failed=$((failed + 1)) outcome="FAILED  "
		grep -vE '^ *(=== (RUN|PAUSE|CONT|NAME) |--- PASS: )' "$log"
	fi
	summary+=("$outcome $name ($((SECONDS - began)) s)")
	while IFS= read -r line; do
		summary+=("         failed in it: $line")
	done < <(complaints "$log")
	while IFS= read -r line; do
		unjudged+=("${line%%:*}")
		summary+=("         not judged in it: $line")
	done < <(not_judged "$log")
}

# The tests of a log of go test -v that failed, each with what it said first.
complaints() {
	awk '/^=== (RUN|CONT|NAME) /{ name = $3 }
		/^ +[a-z0-9_]+\.go:[0-9]+: /{ if (said[name]++ < 4) { sub(/^ +/, ""); text[name] = text[name] " | " substr($0, 1, 200) } }
		/^ *--- FAIL: /{ print $3 text[$3] }' "$1"
}

# The tests of a log of go test -v that a busy machine has made impossible to judge, with the reason.
not_judged() {
	awk '/^=== (RUN|CONT|NAME) /{ name = $3 } sub(/^.*_test\.go:[0-9]+: not judged: /, ""){ print name ": " $0 }' "$1"
}

skip() {
	skipped=$((skipped + 1))
	summary+=("skipped  $1: $2")
}

summarise() {
	echo
	printf '%s\n' "${summary[@]}"
	echo "${#unjudged[@]} tests not judged because the machine was busy${unjudged[*]:+: ${unjudged[*]}}"
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" = 0 ]
}

formatted() {
	local bad
	bad=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
	[ -z "$bad" ] || { echo "not formatted: $bad"; return 1; }
}

build() { # directory, options
	local dir=$1
	shift
	if ! { cmake -S . -B "$dir" "$@" && cmake --build "$dir" -j "$jobs"; } >"$dir.log" 2>&1; then
		tail -40 "$dir.log"
		return 1
	fi
}

e2e() { # build directory, more flags of go test
	local dir=$1
	shift
	OAS_HOST=$PWD/$dir/test/host/oas_host OAS_MODULE=$PWD/$dir/mod_openai_audio_stream_standin.so \
		go test -count=1 -v -parallel 6 "$@" ./test/e2e # they wait for real time more than they work
}

# The linters of Go are built from the versions in test/lint/go.mod.
go_linters() {
	local said
	said=$(go build -C test/lint -o "$PWD/build-lint/" tool 2>&1) || {
		skip "staticcheck, deadcode" "not built: ${said##*$'\n'}"
		return
	}
	# Beside what it finds by itself: names of receivers, and comments on what is exported.
	step "staticcheck" build-lint/staticcheck -checks inherit,ST1000,ST1016,ST1020,ST1021,ST1022 ./...
	step "deadcode" unreachable
}

# What no test and no program reaches. The bridge is reached from C.
unreachable() {
	local dead
	dead=$(build-lint/deadcode -test -filter '^mod_openai_audio_stream/(module|test)' ./...)
	[ -z "$dead" ] || { echo "$dead"; return 1; }
}

# Another version of clang-format breaks lines elsewhere, and another clang-tidy has other checks.
clang=14
c_linters() {
	local name
	for name in clang-format clang-tidy; do
		if ! command -v "$name" >/dev/null; then
			skip "$name" "it is not installed"
		elif ! "$name" --version | grep -q "version $clang\."; then
			skip "$name" "the code is held against version $clang, and this is $("$name" --version | grep -o 'version [0-9.]*')"
		else
			step "$name" "${name//-/_}_all"
		fi
	done
}

clang_format_all() { # the links that cgo needs aside
	git ls-files -s '*.c' '*.h' | awk '$1 != 120000 { print $4 }' | xargs clang-format --dry-run -Werror
}

# Against the stand-in's headers, whether FreeSWITCH is installed or not. One file for each process: with several,
# version 14 takes every va_list after the first file's for uninitialised.
clang_tidy_all() {
	cmake -S . -B build-lint -DCMAKE_DISABLE_FIND_PACKAGE_FreeSWITCH=ON &&
		git ls-files 'cshim/*.c' 'test/host/*.c' 'test/cunit/*.c' 'test/bench/*.c' | grep -v check_real_headers.c |
		xargs -P "$jobs" -n 1 clang-tidy -p build-lint --quiet
}

shell_linter() {
	command -v shellcheck >/dev/null || {
		skip "shellcheck" "it is not installed"
		return
	}
	local scripts
	mapfile -t scripts < <(git ls-files .ci/run '*.sh')
	step "shellcheck" shellcheck "${scripts[@]}"
}

step "gofmt" formatted
step "go vet" go vet ./...
go_linters
c_linters
shell_linter
if [ "${1-}" = lint ]; then
	summarise
	exit
fi
step "go test -race" go test -v -race ./bridge/... ./module/... ./test/...
step "go test without cgo" env CGO_ENABLED=0 go test ./module/...
step "resampler against libspeexdsp" go test -tags speexdsp ./module/audio

step "build" build build -DOAS_WERROR=ON
step "C tests, stand-in host" ctest --test-dir build --output-on-failure -Q
step "whole module in the stand-in host" e2e build

step "build with AddressSanitizer" build build-asan -DOAS_SANITIZE=address
step "C tests with AddressSanitizer" ctest --test-dir build-asan --output-on-failure -Q
step "whole module with AddressSanitizer" env LSAN_OPTIONS=suppressions="$PWD/cmake/lsan.supp" bash -c \
	"$(declare -f e2e); e2e build-asan"
step "build with ThreadSanitizer" build build-tsan -DOAS_SANITIZE=thread
step "C tests with ThreadSanitizer" ctest --test-dir build-tsan --output-on-failure -Q
step "whole module with ThreadSanitizer" e2e build-tsan

# in_freeswitch PREFIX VERSION: the module as it is built against this FreeSWITCH, in it.
in_freeswitch() {
	local dir=build-fs-$2
	cmake -S . -B "$dir" -DOAS_WERROR=ON -DFREESWITCH_PREFIX="$1" &&
		cmake --build "$dir" -j "$jobs" --target oas_check_real_headers mod_openai_audio_stream &&
		OAS_FREESWITCH=$1 OAS_FREESWITCH_MODULE=$PWD/$dir/mod_openai_audio_stream.so go test -count=1 -v ./test/freeswitch
}

prefixes=${OAS_FREESWITCH_PREFIXES-$(printf '%s:' /usr/local/freeswitch* /opt/freeswitch*)}
found=
while IFS= read -r -d : prefix; do
	[ -x "$prefix/bin/freeswitch" ] || continue
	version=$(PKG_CONFIG_LIBDIR=$prefix/lib/pkgconfig pkg-config --modversion freeswitch) || version=$(basename "$prefix")
	version=${version%%-*}
	found=1
	step "module in FreeSWITCH $version" in_freeswitch "$prefix" "$version"
done <<<"$prefixes:"
[ "$found" ] || skip "module in FreeSWITCH" "FreeSWITCH is not installed in any of $prefixes"
skip "the live service" "it needs a key and a network; make demo URL=... tries it by hand"

summarise
