#!/usr/bin/env bash
# From a bare Debian 12 machine to a trained model: sets up, builds, starts a daemon of its own,
# submits a small fine-tune on the pictures in deploy/demo/pictures, shows its progress, and says where
# the results are. Everything it makes lies in .demo/ of the checkout (another folder: DEMO_DIR).
#
#   deploy/demo.sh             runs the demo and stops the daemon at the end
#   deploy/demo.sh --keep      leaves the daemon running
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
demo=${DEMO_DIR:-$top/.demo}
bin=$top/build/bin
keep=0
case ${1:-} in
  "") ;;
  --keep) keep=1 ;;
  *) echo "demo.sh: unknown option '$1'; known is --keep" >&2; exit 2 ;;
esac

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || say() { printf '\n== %s\n' "$*"; }

build() {
  cd "$top"
  mkdir -p "$demo"
  cmake --preset release >"$demo/build.log" 2>&1 &&
    cmake --build build --parallel 2 --target atelierd atelier-shim atelier-trainer atelier \
      make_checkpoint >>"$demo/build.log" 2>&1 || {
    tail -30 "$demo/build.log" >&2
    echo "demo.sh: the build failed; all of it is in $demo/build.log" >&2
    exit 1
  }
}

# Waits for the daemon's line that says it is ready.
start_daemon() {
  local ready=$demo/ready
  rm -f "$ready"
  mkfifo "$ready"
  "$bin/atelierd" --config "$demo/atelierd.toml" >"$ready" 2>"$demo/atelierd.log" &
  daemon=$!
  if ! read -r -t 30 line <"$ready"; then
    echo "demo.sh: the daemon did not start; its log is $demo/atelierd.log" >&2
    tail -5 "$demo/atelierd.log" >&2
    exit 1
  fi
  echo "$line"
  rm -f "$ready"
}

stop_daemon() {
  [ -n "${daemon:-}" ] || return 0
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
}

# An SVG of loss over steps from the job's events.
draw_loss_curve() {
  "$bin/atelier" watch "$1" --json |
    sed -n 's/.*"type":"step","step":\([0-9]*\).*"smoothed_loss":\([-0-9.eE+]*\).*/\1 \2/p' |
    awk '{ x[NR] = $1; y[NR] = $2; if ($2 > top) top = $2 }
      END {
        print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 640 360\" font-family=\"sans-serif\" font-size=\"12\">"
        print "<rect width=\"640\" height=\"360\" fill=\"white\"/>"
        print "<path d=\"M50 20V320H620\" stroke=\"#888\" fill=\"none\"/>"
        printf "<text x=\"8\" y=\"26\">%.3f</text><text x=\"8\" y=\"324\">0</text>\n", top
        printf "<text x=\"600\" y=\"340\">%d</text><text x=\"300\" y=\"350\">step</text>\n", x[NR]
        printf "<text x=\"60\" y=\"16\">smoothed loss</text><polyline fill=\"none\" stroke=\"#0366d6\" stroke-width=\"2\" points=\""
        for (i = 1; i <= NR; i++) printf "%.1f,%.1f ", 50 + 570 * x[i] / x[NR], 320 - 300 * y[i] / top
        print "\"/></svg>"
      }' >"$2"
}

say "Setting up (once)"
"$top/deploy/setup.sh"
say "Building the programs (once; some minutes on two cores)"
build

base=$demo/tiny-sd1.safetensors
[ -f "$base" ] || "$bin/make_checkpoint" --arch sd1 --size tiny --out "$base"
cat >"$demo/atelierd.toml" <<EOF
state_dir = "$demo/state"
metrics_listen = "127.0.0.1:0"
EOF

say "Starting a daemon"
trap stop_daemon EXIT
start_daemon
export ATELIER_SERVER=unix:$demo/state/atelier.sock

say "Submitting a fine-tune of a tiny SD 1.x model on $(ls "$top"/deploy/demo/pictures/*.jpg | wc -l) pictures"
results=$demo/results-$(date +%Y%m%d-%H%M%S)
job=$("$bin/atelier" submit sd1 --config "$top/deploy/demo/job.toml" \
  --pretrained_model_name_or_path "$base" --output_dir "$results" --json |
  sed -n "s/.*\"id\": *\"\{0,1\}\([0-9]*\).*/\1/p" | head -1)
"$bin/atelier" watch "$job"
"$bin/atelier" wait "$job"

draw_loss_curve "$job" "$results/loss.svg"
say "Results of job $job"
echo "checkpoint   $results/demo.safetensors"
echo "samples      $results/sample/ ($(ls "$results/sample" | wc -l) pictures)"
echo "loss curve   $results/loss.svg"
if [ "$keep" -eq 1 ]; then
  trap - EXIT
  echo "daemon       pid $daemon; export ATELIER_SERVER=$ATELIER_SERVER to talk to it"
else
  echo "The daemon is stopped now; deploy/demo.sh --keep leaves it running."
fi
