#!/usr/bin/env bash
# Ten minutes of the embedded corpus are transcribed; all of it is heard, and its texts are read. `./run.sh --help` lists all options.
set -euo pipefail
CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")"

# So small a network gains little by a second thread, and on a busy machine two threads wait for each other.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
exec ../../TEMPLATE/pre1/pre.sh \
  --corpus mini_sinitic --corpus_dir downloads/mini_sinitic \
  --train_set train --minutes 10 --dev_set dev --test_sets test --text_config conf/text_to_unit_small.yaml \
  -- "$@"
