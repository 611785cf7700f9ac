#!/usr/bin/env bash
# Train on a machine that is lent for some minutes, and leave what was learned in small files.
#
#     benchmarks/train_gpu.sh PACKED OUT MINUTES [OPTIONS OF argmax train ...]
#
# PACKED: a dataset from `argmax data pack`. MINUTES: of training, with those of STATE_IN, without
# compilation. OUT: a directory for these files; the network and the log are renewed with every
# checkpoint, so that a run that is cut off leaves them too:
#
#     progress.txt                  what happened when; metrics.jsonl: the log of the training
#     network-16-bit.safetensors    the network in half of its bytes
#     network.safetensors.00 ...    the network; `cat` the parts; `argmax train --start` goes on from it
#     evaluation.json               its figures on the test split, at the end
#     state.tar.00 ...              the run with its newest checkpoint, at the end, for STATE_IN
#
# No file is larger than 16 MiB. Environment:
#
#     PYTHON     a Python with JAX for the device and this project's requirements (default: python3)
#     WHEELS     a folder of wheels to install first, without a network, for what it lacks
#     LIMIT      seconds for all of it (default: none): a new training gets no more minutes than leave
#                a minute for its start and RESERVE for the end; one that would still run longer is
#                stopped, without the end of its schedule
#     RESERVE    seconds for what comes after the training (default: 90)
#     EVALUATE   0: leave no evaluation.json
#     STATE      0: leave no state.tar, which is several times as large as the network
#     STATE_IN   the OUT of an earlier run: go on with it
#     WORK       where the run lies meanwhile (default: a temporary directory); with the same one
#                again, an interrupted run goes on, and nothing is compiled twice
#     XLA_FLAGS  default: no autotuning, which takes minutes of compilation for a few per cent
set -uo pipefail
if [ $# -lt 3 ]; then sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; exit 2; fi
packed=$1 out=$2 minutes=$3
shift 3
cd "$(dirname "$0")/.." || exit 1
python=${PYTHON:-python3} work=${WORK:-$(mktemp -d)} part=16777216 reserve=${RESERVE:-90} start_up=60
mkdir -p "$out" "$work"
started=$SECONDS
export PYTHONUNBUFFERED=1 JAX_COMPILATION_CACHE_DIR=${JAX_COMPILATION_CACHE_DIR:-$work/compiled}

say() { echo "$((SECONDS - started)) s: $*" | tee -a "$out/progress.txt" >&2; }
program='import sys; from uci.cli import main; sys.exit(main())'
argmax() { "$python" -c "$program" "$@"; }
left() { echo $((${LIMIT:-1000000} - SECONDS + started)); }
if [ "$(left)" -le $((reserve + start_up)) ]; then
  echo "expected a LIMIT of more than $((reserve + start_up)) seconds, which are kept for the start and the end, found $LIMIT" >&2
  exit 2
fi

# A file of the run -> OUT, in parts where it is large; each part is there whole or not at all.
leave() {
  [ -s "$1" ] || return 0
  local name=${2:-$(basename "$1")} piece
  if [ "$(stat -c %s "$1")" -le $part ]; then
    cp "$1" "$work/.leaving" && mv "$work/.leaving" "$out/$name"
    return
  fi
  split -b $part -d "$1" "$work/.leaving-$name." || return 0
  for piece in "$work/.leaving-$name."*; do mv "$piece" "$out/$(basename "${piece#*leaving-}")"; done
}

leave_network() {
  leave "$work/run/metrics.jsonl"
  leave "$work/run/network.safetensors"
}

if [ -n "${WHEELS:-}" ]; then
  "$python" -m pip install -q --no-index --no-deps --no-compile --upgrade --target "$work/site" \
    "$WHEELS"/*.whl || { say "the wheels could not be installed"; exit 1; }
fi
export PYTHONPATH=$PWD${WHEELS:+:$work/site}${PYTHONPATH:+:$PYTHONPATH}
export XLA_FLAGS=${XLA_FLAGS---xla_gpu_autotune_level=0 --xla_gpu_enable_triton_gemm=false}
devices='import jax; print(jax.__version__, *jax.devices())'
if ! found=$("$python" -c "$devices" 2>"$work/errors"); then
  say "JAX does not start with XLA_FLAGS='$XLA_FLAGS': $(tail -n 1 "$work/errors")"
  unset XLA_FLAGS
  found=$("$python" -c "$devices") || exit 1
fi
say "JAX $found"

[ -e "$work/data" ] || argmax data pack "$packed" --out "$work/data" 2>&1 || exit 1
say "unpacked"
resume=()
if [ -n "${STATE_IN:-}" ]; then cat "$STATE_IN"/state.tar* | tar x -C "$work" || exit 1; fi
if [ -e "$work/run/config.json" ]; then
  resume=(--resume)
else
  minutes=$(awk -v wanted="$minutes" -v most="$(($(left) - reserve - start_up))" \
    'BEGIN { print wanted < most / 60 ? wanted : most / 60 }')
fi
say "minutes of training: $minutes"

"$python" -c "$program" train --data "$work/data" --out "$work/run" --minutes "$minutes" --preset medium \
  --set network.decoder_layers=3 --set network.bins=128 --set network.mate_range=0.25 \
  --batch-size 1024 --mirrored --evaluation-positions 0 --checkpoint-every 1000 \
  "$@" ${resume[@]+"${resume[@]}"} >"$work/train.log" 2>&1 &
training=$!
seen=""
while kill -0 $training 2>/dev/null; do
  sleep 2
  now=$(stat -c %Y "$work/run/network.safetensors" 2>/dev/null)
  leave "$work/run/metrics.jsonl"
  leave "$work/train.log"
  [ $((SECONDS % 20)) -gt 1 ] || say "$(tail -n 1 "$work/train.log")"
  [ "$now" = "$seen" ] || { leave_network; seen=$now; say "$(tail -n 1 "$work/train.log")"; }
  if [ "$(left)" -lt $reserve ]; then
    say "no time is left: the training is stopped"
    kill $training
    break
  fi
done
wait $training
status=$?
leave "$work/train.log"
leave_network
say "training ended with status $status: $(tail -n 1 "$work/train.log")"
[ -e "$work/run/network.safetensors" ] || exit 1

argmax network halve "$work/run/network.safetensors" --out "$work/half.safetensors" 2>/dev/null
leave "$work/half.safetensors" network-16-bit.safetensors
if [ "${STATE:-1}" = 1 ]; then
  newest=$(ls "$work/run/checkpoints" | sort -n | tail -n 1)
  tar c -C "$work" run/config.json run/metrics.jsonl "run/checkpoints/$newest" >"$work/state.tar" &&
    leave "$work/state.tar"
fi
say "network and state are there"
[ "${EVALUATE:-1}" = 1 ] || exit 0
timeout $(($(left) - 5)) "$python" -c "$program" evaluate --data "$work/data" \
  --network "$work/run/network.safetensors" --limit 4096 --json \
  >"$work/evaluation.json" 2>>"$work/train.log" && leave "$work/evaluation.json"
say "done: $(head -c 160 "$out/evaluation.json" 2>/dev/null)"
