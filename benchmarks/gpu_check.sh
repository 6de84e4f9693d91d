#!/usr/bin/env bash
# Checks and times the lift on a GPU, in less than eight minutes.
#
#   benchmarks/gpu_check.sh EXPORTED [RESULTS]
#
# EXPORTED: folder of compiled programs, made on a machine with TensorFlow by
#   python -m benchmarks export_hlo EXPORTED --batch 4096 65536 --backward
# RESULTS: folder for the figures as JSON (default: gpu_results).
#
# With JAX, the exported programs run and their results are compared with the exported ones.
# With a TensorFlow that sees a GPU, `python -m benchmarks lift` runs on it. Parts whose library
# is absent are skipped with a message. Environment variables:
#   PYTHON    Python to run (default: python3)
#   LIMIT     seconds for everything (default: 460)
#   ROUNDS    rounds of each comparison (default: 20)
#
# Exit status: 0 if every part that ran was right, 1 if a result was wrong or a part failed,
# 2 if there was nothing to run.
set -uo pipefail

if [[ $# -lt 1 || $# -gt 2 ]]; then
    sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "$0"
    exit 2
fi
exported=$(realpath -m "$1")
results=$(realpath -m "${2:-gpu_results}")
python=${PYTHON:-python3}
total=${LIMIT:-460}
rounds=${ROUNDS:-20}
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2
mkdir -p "$results" || exit 2
export TF_CPP_MIN_LOG_LEVEL=3
# JAX takes most of a GPU's memory at once by default; the later parts need some.
export XLA_PYTHON_CLIENT_PREALLOCATE=false
ran=0
failed=0

# part TITLE LIMIT COMMAND...: runs a command for at most LIMIT of the seconds that are left.
part() {
    local title=$1 left=$((total - SECONDS)) limit=$2 status
    shift 2
    if ((left < 20)); then
        echo "== skipped: $title (no time left of $total s)"
        return
    fi
    if ((limit > left)); then limit=$left; fi
    echo "== $title (at most $limit s)"
    timeout "$limit" "$@"
    status=$?
    ran=$((ran + 1))
    if ((status == 124)); then
        echo "== FAILED: $title: not done in $limit s"
    elif ((status)); then
        echo "== FAILED: $title: exit status $status"
    fi
    if ((status)); then failed=$((failed + 1)); fi
}

has() {
    timeout 100 "$python" -c "$1" >/dev/null 2>&1
}

if ! has "import numpy"; then
    echo "== skipped: everything ($python has no numpy; set PYTHON)"
    exit 2
fi

if [[ ! -f $exported/manifest.json ]]; then
    echo "== skipped: exported programs (no export in $exported)"
elif ! has "import jax"; then
    echo "== skipped: exported programs ($python has no JAX: pip install 'jax[cuda12]')"
else
    if ! has "import jax; assert jax.default_backend() != 'cpu'"; then
        echo "== note: JAX sees no accelerator; the exported programs run on the processor"
    fi
    # The limit of compilation leaves time to measure.
    part "exported programs, float32 products" $((total * 7 / 10)) \
        "$python" -m benchmarks run_hlo "$exported" --precision highest --rounds "$rounds" \
        --seconds $((total / 10 + 1)) --limit $((total * 4 / 10)) --json "$results/run_hlo.json"
fi

if ! has "import tensorflow"; then
    echo "== skipped: benchmarks lift ($python has no TensorFlow)"
elif ! has "import tensorflow as tf; assert tf.config.list_physical_devices('GPU')"; then
    echo "== skipped: benchmarks lift (TensorFlow sees no GPU)"
else
    part "benchmarks lift --device GPU:0" "$total" \
        "$python" -m benchmarks lift --device GPU:0 --parts speed,roofline,missing \
        --rounds "$rounds" --seconds 8 --json "$results/lift.json"
fi

if ((failed)); then
    echo "== $failed of $ran parts FAILED"
    exit 1
elif ((ran == 0)); then
    echo "== nothing to run: give an export and a Python with JAX, or TensorFlow with a GPU"
    exit 2
fi
echo "== all $ran parts right after $SECONDS s"
