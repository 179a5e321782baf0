#!/usr/bin/env bash
# Trains a full-size SD 1.5-layout model (random weights: 860 M UNet, 123 M text encoder, 84 M
# autoencoder) for a few steps at 256x256 in fp32 with AdamW, through a daemon of its own, and prints
# what it measured. Needs about 20 GiB of memory and 20 GB of disk below WORK.
#
#   tests/bench/full_size.sh [--steps N] [--option value …]     further options go to `atelier submit`
#
# WORK (default build/bench) keeps the checkpoint for the next run.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
bin=$top/build/bin
work=${WORK:-$top/build/bench}
steps=3
if [ "${1:-}" = --steps ]; then steps=$2; shift 2; fi
mkdir -p "$work/pictures"
base=$work/sd15-random.safetensors
[ -f "$base" ] || "$bin/make_checkpoint" --arch sd1 --size full --out "$base"
for picture in "$top"/deploy/demo/pictures/*.jpg; do
  cp -n "$picture" "${picture%.jpg}.txt" "$work/pictures/"
done
cat >"$work/dataset.toml" <<EOF
[general]
caption_extension = ".txt"
[[datasets]]
resolution = 256
batch_size = 1
  [[datasets.subsets]]
  image_dir = "pictures"
EOF

milliseconds() { date +%s%3N; }
begin=$(milliseconds)
cat "$base" >/dev/null
echo "reading the file alone      $(($(milliseconds) - begin)) ms ($(($(stat -c %s "$base") / 1000000)) MB)"

mkfifo "$work/ready.$$"
printf 'state_dir = "%s"\nmetrics_listen = ""\n' "$work/state" >"$work/atelierd.toml"
"$bin/atelierd" --config "$work/atelierd.toml" >"$work/ready.$$" 2>"$work/atelierd.log" &
daemon=$!
trap 'kill $daemon 2>/dev/null; rm -f "$work/ready.$$"' EXIT
read -r -t 30 _ <"$work/ready.$$"
export ATELIER_SERVER=unix:$work/state/atelier.sock

out=$work/out-$(date +%s)
begin=$(milliseconds)
job=$("$bin/atelier" submit sd1 --pretrained_model_name_or_path "$base" --dataset_config \
  "$work/dataset.toml" --output_dir "$out" --output_name full --max_train_steps "$steps" --seed 1 \
  --cache_latents --stop_text_encoder_training=-1 --learning_rate 1e-5 "$@" --json |
  sed -n 's/.*"id": *"\{0,1\}\([0-9]*\).*/\1/p' | head -1)
"$bin/atelier" watch "$job" --json >"$work/events.ndjson"
"$bin/atelier" wait "$job"
python3 - "$work/events.ndjson" "$begin" <<'EOF'
import datetime, json, statistics, sys
events = [json.loads(line) for line in open(sys.argv[1])]
begin = int(sys.argv[2]) / 1000
def at(event):
    return datetime.datetime.fromisoformat(event["time"].replace("Z", "+00:00")).timestamp() - begin
training = [e for e in events if e["type"] == "phase" and e["phase"] == "training"]
steps = [e for e in events if e["type"] == "step"]
saved = [e for e in events if e["type"] == "checkpoint"]
if training:
    print(f"submit to first step begun  {at(training[0]):.2f} s")
print("seconds a step             ", " ".join(f"{e['step_seconds']:.2f}" for e in steps),
      f"(median from the second on {statistics.median([e['step_seconds'] for e in steps[1:]] or [0]):.2f})")
print("loss                       ", " ".join(f"{e['loss']:.5f}" for e in steps))
print(f"peak memory of the worker   {max(e['host_peak_bytes'] for e in steps) / 1e9:.2f} GB")
for e in saved:
    print(f"checkpoint                  {e['path']}, {e['size_bytes'] / 1e9:.2f} GB in {e['write_seconds']:.1f} s")
EOF
echo "base checkpoint             $base"
echo "saved checkpoint            $out/full.safetensors"
