# Every target sets up what it needs from a bare machine that has make, Python 3.11+ and cargo.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUST_SOURCES := $(shell find crates bench/load -name '*.rs' -o -name 'Cargo.toml') Cargo.toml Cargo.lock
ENGINE := $(VENV)/.engine-release

.PHONY: demo test build lint fmt wheel peers clean help

help:
	@echo 'make demo   build, then show a balancer at work'
	@echo 'make test   build, install what tests need, run every test'
	@echo 'make build  a release build as $(BIN)/protobalance'
	@echo 'make lint   ruff, mypy, stubtest, import-linter, clippy, rustfmt'
	@echo 'make fmt    format everything'
	@echo 'make wheel  a wheel in dist/'

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
