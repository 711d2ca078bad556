# Everything sets itself up: a .venv of pinned and hashed requirements, and the Debian packages that are missing.
# `make help` lists what there is.

SHELL  := /bin/bash
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
BIN    := .venv/bin
DEMO   := .demo
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: help demo test check unit pythons lint types imports docs bench lock reference readme clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(BIN)/.run  ## build the demo image and clear it: profile, slim, patch, prove, judge
	@scripts/debian.sh demo
	@demo/build.sh $(DEMO)
	@demo/run.sh $(DEMO) $(BIN)/pratique

test: $(BIN)/.dev  ## run the whole test suite
	@scripts/debian.sh test
	@$(BIN)/pytest -n auto --dist loadfile --durations=12

pythons: $(BIN)/.dev  ## run the unit tests on every other Python from 3.11 on that the machine has
	@scripts/pythons.sh

check: lint types imports unit docs  ## format, lint, types, import contracts, unit tests, docs

unit: $(BIN)/.dev
	@$(BIN)/pytest -n auto -m "not e2e" --quiet

lint: $(BIN)/.dev
	@$(BIN)/ruff format --check --quiet
	@$(BIN)/ruff check --quiet

types: $(BIN)/.dev
	@$(BIN)/mypy

imports: $(BIN)/.dev
	@$(BIN)/lint-imports

docs: $(BIN)/.dev  ## build the documentation; a warning is an error
	@$(BIN)/python scripts/reference.py --check
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

reference: $(BIN)/.dev  ## write the generated pages of the documentation anew
	@$(BIN)/python scripts/reference.py

readme: $(BIN)/.dev  ## write the README's output of the demo anew; takes a minute and needs root
	@scripts/debian.sh demo
	@demo/build.sh $(DEMO)
	@$(BIN)/python scripts/reference.py --demo

bench: $(BIN)/.dev  ## measure start-up, scan and memory against floors of the same run
	@scripts/debian.sh demo
	@demo/build.sh $(DEMO)
	@$(BIN)/python -m benchmarks $(DEMO)/image

lock: $(BIN)/.dev  ## pin every requirement anew
	@PATH="$(CURDIR)/$(BIN):$$PATH" scripts/lock.sh

clean:  ## remove what was built, but not the .venv
	rm -rf $(DEMO) .bench build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later was found" >&2; exit 1; }
	@PYTHON=$(PYTHON) scripts/debian.sh venv
	@echo "Making .venv with $$($(PYTHON) --version)" >&2
	@$(PYTHON) -m venv .venv

$(BIN)/.run: $(BIN)/python requirements/run.txt pyproject.toml
	@echo "Installing pinned requirements" >&2
	@$(PIP) install --require-hashes -r requirements/run.txt
	@printf '%s\n' "$(CURDIR)/src" > "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/pratique.pth"
	@printf '#!%s\nfrom pratique.__main__ import main\nmain()\n' "$(CURDIR)/$(BIN)/python" > $(BIN)/pratique && chmod +x $(BIN)/pratique
	@touch $@

$(BIN)/.dev: $(BIN)/.run requirements/dev.txt
	@echo "Installing pinned development requirements" >&2
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
