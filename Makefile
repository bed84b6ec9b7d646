# `make help` says what there is. Every target works as root and as anyone else.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Flags for `thendo up`: make up ARGS="--listen 127.0.0.1:8080"
ARGS ?=
# Blocks of the bench; none: all of them.
BENCH ?=
export CARGO_TERM_PROGRESS_WHEN ?= auto

.PHONY: help up test check schema docs ui studio lint audit unit soak bench

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 16

up: ## build and start everything; Ctrl-C stops it
	@scripts/prepare up
	@cargo build --locked --bin thendo
	@exec "$${CARGO_TARGET_DIR:-target}/debug/thendo" up $(ARGS)

test: ## everything that CI checks: format, lints, audit, tests
	@scripts/prepare test
	@$(MAKE) lint
	@$(MAKE) audit
	@$(MAKE) studio
	@$(MAKE) unit

check: ## the quick loop: format and compile errors
	@cargo fmt --check
	@cargo check --locked --all-targets

schema: ## write schema.sql anew, after a change of migrations/
	@cargo build --locked --bin thendo
	@scripts/schema "$${CARGO_TARGET_DIR:-target}/debug/thendo"

docs: ## write docs/nodes.md anew, after a change of a kind
	@cargo build --locked --bin thendo
	@"$${CARGO_TARGET_DIR:-target}/debug/thendo" catalog --format markdown > docs/nodes.md.part
	@mv docs/nodes.md.part docs/nodes.md

ui: ## build the studio anew, after a change of ui/ (node 20 or newer)
	@[ ui/node_modules/.package-lock.json -nt ui/package-lock.json ] || (cd ui && npm ci)
	@cd ui && npm run --silent build

lint:
	@echo "== format and lints"
	@cargo fmt --check
	@cargo clippy --locked --all-targets -- -D warnings

audit:
	@echo "== dependencies: bans, licences, sources"
	@deny="$$(scripts/tool cargo-deny)"; "$$deny" --log-level error check bans licenses sources

# The studio is built again, and must be what is committed, byte for byte.
studio:
	@echo "== the studio"
	@if scripts/browser >/dev/null; then \
	    cargo build --locked --bin thendo && cd ui && node scripts/types.mjs --check && npx prettier --log-level warn --check . && npx tsc --noEmit && npx vitest run --silent && \
	    node scripts/same.mjs && node scripts/budget.mjs; \
	else [ -z "$${TEST_REQUIRE_NEWER:-}" ] || exit 1; echo "SKIPPED: the studio's own tests, for the reason above"; fi

# Tests that need a newer PostgreSQL are ignored unless there is one. With TEST_REQUIRE_NEWER, going without is a failure
# where getting one failed (2), and no failure where this machine can't have one or lacks npm or python3 to get it (1).
unit:
	@echo "== tests"
	@all=""; \
	if newer="$$(scripts/newer-postgres)"; then \
	    export TEST_NEWER_POSTGRES="$$newer" all=yes; \
	else \
	    [ "$$?" = 1 ] || [ -z "$${TEST_REQUIRE_NEWER:-}" ] || exit 1; \
	    echo "SKIPPED: the tests on a newer PostgreSQL, for the reason above"; \
	fi; \
	scripts/dkimpy >/dev/null || { [ -z "$${TEST_REQUIRE_NEWER:-}" ] || exit 1; \
	    echo "SKIPPED: verifying signatures of mails, for the reason above"; }; \
	scripts/schemathesis >/dev/null || { [ -z "$${TEST_REQUIRE_NEWER:-}" ] || exit 1; \
	    echo "SKIPPED: trying the API by its own description, for the reason above"; }; \
	if nextest="$$(scripts/tool cargo-nextest)"; then \
	    "$$nextest" nextest run --locked $${NEXTEST_PROFILE:+--profile $$NEXTEST_PROFILE} \
	        $${all:+--run-ignored all -E 'not test(as_much_chaos)'}; \
	else \
	    cargo test --locked; \
	    [ -z "$$all" ] || cargo test --locked --test it -- --ignored; \
	fi

soak: ## minutes of load and everything that can go wrong, then an audit (SOAK_SEED, SOAK_SECONDS)
	@cargo test --locked --test soak -- --ignored --nocapture

bench: ## figures, beside a floor and what else could be picked (BENCH="drain mails" for some; JSON in target/bench.json)
	@cargo bench --locked --bench engine -- $(BENCH) --json "$${CARGO_TARGET_DIR:-target}/bench.json"
