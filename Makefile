# Each verb sets up .venv by itself, from hash-locked requirements; a second call does no set-up work.
.PHONY: help reproduce site test test-all lint format bench setup cluster lock

PYTHON ?= python3
SCALE ?= demo
BIN := .venv/bin
STAMP := .venv/.complete
PARITY := .venv-parity
# The extra `cluster` is not for everybody: it has a lock of its own.
NOT_LOCKED := --no-emit-package snakemake-executor-plugin-slurm --no-emit-package snakemake-executor-plugin-slurm-jobstep
# Cached bytecode makes every import, and there is one per job, several times faster.
unexport PYTHONDONTWRITEBYTECODE
# Whatever packages or interpreter others have put there would come before the environment's own.
unexport PYTHONPATH PYTHONHOME

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s%s\n", $$1, $$2}' $(MAKEFILE_LIST)

reproduce: setup  ## every table and figure of the scale SCALE (default demo), compared with those that came with it, and the site
	@$(BIN)/concord3d doctor --brief
	@CONCORD3D_COMMAND="make reproduce SCALE=$(SCALE)" PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores all --config scale=$(SCALE)
	@$(BIN)/concord3d site
	@# 4: there is nothing to compare with, as at a scale whose results nobody has committed.
	@$(BIN)/concord3d compare --scale $(SCALE) || [ $$? -eq 4 ]

site: setup  ## static pages of everything in results/, in build/site; open build/site/index.html
	@$(BIN)/concord3d site

test: setup  ## unit, parity, fault and workflow tests: what every change needs
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --durations=40 --durations-min=5 -m "not slow"

test-all: setup cluster $(PARITY)/.complete  ## these, and the tests that take minutes, read complete data sets or ask foreign readers
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

lint: setup  ## style, types and the workflow, checked
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: setup  ## style, corrected
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile rules

bench: setup  ## benchmarks: each fast path beside its literal reference
	$(BIN)/pytest benchmarks --benchmark-only

setup: $(STAMP)  ## .venv from the hash-locked requirements

$(STAMP): envs/requirements.lock pyproject.toml envs/setup.sh
	@PYTHON="$(PYTHON)" sh envs/setup.sh

cluster: .venv/.cluster  ## what profiles/slurm needs besides, for those who have a cluster: it asks SLURM whenever Snakemake starts

.venv/.cluster: envs/cluster.lock $(STAMP)
	@$(BIN)/uv pip install --quiet --no-deps --require-hashes --python $(BIN)/python -r envs/cluster.lock
	@touch $@

# Foreign readers and evaluators that the tests compare with want packages of their own.
$(PARITY)/.complete: envs/parity.lock | setup
	@[ -x $(PARITY)/bin/python ] || $(BIN)/uv venv --quiet --python $(BIN)/python $(PARITY)
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(PARITY)/bin/python envs/parity.lock
	@touch $@

lock: setup  ## newer versions for the hash-locked requirements
	$(BIN)/uv pip compile --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 --override envs/overrides.txt $(NOT_LOCKED) --all-extras pyproject.toml envs/requirements.in -o envs/requirements.lock
	$(BIN)/uv pip compile --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 --constraint envs/requirements.lock envs/cluster.in -o envs/cluster.lock
	$(BIN)/uv pip compile --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 --override envs/parity_overrides.txt --constraint envs/requirements.lock envs/parity.in -o envs/parity.lock
