#!/bin/sh
# Compile requirements.lock: exact pins of everything in pyproject.toml, for Python 3.11 to 3.13, no hashes.
# CUDA's packages are left out: torch is installed as a CPU build (infra/setup.sh), which needs none of them.
set -eu
cd "$(dirname "$0")/.."
new=$(mktemp)
cp requirements.lock "$new" # a pin moves only where it must; sh infra/lock.sh --upgrade moves all
trap 'rm -f "$new"' EXIT
.venv/bin/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --no-header --no-annotate --extra cluster --extra dev \
    --no-emit-package fleetloop-edge --output-file "$new" "$@" pyproject.toml
grep -v -E '^(nvidia-|cuda-|triton)|^-e |^(\./)?edge' "$new" | sed -E 's/^(torch==[0-9.]+)\+cpu/\1/' >requirements.lock
echo "requirements.lock: $(grep -c == requirements.lock) packages"

# The peers of the benchmarks, beside the very versions above.
peers=benchmarks/requirements.lock
touch "$peers"
cp "$peers" "$new"
.venv/bin/uv pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --no-header --no-annotate --extra bench \
    --constraint requirements.lock --no-emit-package fleetloop-edge --output-file "$new" "$@" pyproject.toml
grep -v -x -F -f requirements.lock "$new" | grep -v -E '^(nvidia-|cuda-|triton|torch==)|^-e |^(\./)?edge' >"$peers"
echo "$peers: $(grep -c == "$peers") more"
