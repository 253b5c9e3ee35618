#!/usr/bin/env bash
# HAT-Vol2, Hakka of Dapu and Zhao'an: data, training, CER of each: ./run.sh --corpus_dir DIR (README.md: what DIR holds)
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus hakka --train_set train --dev_set dev --test_sets "test_recorded test_media" --target text \
  --stop_stage score --train_config conf/train/e_branchformer_base.yaml \
  -- "$@"
