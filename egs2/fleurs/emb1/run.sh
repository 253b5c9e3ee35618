#!/usr/bin/env bash
# FLEURS, Mandarin and Cantonese: ./run.sh --corpus_dir DIR (README.md says what DIR holds); --encoder SPEC trains nothing
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus fleurs --train_set train --dev_set dev --test_sets test \
  -- "$@"
