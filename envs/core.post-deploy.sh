# Snakemake copies the environment's YAML away, so the lock file beside it is installed from the repository root.
set -eu
# It is complete, without what envs/overrides.txt leaves out.
python -m pip install --no-deps --require-hashes -r envs/requirements.lock
