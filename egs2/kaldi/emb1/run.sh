#!/usr/bin/env bash
# Your own Kaldi data directory, measured with any encoder: ./run.sh --corpus_dir DIR --encoder SPEC
# A folder of several data directories: name them with --train_set, --dev_set and --test_sets, and leave --encoder out to train.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus kaldi --dev_set "" --test_sets test \
  -- "$@"
