# Every target sets up what it needs: `make demo` and `make test` work on a fresh clone.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help

.PHONY: help setup demo demo-voice dev test unit e2e chaos chaos-long fidelity fuzz compat bench-live bench-failover bench-decode bench-duplex lint fmt types imports lock clean

help: ## Show the targets
	@grep -E '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## /\1\t/' | expand -t 16

setup: .venv/.installed ## Make .venv from requirements.lock

.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Millstream needs Python 3.11 or newer; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
		|| { echo "Python's venv module is missing. On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Stream one durable turn in the terminal, then one that survives a kill -9
	@$(BIN)/millstream demo

VOICE := .demo-voice
demo-voice: setup ## Say a question to a fake realtime provider, and keep its answer's sound
	@$(BIN)/python -m deploy.sandbox.speech $(VOICE)/question.wav
	@$(BIN)/millstream talk $(VOICE)/question.wav $(VOICE)/answer.wav

dev: setup ## Keep the whole stack up until Ctrl-C
	@$(BIN)/millstream sandbox

test: lint types imports ## Check everything: style, types, layers, and every test against real servers
	$(BIN)/pytest

unit: setup ## Run the tests that need no server
	$(BIN)/pytest --ignore tests/e2e

e2e: setup ## Run the tests against real servers
	$(BIN)/pytest tests/e2e

TURNS ?= 200
SEED ?= $(shell date +%s)
chaos: setup ## Break everything at random under TURNS=200 turns; SEED=7 breaks it the same way again
	$(BIN)/python -m tests.e2e.chaos.run --turns $(TURNS) --seed $(SEED)

chaos-long: TURNS = 10000
chaos-long: chaos ## The same under 10,000 turns, for over an hour

bench-live: setup ## Measure the live view beside Temporal's workflow streams; QUICK=1 takes half a minute
	$(BIN)/python -m benchmarks.live $(if $(QUICK),--quick)

bench-failover: setup ## Measure how fast a turn gets over what goes wrong; QUICK=1 takes a minute
	$(BIN)/python -m benchmarks.failover $(if $(QUICK),--quick)

bench-decode: setup ## Measure what reading a stream costs beside the official SDKs; QUICK=1 takes 20 seconds
	$(BIN)/python -m benchmarks.decode $(if $(QUICK),--quick)

bench-duplex: setup ## Measure what a voice session adds to sound on its way; QUICK=1 takes ten seconds
	$(BIN)/python -m benchmarks.duplex $(if $(QUICK),--quick)

CASES ?= 100000
fidelity: setup ## Rebuild CASES=100000 answers of every wire from streams cut out of them
	$(BIN)/python -m tests.fidelity.run --cases $(CASES)

compat: setup .venv-compat/.installed ## Run turns against LiteLLM's proxy, which speaks all our wires itself
	$(BIN)/python -m tests.compat.run

.venv-compat/.installed: tests/compat/requirements.lock
	$(PYTHON) -m venv .venv-compat
	.venv-compat/bin/pip install --quiet --disable-pip-version-check --require-hashes -r tests/compat/requirements.lock
	@touch $@

SECONDS ?= 60
fuzz: setup ## Throw bytes at every reader, guided by coverage, for SECONDS=60 each
	$(BIN)/python -m tests.fuzz.run --seconds $(SECONDS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

fmt: setup ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: setup
	$(BIN)/mypy

imports: setup
	$(BIN)/lint-imports

lock: ## Resolve the dependencies again into requirements.lock (needs uv)
	uv pip compile --quiet --universal --generate-hashes --exclude-newer "7 days" \
		--custom-compile-command "make lock" pyproject.toml --group sandbox --group dev --group build --group fuzz -o requirements.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --exclude-newer "7 days" \
		--custom-compile-command "make lock" tests/compat/requirements.in -o tests/compat/requirements.lock

clean: ## Remove what the targets made here
	rm -rf .venv .venv-compat .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache dist
