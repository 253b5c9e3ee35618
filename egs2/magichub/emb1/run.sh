#!/usr/bin/env bash
# MagicHub's dialect sets: data, training, CER of each variety: ./run.sh --corpus_dir DIR (README.md says what DIR holds)
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus magichub --train_set train --dev_set dev --test_sets test --target text --stop_stage score \
  -- "$@"
