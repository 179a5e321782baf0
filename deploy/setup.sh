#!/usr/bin/env bash
# Makes a Debian 12 machine able to build and run Atelier. Safe to run again: each part is done once.
#
#   deploy/setup.sh            Debian packages, LibTorch, tokenizer files, google/rpc protos
#   deploy/setup.sh --cuda     the same and the NVIDIA libraries that GPU jobs need (about 4 GB)
#   deploy/setup.sh --no-apt   leaves Debian packages alone (they are there already)
#
# Files from PyPI wheels are pinned and checksummed below, kept in ATELIER_CACHE
# (default ~/.cache/atelier) and unpacked into .deps/ of the checkout, which git ignores.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
deps=$top/.deps
cache=${ATELIER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/atelier}
want_cuda=0
want_apt=1

for argument in "$@"; do
  case $argument in
    --cuda) want_cuda=1 ;;
    --no-apt) want_apt=0 ;;
    *) echo "setup.sh: unknown option '$argument'; known are --cuda and --no-apt" >&2; exit 2 ;;
  esac
done

packages=(
  build-essential ccache clang-format cmake lld ninja-build pkg-config python3 python3-pip unzip
  libabsl-dev libbenchmark-dev libcli11-dev libgmock-dev libgrpc++-dev libgtest-dev libopencv-dev
  libprotobuf-dev libspdlog-dev libsqlite3-dev libsqlitecpp-dev libssl-dev
  libsystemd-dev libtomlplusplus-dev nlohmann-json3-dev prometheus-cpp-dev protobuf-compiler
  protobuf-compiler-grpc zlib1g-dev
)

# name-version | wheel file | SHA-256 | pip's platform options
torch_wheel=torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl
torch_sha=7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a
diffsynth_wheel=diffsynth-1.1.7-py3-none-any.whl
diffsynth_sha=77fbf40982a79d8c9b4e9e865ad7f7de22a578c8c9e24ba6ab91c1da87236e00
googleapis_wheel=googleapis_common_protos-1.76.0-py3-none-any.whl
googleapis_sha=59e13344a9f3651aa201a03e2bee815a3bf43a4baf1f9ff8a9b62a840ce25fac

say() { echo "setup: $*"; }

install_packages() {
  local missing=()
  for package in "${packages[@]}"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      missing+=("$package")
  done
  [ ${#missing[@]} -eq 0 ] && return
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  local sudo=()
  [ "$(id -u)" -eq 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# fetch_wheel REQUIREMENT FILE SHA256: leaves the checked file in the cache.
fetch_wheel() {
  local requirement=$1 file=$2 sha=$3
  mkdir -p "$cache"
  if [ -f "$cache/$file" ] && echo "$sha  $cache/$file" | sha256sum --check --status; then
    return
  fi
  say "downloading $requirement"
  local scratch
  scratch=$(mktemp -d "$cache/download.XXXXXX")
  python3 -m pip download --quiet --disable-pip-version-check --no-deps \
    --only-binary=:all: --python-version 3.11 --implementation cp --abi cp311 --abi none \
    --platform manylinux_2_28_x86_64 --platform any --dest "$scratch" "$requirement"
  if ! echo "$sha  $scratch/$file" | sha256sum --check --status; then
    echo "setup.sh: $requirement: the download is not the pinned file $file ($sha)" >&2
    rm -rf "$scratch"
    exit 1
  fi
  mv "$scratch/$file" "$cache/$file"
  rm -rf "$scratch"
}

# unpack NAME SHA256 FILE PATTERN...: unpacks members of a wheel into .deps/NAME, whole or not at all.
unpack() {
  local name=$1 sha=$2 file=$3
  shift 3
  [ -f "$deps/$name/.sha256" ] && [ "$(cat "$deps/$name/.sha256")" = "$sha" ] && return
  say "unpacking $name"
  local scratch=$deps/.$name.$$
  rm -rf "$scratch"
  mkdir -p "$scratch"
  unzip -q -o "$cache/$file" "$@" -d "$scratch"
  echo "$sha" >"$scratch/.sha256"
  rm -rf "${deps:?}/$name"
  mv "$scratch" "$deps/$name"
}

install_cuda_wheels() {
  [ -f "$deps/nvidia/.complete" ] && return
  say "downloading the NVIDIA libraries that torch 2.11.0 names (about 4 GB)"
  # pip resolves the exact versions from the checked wheel's own metadata.
  python3 -m pip install --quiet --disable-pip-version-check --no-warn-script-location \
    --only-binary=:all: --target "$deps/nvidia.new" "$cache/$torch_wheel"
  rm -rf "$deps/nvidia"
  mkdir -p "$deps/nvidia"
  mv "$deps/nvidia.new/nvidia" "$deps/nvidia/lib"
  touch "$deps/nvidia/.complete"
  rm -rf "$deps/nvidia.new"
}

[ "$want_apt" -eq 1 ] && install_packages
mkdir -p "$deps"
fetch_wheel torch==2.11.0 "$torch_wheel" "$torch_sha"
fetch_wheel diffsynth==1.1.7 "$diffsynth_wheel" "$diffsynth_sha"
fetch_wheel googleapis-common-protos==1.76.0 "$googleapis_wheel" "$googleapis_sha"
unpack torch "$torch_sha" "$torch_wheel" 'torch/include/*' 'torch/lib/*' 'torch-2.11.0.dist-info/*'
unpack tokenizers "$diffsynth_sha" "$diffsynth_wheel" \
  'diffsynth/tokenizer_configs/stable_diffusion/tokenizer/*' \
  'diffsynth/tokenizer_configs/stable_diffusion_3/tokenizer_*' 'diffsynth-1.1.7.dist-info/*'
unpack googleapis "$googleapis_sha" "$googleapis_wheel" 'google/rpc/status.proto' \
  'google/rpc/error_details.proto' 'googleapis_common_protos-1.76.0.dist-info/*'
[ "$want_cuda" -eq 1 ] && install_cuda_wheels
say "ready (.deps holds $(du -sh "$deps" | cut -f1))"
