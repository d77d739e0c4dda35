# Every verb of the house. `make` alone lists them; CI calls the same ones.
.DEFAULT_GOAL := help
.PHONY: help setup test fast mutants faults soak fuzz lint types names demo demo-lookback look bench bench-quick peers clean

VENV   := .venv
BIN    := $(VENV)/bin
# The first Python on the path that is new enough and can make an environment; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python3.14 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
# As many workers as there are cores; each has one thread for its arithmetic (see conftest.py).
WORKERS ?= 2

help:  ## List the verbs.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.has-test  ## Make .venv with all that the tests need.

test: $(VENV)/.has-test lint types  ## Run everything: lint, types, all tests, all examples in the documentation.
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not mutant"

fast: $(VENV)/.has-test lint  ## Lint, and what takes less than a minute: every test, but not all its cases.
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m "not slow and not mutant"

mutants: $(VENV)/.has-test  ## Show that every scenario of the oracle can fail: each is run against mutants of Kibitz.
	@$(BIN)/python -m pytest -q -n $(WORKERS) -m mutant tests/oracle

# In the environment that conftest.py gives to the tests: the size of XLA's pool of threads decides on bits.
faults soak fuzz: export JAX_PLATFORMS = cpu
faults soak fuzz: export KERAS_BACKEND = jax
faults soak fuzz: export NPROC = 1
faults soak fuzz: export JAX_COMPILATION_CACHE_DIR = $(CURDIR)/.jax_cache
faults soak fuzz: export JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS = 0
faults: $(VENV)/.has-test  ## Kill runs, fill their disks, cut their power and damage their files: two hours; none may be lost.
	@PYTHONPATH=src:. $(BIN)/python -m tests.faults

soak: $(VENV)/.has-test  ## Very much of everything: a million hooks, 200 kills, 8 GB of data; twenty minutes, figures beside their targets.
	@PYTHONPATH=src:. $(BIN)/python -m tests.soak

SECONDS ?= 600
fuzz: $(VENV)/.has-test  ## Give damaged files to everything that reads files: ten minutes, or SECONDS=...
	@PYTHONPATH=src:. $(BIN)/python -m tests.fuzz $(SECONDS)

lint: $(VENV)/.has-test  ## Look for what ruff finds wrong, and for what is not formatted.
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .

types: $(VENV)/.has-test  ## Check the types with pyright.
	@$(BIN)/pyright

names: $(VENV)/.has-test  ## Write the public names and signatures down anew, after a change that was meant.
	@$(BIN)/python -m tests.house.names

demo: $(VENV)/.has-demo  ## Train a classifier of handwritten digits while callbacks look on.
	@$(BIN)/kibitz demo

demo-lookback: $(VENV)/.has-demo  ## Find a bad batch in a run that has ended, and look at what it did.
	@$(BIN)/kibitz demo --lookback

look: $(VENV)/.has-test  ## Take pictures of TensorBoard's pages, into build/look, with Chromium (CHROMIUM=... says where it is).
	@$(BIN)/python -m tests.look.tensorboard_pages

bench: $(VENV)/.has-test  ## Measure beside loops by hand and Keras: twelve minutes; into benchmarks/results and docs/benchmarks.md.
	@$(BIN)/python -m benchmarks.bench
	@$(BIN)/python -m benchmarks.table

bench-quick: $(VENV)/.has-test  ## The same with fewer epochs and rounds, in less than three minutes; into build.
	@$(BIN)/python -m benchmarks.bench --quick --out build/bench-quick.json

peers: .venv-peers/.has-peers  ## Time it beside Keras on other backends, PyTorch and Lightning, in an environment of its own: a quarter of an hour.
	@.venv-peers/bin/python -m benchmarks.peers --out benchmarks/results/peers-cpu-$$(nproc)-cores.json

clean:  ## Remove what the other verbs left behind; .venv stays.
	rm -rf build dist demo .jax_cache .pytest_cache .ruff_cache .hypothesis

# The environment is made once, and installed into anew only when pyproject.toml has changed since.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Kibitz needs Python 3.11 or newer, with its venv module."; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.has-%: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@ $(if $(filter test,$*),$(VENV)/.has-demo)  # what the tests need has all that the demo needs

# What is compared with must not disturb what is tested with.
.venv-peers/.has-peers: pyproject.toml
	@test -n "$(PYTHON)" || { echo "Kibitz needs Python 3.11 or newer, with its venv module."; exit 1; }
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[peers]'
	@touch $@
