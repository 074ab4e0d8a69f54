#!/bin/sh
# An unpacked archive has no git. DVC is told so in the settings of this folder alone.
[ -e .git ] || PATH=".venv/bin:$PATH" dvc config --local core.no_scm true
