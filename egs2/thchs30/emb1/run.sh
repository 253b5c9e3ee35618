#!/usr/bin/env bash
# THCHS-30, Mandarin: data, training, CER; one variety, so nothing to retrieve: ./run.sh --corpus_dir DIR
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus thchs30 --train_set train --dev_set dev --test_sets test --stop_stage score \
  -- "$@"
