#!/usr/bin/env bash
# YuBao, 78 sites, evaluation only: ./run.sh --corpus_dir DIR --encoder SPEC (README.md says what DIR holds)
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus yubao --dev_set "" --test_sets test \
  -- "$@"
