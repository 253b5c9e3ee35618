#!/usr/bin/env bash
# The embedded corpus: synthetic speech in three varieties, made on the spot. `./run.sh --help` lists all options.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

# So small a network gains little by a second thread, and on a busy machine two threads wait for each other.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec ../../TEMPLATE/emb1/emb.sh \
  --corpus mini_sinitic --corpus_dir downloads/mini_sinitic \
  --train_set train --dev_set dev --test_sets test --word_test true \
  -- "$@"
