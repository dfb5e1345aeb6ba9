# make demo    build everything, fill a company with three years of records, serve its figures on this machine
# make test    everything that must hold before a change is merged
# make check   formatting, house rules, types of the page; make lints adds clippy
# make bench   benchmarks against DuckDB, Polars and chDB (CUSTOMERS=20000 for a quick look); make bench-events: of events (ROWS=200000)
# make web     the user interface alone (web/dist)
# make fmt     format all sources          make book    the book (needs mdbook)
# make delta   reads the lake with deltalake and DuckDB from PyPI and compares
# make clean   remove what was built
#
# Build artefacts lie in one folder outside the checkout, so that all worktrees and CI share one compiled DataFusion.
# CARGO_TARGET_DIR=... puts them elsewhere, DATA=... puts the demo company elsewhere. Only one checkout at a time may
# build there.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := demo
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules --no-print-directory

CARGO_TARGET_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/burgeon/target
export CARGO_TARGET_DIR
export CARGO_TERM_PROGRESS_WHEN ?= never
DATA ?= .data
BURGEON := $(CARGO_TARGET_DIR)/debug/burgeon
RELEASE := $(CARGO_TARGET_DIR)/release/burgeon
ROOT := $(filter 0,$(shell id -u))

.PHONY: demo test check bench bench-events delta web fmt clean book build release house lints rust-tests web-checks \
	web-packages browser-tests client-tests tools tools-browser

# --- what people run -------------------------------------------------------------------------------------------

demo: release
	$(RELEASE) --data $(DATA) demo

test: check rust-tests client-tests browser-tests
	@echo "make test: all of it holds"

check: house web-checks

CUSTOMERS ?= 1000000
BENCH := $(CARGO_TARGET_DIR)/bench

# The peers live in an environment of their own that nothing else uses.
bench: release
	$(python)
	test -x $(BENCH)/python/bin/python || python3 -m venv $(BENCH)/python
	$(BENCH)/python/bin/pip install -q -r bench/requirements.txt
	$(BENCH)/python/bin/python bench/run.py --binary $(RELEASE) --work $(BENCH) --customers $(CUSTOMERS)

ROWS ?= 20000000
bench-events: release
	$(python)
	test -x $(BENCH)/python/bin/python || python3 -m venv $(BENCH)/python
	$(BENCH)/python/bin/pip install -q -r bench/requirements.txt
	$(BENCH)/python/bin/python bench/run_events.py --binary $(RELEASE) --work $(BENCH) --rows $(ROWS)

# Other readers of the lake, in an environment of their own; apart from the tests, since it needs PyPI.
delta: build
	$(python)
	test -x $(BENCH)/delta/bin/python || python3 -m venv $(BENCH)/delta
	$(BENCH)/delta/bin/pip install -q deltalake duckdb pyarrow
	$(BENCH)/delta/bin/python bench/outside_reader.py --binary $(BURGEON)

web: web/dist/index.html

fmt:
	cargo fmt --all

book:
	cargo run -q -p xtask -- book
	mdbook build docs

clean:
	rm -rf web/dist web/node_modules web/test-results web/playwright-report docs/book tests/clients/node_modules
	cargo clean

# --- Rust ------------------------------------------------------------------------------------------------------

build: tools web
	cargo build --workspace --bins

# What people run: optimised throughout.
release: tools web
	cargo build --release -p burgeon

# xtask knows the rules that no compiler checks.
house: tools
	cargo fmt --all --check
	cargo run -q -p xtask -- tidy
	cargo run -q -p xtask -- book --check
	@if command -v cargo-deny >/dev/null; then cargo deny check bans licenses sources; \
	else echo "cargo-deny is not installed: licences and sources are not checked here"; fi

# Clippy type-checks every dependency once more, which takes as long as building them; so it is a command of its own.
lints: tools web
	cargo clippy --workspace --all-targets -- -D warnings

rust-tests: export INSTA_UPDATE := no
rust-tests: build
	@if command -v cargo-nextest >/dev/null; then \
	  cargo nextest run --workspace --no-fail-fast; \
	  cargo test --doc --workspace -q; \
	else cargo test --workspace --no-fail-fast; fi
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; $(BURGEON) --data "$$folder" test

# --- Web -------------------------------------------------------------------------------------------------------

web-packages: web/node_modules/.package-lock.json

web/node_modules/.package-lock.json: web/package.json web/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or later" >&2; exit 1; }
	cd web && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
	@touch $@

WEB_SOURCES := $(shell find web/src web/tracker web/public web/index.html web/*.ts web/*.mjs web/tsconfig.json openapi.json -type f 2>/dev/null)

web/dist/index.html: web/node_modules/.package-lock.json $(WEB_SOURCES)
	cd web && npm run --silent build

web-checks: web-packages
	cd web && npm run --silent check

browser-tests: export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD := 1
browser-tests: export BURGEON_BIN := $(BURGEON)
browser-tests: build tools-browser
	cd web && npm run --silent e2e

# --- Official clients of event collectors against a running server ---------------------------------------------------

CLIENTS := $(CARGO_TARGET_DIR)/clients

tests/clients/node_modules/.package-lock.json: tests/clients/package.json tests/clients/package-lock.json
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or later" >&2; exit 1; }
	cd tests/clients && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund
	@touch $@

$(CLIENTS)/python/.installed: tests/clients/requirements.txt
	$(python)
	python3 -m venv --clear $(CLIENTS)/python
	$(CLIENTS)/python/bin/pip install -q -r tests/clients/requirements.txt
	@touch $@

client-tests: export BURGEON_BIN := $(BURGEON)
client-tests: export CLIENTS_PYTHON := $(CLIENTS)/python/bin/python
client-tests: build tools-browser tests/clients/node_modules/.package-lock.json $(CLIENTS)/python/.installed
	cd tests/clients && npm run --silent test

# --- Set-up of a fresh Debian machine --------------------------------------------------------------------------

# $(call debian,COMMAND,PACKAGES): installs PACKAGES when COMMAND is missing.
define debian
	@if ! command -v $(1) >/dev/null; then \
	  if [ -n "$(ROOT)" ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2); \
	  else echo "$(1) is missing; install it (on Debian: apt-get install $(2))" >&2; exit 1; fi; fi
endef

# Debian has Python without the part that makes environments.
define python
	@if ! python3 -c 'import ensurepip' 2>/dev/null; then \
	  if [ -n "$(ROOT)" ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv; \
	  else echo "python3 with venv is missing; install it (on Debian: apt-get install python3 python3-venv)" >&2; exit 1; fi; fi
endef

tools:
	$(call debian,cc,build-essential)
	$(call debian,pkg-config,pkg-config)
	@command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.95 or later from rustup.rs" >&2; exit 1; }
	@$(own-artefacts)

# Cargo takes the crates of two checkouts for the same and tells them apart by the time of their files alone, so that one
# could get what the other built. Whoever comes after another checkout begins without its crates; dependencies stay.
define own-artefacts
	stamp="$(CARGO_TARGET_DIR)/checkout"; \
	if [ -e "$$stamp" ] && [ "$$(cat "$$stamp")" != "$(CURDIR)" ]; then \
	  echo "$$stamp: $$(cat "$$stamp") built here before; our crates are built anew"; \
	  cargo clean -q --workspace; cargo clean -q --workspace --release; fi; \
	mkdir -p "$(CARGO_TARGET_DIR)"; echo "$(CURDIR)" > "$$stamp"
endef

tools-browser:
	$(call debian,chromium,chromium fonts-noto-core fonts-noto-cjk)
