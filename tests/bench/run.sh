#!/usr/bin/env bash
# Measures Atelier beside a plain PyTorch loop and sd-scripts; README.md says what and how to read it.
#
#   tests/bench/run.sh [--only NAME,…] [--sd-scripts DIR] [--python VENV] [--out DIR] [--wait SECONDS] [--quick]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
case " $* " in
  *" --python "* | *" --help "*) environment=() ;;
  *) environment=(--python "$("$here/python_env.sh")") ;;
esac
export PYTHONPATH=$here PYTHONDONTWRITEBYTECODE=1
exec python3 -m measure ${environment[@]+"${environment[@]}"} "$@"
