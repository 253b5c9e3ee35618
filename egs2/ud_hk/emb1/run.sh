#!/usr/bin/env bash
# 1,004 sentences of the Hong Kong treebanks, spoken by espeak-ng, evaluation only: ./run.sh --corpus_dir DIR --encoder SPEC
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus ud_hk --dev_set "" --test_sets test \
  -- "$@"
