# Every command a developer or an operator needs. `make` alone prints this list.
SHELL := /bin/bash
PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
UV := $(VENV)/bin/uv
# A bot that a test starts is there in half the time when Python may keep what it compiled.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup dev demo test test-long test-share test-demo test-openstack test-openstack-slow test-services test-image release \
  bench-evacuate bench-load bench-pace bench-wait cover-domain chromium buildah lint types check format

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-20s %s\n", $$1, $$2}'

# What .venv holds: the bot as a server needs it, the demo, what develops it, what makes a release of it.
$(VENV)/.setup: WITH := --no-dev
$(VENV)/.demo: WITH := --no-dev --extra demo
$(VENV)/.dev: WITH := --extra demo
$(VENV)/.release: WITH := --extra demo --group release
$(VENV)/.setup $(VENV)/.demo $(VENV)/.dev $(VENV)/.release: pyproject.toml uv.lock
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'
	@UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(UV) sync --frozen --quiet --inexact --compile-bytecode \
	  --python $(VENV)/bin/python $(WITH)
	@touch $@

setup: $(VENV)/.setup ## Create .venv with the console script `muster` and nothing but what a server needs

dev: $(VENV)/.dev ## Create .venv with the tools of developers as well

demo: $(VENV)/.demo ## Open a local Slack-like workspace with two simulated clouds
	@$(VENV)/bin/muster demo

test: dev ## Run the whole suite that needs nothing but PyPI
	@$(VENV)/bin/python -m pytest -n auto --dist worksteal

test-long: dev ## Run what the suite leaves out because it takes long, and every property with thousands of examples
	@$(VENV)/bin/python -m pytest -n auto --dist worksteal --long

test-share: dev ## Run two minutes of that, each commit another part
	@$(VENV)/bin/python -m pytest -n auto --dist worksteal --long --share 120 \
	  --hypothesis-seed "$$(git rev-parse HEAD 2>/dev/null || echo none)"

test-demo: dev chromium ## Walk through the demo in headless Chromium
	@$(VENV)/bin/python -m pytest tests/browser

test-openstack: dev ## Bring up a real OpenStack on loopback and run the bot against it
	@$(VENV)/bin/python -m pytest tests/openstack -m "not slow"

test-openstack-slow: dev ## Run there what takes minutes: a target that dies in a rebuild, a cell that loses its database
	@$(VENV)/bin/python -m pytest tests/openstack -m slow

cover-domain: dev ## Show that the tests walk every branch of the law
	@$(VENV)/bin/coverage run --branch --source=bot/domain -m pytest -q tests/domain
	@$(VENV)/bin/coverage report --show-missing --fail-under=100

chromium:
	@command -v chromium >/dev/null || { apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core fonts-noto-color-emoji >/dev/null; } \
	  || { echo "Install the package chromium (here: apt-get install chromium as root)." >&2; exit 1; }

buildah:
	@command -v buildah >/dev/null && command -v debootstrap >/dev/null || { apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah debootstrap >/dev/null; } \
	  || { echo "Install the packages buildah and debootstrap (here: apt-get install as root)." >&2; exit 1; }

test-image: dev buildah ## Build the container's image on a base made of Debian's packages, and run it
	@$(VENV)/bin/python -m pytest tests/image

release: $(VENV)/.release ## Build wheel, sdist and SBOM into dist/ and try the wheel in an empty environment
	@rm -rf dist && $(UV) build --quiet --out-dir dist
	@$(UV) venv --quiet --clear --python $(VENV)/bin/python .release
	@$(UV) export --quiet --frozen --no-dev --no-emit-project --output-file .release/requirements.txt
	@$(UV) pip install --quiet --python .release --require-hashes --requirement .release/requirements.txt
	@$(UV) pip install --quiet --python .release --no-deps dist/*.whl
	@version=$$(.release/bin/muster version | cut -d' ' -f2) \
	  && sed "s/^dynamic = .*/version = \"$$version\"/" pyproject.toml >.release/pyproject.toml \
	  && $(VENV)/bin/cyclonedx-py environment --pyproject .release/pyproject.toml --mc-type application \
	    --output-reproducible --output-file "dist/muster-$$version.cdx.json" .release
	@$(VENV)/bin/python -m pytest tests/release
	@ls -l dist

bench-evacuate: dev ## Race nova host-evacuate, a bare client and Muster on a real OpenStack
	@$(VENV)/bin/python -m tests.benchmarks.evacuate $(BENCH)

bench-pace: dev ## Hold the law of pace against the loop and fixed windows, in a model
	@$(VENV)/bin/python -m tests.benchmarks.pace $(BENCH)

bench-wait: dev ## Race the loop and Muster on a simulated cloud whose rebuilds wait
	@$(VENV)/bin/python -m tests.benchmarks.wait $(BENCH)

bench-load: dev ## Time what people see while ten operations of 200 VMs run, and what a VM costs
	@$(VENV)/bin/python -m tests.benchmarks.load $(BENCH)

test-services: dev ## Run the bot against real programs of others (Alertmanager, an emulated BMC)
	@$(VENV)/bin/python -m pytest tests/services

lint: dev ## Check format, style and the import contracts
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/lint-imports

types: dev ## Type-check strictly
	@$(VENV)/bin/mypy

format: dev ## Format and fix what can be fixed
	@$(VENV)/bin/ruff format .
	@$(VENV)/bin/ruff check --fix .

check: lint types test ## Check style, contracts and types, and run the suite
