#!/usr/bin/env bash
# usage: tests/bench/dataset_scan.sh [IMAGES]
# A dataset of 20,000 images of mixed sizes: scan and buckets, what the loader delivers, and what the
# autoencoder takes on the same CPU.
set -euo pipefail
bin="$(cd "$(dirname "$0")/../.." && pwd)/build/bin"
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
"$bin/dataset_bench" make "$folder/images" "${1:-20000}"
"$bin/dataset_bench" scan "$folder/images" 1024
"$bin/dataset_bench" load "$folder/images" 256 50
"$bin/dataset_bench" load "$folder/images" 1024 25
"$bin/dataset_bench" encode 256 4
