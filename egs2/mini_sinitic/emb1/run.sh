#!/usr/bin/env bash
# The embedded corpus: synthetic speech in three varieties, made on the spot. `./run.sh --help` lists all options.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

exec ../../TEMPLATE/emb1/emb.sh \
  --corpus mini_sinitic --corpus_dir downloads/mini_sinitic \
  --train_set train --dev_set dev --test_sets test --word_test true \
  "$@"
