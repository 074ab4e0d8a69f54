#!/bin/sh
# Makes .venv complete: Python, hash-locked packages, this project, system libraries. Called by the Makefile.
set -eu
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"

if ! "$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
    if command -v python3.11 >/dev/null 2>&1; then
        python=python3.11
    else
        echo "Concord3D needs Python 3.11; found: $("$python" --version 2>&1). Install it, or call: make PYTHON=/path/to/python3.11 ..." >&2
        exit 1
    fi
fi

PYTHONPATH=src "$python" -m concord3d.workflow.clone_path .
[ -x .venv/bin/pip ] || "$python" -m venv .venv
echo "Installing hash-locked packages into .venv ..."
.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/bootstrap.lock
# A lock file pinned by hash is one source of truth; uv installs it several times faster than pip.
.venv/bin/uv pip sync --quiet --require-hashes --python .venv/bin/python envs/requirements.lock
.venv/bin/uv pip install --quiet --no-deps --no-build-isolation --python .venv/bin/python --editable .

sh envs/system_libraries.sh
sh envs/dvc_without_git.sh
touch .venv/.complete
