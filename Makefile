# Everything you do with this tree, by name. `make` alone lists it.

# Which Python to make the virtual environment with; 3.11 or newer.
PYTHON ?= python3
# How many test processes at once.
TEST_WORKERS ?= 2
# The browser the browser tests drive. Unset, they look for one on PATH.
export CHROMIUM ?= $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
TEMPLATES = $(shell find templates */templates -name '*.html')
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --custom-compile-command "make requirements"

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup setup-dev run test check fmt e2e bench vendor docs requirements clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## make .venv with what Carrel needs to run

setup-dev: $(VENV)/.installed-dev

run: setup ## serve Carrel on this machine until Ctrl-C (PORT, CARREL_DATA)
	@$(PY) manage.py up

test: setup-dev ## run every test: the fast ones in parallel, then those that start the whole stack
	$(PY) -m pytest -n $(TEST_WORKERS) -m "not stack and not browser"
	$(PY) -m pytest -n $(TEST_WORKERS) --dist loadfile -m "stack or browser"

check: setup-dev ## lint, types, layers, templates, migrations, settings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/djade --check --target-version 5.2 $(TEMPLATES)
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py makemigrations --check --dry-run
	DJANGO_SETTINGS_MODULE=tests.settings $(PY) manage.py check --fail-level WARNING

fmt: setup-dev ## put code and templates in the house's shape
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	-$(BIN)/djade --target-version 5.2 $(TEMPLATES)

e2e: setup-dev ## run the tests that drive a browser; screenshots end in test-artifacts/
	$(PY) -m pytest -m browser

bench: setup-dev ## measure the gateway and launching against the goals
	$(PY) -m benchmarks.gateway
	$(PY) -m benchmarks.launch

vendor: ## refresh static/vendor from package.json (needs Node; nothing else does)
	npm ci --ignore-scripts
	npm run vendor

docs: setup-dev ## check that what docs/ says of settings and links still holds
	$(PY) -m pytest tests/architecture

requirements: setup ## pin requirements*.txt anew from pyproject.toml
	$(COMPILE) --upgrade pyproject.toml -o requirements.txt
	$(COMPILE) --upgrade --group dev -c requirements.txt -o requirements-dev.txt

clean: ## remove .venv and what tools keep; never your data
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache test-artifacts

# --- The virtual environment, made again only when the pinned versions change ---

$(VENV)/.python:
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'Carrel needs Python 3.11 or newer. Install one and run: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12' >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo 'No virtual environment could be made. On Debian and Ubuntu: sudo apt install python3-venv' >&2; exit 1; }
	@touch $@

$(VENV)/.installed: requirements.txt $(VENV)/.python
	@$(call install,requirements.txt)
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@$(call install,requirements-dev.txt)
	@touch $@

# uv installs in seconds what takes pip a minute, but knows nothing of pip's own configuration.
define install
echo 'Installing $(1) ...' >&2; \
$(PY) -m pip install --quiet --disable-pip-version-check "$$(grep '^uv==' requirements.txt)" \
  && $(PY) -m uv pip install --quiet --python $(PY) -r $(1) \
  || { echo 'Trying again with pip ...' >&2; \
       $(PY) -m pip install --quiet --disable-pip-version-check -r $(1); }
endef
