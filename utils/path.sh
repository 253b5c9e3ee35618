# shellcheck shell=bash
# The environment of a recipe, sourced: an activated one that has ESPnet, else .venv of `make setup`, else plain python.

fangyan_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." >/dev/null && pwd)

has_espnet() {
  python -c '
import sys
from importlib.util import find_spec
sys.exit(sys.version_info < (3, 12) or not all(map(find_spec, ("espnet2", "torch", "kaldiio", "click"))))' 2>/dev/null
}

if [ -n "${VIRTUAL_ENV:-}${CONDA_PREFIX:-}" ] && has_espnet; then
  : # the user's own choice
elif [ -e "$fangyan_root/.venv/.setup" ]; then
  export PATH=$fangyan_root/.venv/bin:$PATH
elif ! has_espnet; then
  echo "${0##*/}: no environment with ESPnet: type \`make setup\` in $fangyan_root, or activate your own" >&2
  return 2
fi

export PYTHONPATH=$fangyan_root/local${PYTHONPATH:+:$PYTHONPATH}
export PYTHONUTF8=1 LC_ALL=C.UTF-8 # sorted by code point, as Kaldi wants it
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(nproc)}
unset -f has_espnet
