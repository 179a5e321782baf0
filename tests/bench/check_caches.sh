#!/usr/bin/env bash
# Fills the caches of a small model of every architecture in sd-scripts' layout, reads them with numpy, writes
# them again with numpy and has the worker reuse them. Needs numpy: a Python environment of its own below build/.
#
#   tests/bench/check_caches.sh [ARCHITECTURE…]
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
python=${NUMPY_PYTHON:-$top/build/numpy-env/bin/python}
if [ ! -x "$python" ]; then
  python3 -m venv "$top/build/numpy-env"
  "$top/build/numpy-env/bin/pip" install --quiet numpy
fi
exec "$python" "$top/tests/bench/check_caches.py" "$top/build/bin" "$top/build/goldens" "$@"
