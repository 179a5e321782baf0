#!/usr/bin/env bash
# Loads a saved checkpoint with Diffusers' from_single_file and compares every tensor with the file.
# Makes a Python environment of its own below build/ (about 4 GB with PyTorch), on request only.
#
#   tests/bench/check_diffusers.sh CHECKPOINT
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
environment=$("$top/tests/bench/python_env.sh")
exec "$environment/bin/python" "$top/tests/bench/check_diffusers.py" \
  "${1:?usage: check_diffusers.sh CHECKPOINT}"
