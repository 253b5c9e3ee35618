#!/usr/bin/env bash
# WenetSpeech-Chuan, Sichuanese: data, training, CER; one variety, so nothing to retrieve: ./run.sh --corpus_dir DIR
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus wenetspeech_chuan --train_set train --dev_set dev --test_sets "test_easy test_hard" --target text \
  --stop_stage score --train_config conf/train/e_branchformer_base.yaml \
  -- "$@"
