# The everyday commands. CMake builds; this file only names what is done often.
BUILD ?= build
JOBS ?= $(shell nproc)

.PHONY: all deps build install demo test lint bench clean

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

bench: build ## figures for docs/benchmarks.md; nothing here passes or fails
	go test -run '^$$' -bench . -benchmem ./module/...
	go run ./test/bench -host $(BUILD)/test/host/oas_host -module $(BUILD)/mod_openai_audio_stream_standin.so
	@test/bench/freeswitch.sh

clean:
	rm -rf $(BUILD) build-asan build-tsan build-measure build-lint build-fs-*
