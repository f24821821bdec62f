# The everyday commands. CMake builds; this file only names what is done often.
BUILD ?= build
JOBS ?= $(shell nproc)

# Of `make bench`: another module of this API to compare to, more flags of test/bench/calls, and where FreeSWITCH is.
MODULE ?=
BENCH ?=
FREESWITCH ?= /usr/local/freeswitch

.PHONY: all deps build install demo test lint bench bench-code bench-standin bench-calls clean

all: build

deps: ## Debian packages that are missing
	@test/deps.sh

build: deps
	cmake -S . -B $(BUILD)
	cmake --build $(BUILD) -j $(JOBS)

install: build
	cmake --install $(BUILD)

demo: build ## a call in the stand-in host; OPENAI_API_KEY and URL= for a real server
	go run ./test/demo -host $(BUILD)/test/host/oas_host -module $(BUILD)/mod_openai_audio_stream_standin.so $(if $(URL),-url '$(URL)')

test: ## everything; ends with what ran and what was skipped
	@test/deps.sh lint
	@test/run.sh

lint: ## formats and linters alone
	@test/deps.sh lint
	@test/run.sh lint

bench: bench-code bench-standin bench-calls ## figures for docs/benchmarks.md; nothing here passes or fails

bench-code: ## the parts alone
	go test -run '^$$' -bench . -benchmem ./module/...

bench-standin: build ## the module in the stand-in host
	go run ./test/bench/standin -host $(BUILD)/test/host/oas_host -module $(BUILD)/mod_openai_audio_stream_standin.so

bench-calls: build ## what a call costs in FreeSWITCH; MODULE=other.so compares
	@cmake --build $(BUILD) -j $(JOBS) --target oas_tap mod_empty_bug
	go run ./test/bench/calls -freeswitch $(FREESWITCH) -tap $(BUILD)/test/bench/tap/oas_tap.so \
		-module this=$(BUILD)/mod_openai_audio_stream.so $(if $(MODULE),-module other=$(MODULE)) $(BENCH)

clean:
	rm -rf $(BUILD) build-asan build-tsan build-lint build-fs-*
