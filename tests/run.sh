#!/usr/bin/env bash
# Sets the machine up, builds everything and runs every test with CTest.
#
#   tests/run.sh                         all
#   tests/run.sh --filter REGEX          tests whose name matches
#   tests/run.sh --label NAME            lint, unit, torch, conformance, golden, e2e or gpu
#   tests/run.sh --sanitize address      AddressSanitizer and UBSan (build-asan)
#   tests/run.sh --sanitize thread       ThreadSanitizer, daemon and client (build-tsan)
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$top"
preset=release
build=build
filters=()

usage() {
  sed -n '2,9p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'
}

while [ $# -gt 0 ]; do
  case $1 in
    --filter) filters+=(-R "${2:?--filter needs a regular expression}"); shift 2 ;;
    --label) filters+=(-L "^${2:?--label needs a name}\$"); shift 2 ;;
    --sanitize)
      case ${2:-} in
        address) preset=asan build=build-asan ;;
        thread) preset=tsan build=build-tsan ;;
        *) echo "run.sh: --sanitize is '${2:-}'; known are address and thread" >&2; exit 2 ;;
      esac
      shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) echo "run.sh: unknown option '$1'" >&2; usage >&2; exit 2 ;;
  esac
done

deploy/setup.sh
cmake --preset "$preset" >"/tmp/atelier-configure.$$" 2>&1 || {
  cat "/tmp/atelier-configure.$$" >&2
  rm -f "/tmp/atelier-configure.$$"
  exit 1
}
rm -f "/tmp/atelier-configure.$$"
cmake --build "$build" --parallel 2
ctest --test-dir "$build" --output-on-failure --parallel 2 --no-tests=error "${filters[@]}"
