#!/bin/bash
# Builds and tests everything, and ends with what ran, what was skipped and why. Exits 1 if anything failed.
set -u
cd "$(dirname "$0")/.."
unset OAS_HOST OAS_MODULE OAS_FREESWITCH OAS_FREESWITCH_MODULE OAS_LONG # what runs is decided below
jobs=$(nproc)
passed=0 failed=0 skipped=0
summary=()

# step NAME COMMAND...: runs it, and notes how it ended.
step() {
	local name=$1
	shift
	echo "== $name"
	if "$@"; then
		passed=$((passed + 1))
		summary+=("passed   $name")
	else
		failed=$((failed + 1))
		summary+=("FAILED   $name")
	fi
}

skip() {
	skipped=$((skipped + 1))
	summary+=("skipped  $1: $2")
}

formatted() {
	local bad
	bad=$(gofmt -l $(git ls-files '*.go'))
	[ -z "$bad" ] || { echo "not formatted: $bad"; return 1; }
}

build() { # directory, options
	local dir=$1
	shift
	cmake -S . -B "$dir" "$@" >"$dir.log" 2>&1 && cmake --build "$dir" -j "$jobs" >>"$dir.log" 2>&1 || {
		tail -40 "$dir.log"
		return 1
	}
}

e2e() { # build directory, flags of go test
	local dir=$1
	shift
	OAS_HOST=$PWD/$dir/test/host/oas_host OAS_MODULE=$PWD/$dir/mod_openai_audio_stream_standin.so \
		go test -count=1 -parallel 6 "$@" ./test/e2e # they wait for real time more than they work
}

step "gofmt" formatted
step "go vet" go vet ./...
step "go test -race" go test -race ./bridge/... ./module/... ./test/...
step "go test without cgo" env CGO_ENABLED=0 go test ./module/...
step "resampler against libspeexdsp" go test -tags speexdsp ./module/audio

step "build" build build -DOAS_WERROR=ON
step "C tests, stand-in host" ctest --test-dir build --output-on-failure -Q
step "whole module in the stand-in host" e2e build -v

step "build with AddressSanitizer" build build-asan -DOAS_SANITIZE=address
step "C tests with AddressSanitizer" ctest --test-dir build-asan --output-on-failure -Q
step "whole module with AddressSanitizer" env LSAN_OPTIONS=suppressions="$PWD/cmake/lsan.supp" bash -c \
	"$(declare -f e2e); e2e build-asan"
step "build with ThreadSanitizer" build build-tsan -DOAS_SANITIZE=thread
step "C tests with ThreadSanitizer" ctest --test-dir build-tsan --output-on-failure -Q
step "whole module with ThreadSanitizer" e2e build-tsan

freeswitch=/usr/local/freeswitch
if [ -x $freeswitch/bin/freeswitch ]; then
	step "module in FreeSWITCH" env OAS_FREESWITCH=$freeswitch OAS_FREESWITCH_MODULE="$PWD/build/mod_openai_audio_stream.so" \
		go test -count=1 ./test/freeswitch
else
	skip "module in FreeSWITCH" "FreeSWITCH is not installed in $freeswitch"
fi
skip "the live service" "it needs a key and a network; make demo URL=... tries it by hand"

echo
printf '%s\n' "${summary[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
