# A thin front for developers; CMakePresets.json and scripts/ do the work.
.PHONY: all dev demo test lint format bench fuzz install clean

all:
	@cmake --preset release >/dev/null
	@cmake --build --preset release

dev:
	@cmake --preset dev >/dev/null
	@cmake --build --preset dev

demo:
	@scripts/demo

test:
	@scripts/test

lint:
	@scripts/lint

format:
	@git ls-files --cached --others --exclude-standard '*.c' '*.h' | xargs -r clang-format -i

bench: all
	@build/release/bin/stagecoach-bench decode
	@build/release/bin/stagecoach-bench rules
	@build/release/bin/stagecoach-bench kafka

# Each fuzzer for FUZZ_SECONDS, ten minutes where nothing is said.
fuzz:
	@scripts/fuzz

install: all
	@cmake --install build/release

clean:
	@cmake -E rm -rf build
