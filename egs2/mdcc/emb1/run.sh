#!/usr/bin/env bash
# MDCC, Cantonese: data, training, CER; one variety, so nothing to retrieve: ./run.sh --corpus_dir DIR
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus mdcc --train_set train --dev_set dev --test_sets test --target text --stop_stage score \
  --train_config conf/train/e_branchformer_base.yaml \
  -- "$@"
