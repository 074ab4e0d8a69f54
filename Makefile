# Each verb sets up .venv by itself, from hash-locked requirements; a second call does no set-up work.
.PHONY: reproduce test lint bench setup lock format

PYTHON ?= python3
SCALE ?= demo
BIN := .venv/bin
STAMP := .venv/.complete
# Cached bytecode makes every import, and there is one per job, several times faster.
unexport PYTHONDONTWRITEBYTECODE

reproduce: setup
	@$(BIN)/concord3d doctor --brief
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/snakemake --cores all --config scale=$(SCALE)

test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: setup
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . && $(BIN)/snakefmt Snakefile rules

bench: setup
	$(BIN)/pytest benchmarks --benchmark-only

setup: $(STAMP)

$(STAMP): envs/requirements.lock pyproject.toml envs/setup.sh
	@PYTHON="$(PYTHON)" sh envs/setup.sh

lock: setup
	$(BIN)/uv pip compile --upgrade --generate-hashes --no-emit-index-url --python-version 3.11 --all-extras pyproject.toml envs/requirements.in -o envs/requirements.lock
