# The verbs of this project; `make help` lists them. What they do beyond one line is in hack/.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := build
.PHONY: build programs test demo lint format sanitize bench conformance e2e fuzz soak coverage trace verify package deps clean help

export NINJA_STATUS := [%f/%t] $()
JOBS := $(shell nproc)

# What a step that failed tells the reader to do next.
hint = || { echo "make $@: $(1)" >&2; exit 1; }

# A verb whose part is not built yet says so, and never that it passed.
run_if_there = if [ -x hack/$(1) ]; then hack/$(1); else echo "skipped: $(1) (hack/$(1)) does not exist yet"; fi

build: build/build.ninja ## build everything for development (this is also plain `make`)
	@cmake --build --preset dev $(call hint,fix the first error above and run it again)

build/build.ninja: CMakePresets.json | deps
	@cmake --preset dev $(call hint,if a library was not found: hack/deps; to start afresh: make clean)
	@touch $@

programs: build/build.ninja
	@cmake --build --preset dev --target programs $(call hint,fix the first error above and run it again)

test: build ## run every test that needs no root box
	@ctest --preset dev -j $(JOBS) $(call hint,one test alone: build/bin/<room>_test -tc='*part of its name*')

demo: programs ## show the main job as a story, in a minute, without root
	@hack/demo

lint: build/build.ninja ## format, clang-tidy, layers, shellcheck and the small rules
	@hack/deps all
	@hack/lint $(call hint,mend what stands under FAILED)

format: ## rewrite the C++ files the way lint wants them
	@hack/deps all
	@git ls-files -co --exclude-standard -- '*.h' '*.cc' | xargs -r clang-format-16 --style=file -i

sanitize: ## the tests under address, undefined-behaviour and thread sanitizers
	@hack/deps all
	@hack/sanitize $(call hint,the report above names the line; binaries are in build/asan/bin and build/tsan/bin)

bench: deps ## measure, print the table, write build/bench/results.json
	@$(call run_if_there,bench)

conformance: programs ## the Kubernetes wire against clients that we did not write
	@$(call run_if_there,conformance)

e2e: programs ## the whole story on booted boxes (root; installs what it needs)
	@$(call run_if_there,e2e)

fuzz: ## feed invented bytes to everything that parses, FUZZ_SECONDS=60 each
	@hack/deps all
	@hack/fuzz $(call hint,each FAILED line above says how to run its input again)

soak: build ## what takes long: hundreds of kills, thousands of simulated lives, minutes of fuzz
	@hack/deps all
	@hack/soak $(call hint,HERO_TEST_SEED repeats the seed that a failure names)

coverage: ## which lines the unit tests run (installs gcovr)
	@hack/deps coverage
	@hack/coverage

trace: ## which tests stand for which requirement; writes build/trace.json
	@hack/trace

verify: ## everything CI runs; fails on a dirty tree
	@test -z "$$(git status --porcelain)" $(call hint,commit or stash first: git status)
	@.ci/run
	@test -z "$$(git status --porcelain)" $(call hint,a step changed the tree: git status)

package: programs ## what a box is installed from, as a tarball in build/package
	@$(call run_if_there,package)

deps: ## install the Debian packages that are missing (nothing to do is fast)
	@hack/deps build

clean: ## remove everything that was built
	@rm -rf build

help: ## list these verbs
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' Makefile
