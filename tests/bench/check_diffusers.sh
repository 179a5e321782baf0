#!/usr/bin/env bash
# Loads a saved checkpoint with Diffusers' from_single_file and compares every tensor with the file.
# Makes a Python environment of its own below build/ (about 4 GB with PyTorch), on request only.
#
#   tests/bench/check_diffusers.sh CHECKPOINT
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
environment=${DIFFUSERS_ENV:-$top/build/diffusers-env}
if [ ! -x "$environment/bin/python" ]; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet torch==2.11.0 diffusers transformers safetensors
fi
exec "$environment/bin/python" "$top/tests/bench/check_diffusers.py" \
  "${1:?usage: check_diffusers.sh CHECKPOINT}"
