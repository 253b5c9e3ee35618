#!/usr/bin/env bash
# Open corpora of Chinese varieties as one: data, training, CER of each. conf/corpora.yaml says where they lie (README.md)
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --mixture conf/mixtures/sinitic.yaml --train_set train --dev_set dev --test_sets "dev test_*" \
  --target text --stop_stage score --train_config conf/train/e_branchformer_base.yaml \
  -- "$@"
