# Snakemake copies the environment's YAML away, so the lock file beside it is installed from the repository root.
set -eu
python -m pip install --require-hashes -r envs/requirements.lock
