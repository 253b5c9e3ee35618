#!/usr/bin/env bash
# A small language model that reads the embedded corpus, spoken and written. `./run.sh --help` lists all options.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

# So small a network gains little by a second thread, and on a busy machine two threads wait for each other.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec ../../TEMPLATE/dual1/dual.sh \
  --corpus mini_sinitic --corpus_dir downloads/mini_sinitic \
  --train_set train --dev_set dev --test_sets test --k 100 --merged true \
  -- "$@"
