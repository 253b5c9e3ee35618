#!/usr/bin/env bash
# KeSpeech, Mandarin and eight subdialects: data, training, CER of each: ./run.sh --corpus_dir DIR; README.md has retrieval
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus kespeech --train_set train --dev_set dev --test_sets test --stop_stage score \
  --train_config conf/train/e_branchformer_base.yaml \
  -- "$@"
