#!/usr/bin/env bash
# WenetSpeech-Wu, Wu speech to Mandarin text: data, training, CER: ./run.sh --corpus_dir DIR (README.md: what is public)
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus wenetspeech_wu --train_set train --dev_set dev --test_sets test_ast --stop_stage score \
  --train_config conf/train/e_branchformer_base.yaml \
  -- "$@"
