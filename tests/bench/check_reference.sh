#!/usr/bin/env bash
# Saves a small model of every architecture and loads the files with Diffusers, tensor for tensor.
# Makes a Python environment of its own below build/ (about 4 GB with PyTorch), on request only.
#
#   tests/bench/check_reference.sh [ARCHITECTURE…]
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
environment=$("$top/tests/bench/python_env.sh")
exec "$environment/bin/python" "$top/tests/bench/check_reference.py" "$top/build/bin" "$top/build/goldens" "$@"
