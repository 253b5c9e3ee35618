#!/usr/bin/env bash
# Recordings listed in a table of your own, measured with any encoder: ./run.sh --corpus_dir FILE --encoder SPEC
# A folder of several tables: name the sets with --train_set, --dev_set and --test_sets, and leave --encoder out to train.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus manifest --dev_set "" --test_sets test \
  -- "$@"
