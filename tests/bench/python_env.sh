#!/usr/bin/env bash
# Prints the folder of the peers' Python environment (PyTorch, Diffusers) and makes it below build/ where it is
# absent: about 4 GB, on request only.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
environment=${DIFFUSERS_ENV:-$top/build/diffusers-env}
if [ ! -x "$environment/bin/python" ]; then
  python3 -m venv "$environment"
  "$environment/bin/pip" install --quiet -r "$top/tests/bench/peers/requirements.txt" >&2
fi
echo "$environment"
