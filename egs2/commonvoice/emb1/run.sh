#!/usr/bin/env bash
# Common Voice in Mandarin, Cantonese and Hokkien: data, training, CER of each variety: ./run.sh --corpus_dir DIR
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus commonvoice --train_set train --dev_set dev --test_sets test --target text --stop_stage score \
  --train_config conf/train/e_branchformer_base.yaml \
  -- "$@"
