#!/usr/bin/env bash
# Python 3.12 (3.13 where only that is installed) and all packages in .venv, at the versions of constraints.txt.
# At once done when nothing changed.
# `setup.sh EXTRA` adds those of an extra of pyproject.toml, such as bench.
#
# CPU=1 takes PyTorch without CUDA, from PyTorch's own index; .venv stays without it whatever is set up in it later.
# PYTHON=/path/to/python3.13 chooses another interpreter. Whatever uv reads (UV_DEFAULT_INDEX, UV_CACHE_DIR ...) is
# heeded; the package index and certificate set for pip are passed on to uv.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv_version=0.9.30
stamp=.venv/.setup${1:+-$1}
log=.uv/setup.log
headers='import sysconfig; print(sysconfig.get_path("include") + "/Python.h")'

die() {
  printf 'setup: %s\n' "$*" >&2
  exit 2
}

check_version() { # PYTHON ADVICE
  local version
  version=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || version="no Python"
  case $version in
    3.12 | 3.13) ;;
    *) die "espnet 202611 needs Python 3.12 or 3.13, but $1 is $version: $2" ;;
  esac
}

python_with_pip() { # -> the first one that works
  local python
  for python in python3.12 python3.13 python3 python /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then echo "$python" && return; fi
  done
  return 1
}

logged() { # COMMAND... -> its output on the terminal and in the log
  attempt "\`${1##*/} ${2-} ${3-}\` failed, is there a network? (UV_DEFAULT_INDEX names a mirror.)" "$@"
}

attempt() { # SENTENCE COMMAND... -> its output on the terminal and in the log; the sentence, and why, where it fails
  local sentence=$1 last
  shift
  mkdir -p "${log%/*}"
  "$@" 2>&1 | tee "$log" >&2 && return
  read -r last < <(tail -n 1 "$log") || true
  die "$sentence It said: $last; all of it is in $log"
}

find_uv() { # sets uv, fetching it with pip if need be
  local python folder=.uv/$uv_version
  for uv in uv "$folder/bin/uv"; do
    if "$uv" --version >/dev/null 2>&1; then return; fi
  done
  python=$(python_with_pip) || die "neither uv nor a Python with pip is here: install one of them first"
  rm -rf "$folder" "$folder.partial"
  logged "$python" -m pip install --quiet --target "$folder.partial" "uv==$uv_version"
  mv "$folder.partial" "$folder"
}

pip_setting() { # NAME -> pip's environment variable or configuration, or nothing
  local variable=PIP_${1^^} python
  variable=${variable//-/_}
  if [ -n "${!variable-}" ]; then
    echo "${!variable}"
  elif python=$(python_with_pip); then
    "$python" -m pip config get "global.$1" 2>/dev/null || true
  fi
}

pass_on_pip_settings() { # uv does not read pip's
  local index certificate
  if [ -z "${UV_DEFAULT_INDEX-}${UV_INDEX_URL-}" ] && index=$(pip_setting index-url) && [ -n "$index" ]; then
    export UV_DEFAULT_INDEX=$index
  fi
  if [ -z "${SSL_CERT_FILE-}" ] && certificate=$(pip_setting cert) && [ -n "$certificate" ]; then
    export SSL_CERT_FILE=$certificate
  fi
}

python_here() { # -> 3.12; 3.13 where only that is installed, so that none has to be downloaded
  local version
  for version in 3.12 3.13; do
    if "$uv" python find --no-python-downloads "$version" >/dev/null 2>&1; then echo "$version" && return; fi
  done
  echo 3.12
}

make_venv() {
  if ! .venv/bin/python -c '' 2>/dev/null; then # none, or one that was being made when it was killed
    [ -z "${PYTHON-}" ] || check_version "$PYTHON" "set PYTHON to another, or to nothing"
    rm -rf .venv
    logged "$uv" venv --quiet --python "${PYTHON:-$(python_here)}" .venv
  fi
  check_version .venv/bin/python "remove .venv, then set up again"
  [ -e "$(.venv/bin/python -c "$headers")" ] ||
    die "some packages are built from source: install Python's headers (python3-dev), or remove .venv and set PYTHON"
}

holds() { # PATTERN -> whether .venv has such a package
  compgen -G ".venv/lib/python3.*/site-packages/$1" >/dev/null
}

leave_cuda_out() { # uv takes PyTorch from PyTorch's own index, and nothing of CUDA with it
  export UV_TORCH_BACKEND=cpu
  attempt "PyTorch without CUDA comes from PyTorch's own index, is there a way to it? If not, set up without CPU=1." \
    "$uv" pip install --quiet --dry-run --no-deps --python .venv/bin/python --constraint constraints.txt torch torchaudio
}

if [ "${CPU-}" = 1 ] && holds nvidia; then # other values are not for us: some systems set CPU to x86_64
  die ".venv has CUDA: remove .venv, then set up with CPU=1 again"
fi
current=$(printf '%s\n' "$PWD" | cat - pyproject.toml constraints.txt utils/setup.sh | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$current" ]; then exit 0; fi

command -v "${CXX:-c++}" >/dev/null || command -v g++ >/dev/null ||
  die "some packages are built from source: install a C++ compiler (g++) first"
rm -f "$stamp"
pass_on_pip_settings
find_uv
make_venv
if [ "${CPU-}" = 1 ] || holds 'torch-*+cpu.dist-info'; then leave_cuda_out; fi
# Compiled now: many a container and cluster has PYTHONDONTWRITEBYTECODE set, or a .venv that cannot be written later.
# pip, for whoever adds to .venv once it is active.
logged "$uv" pip install --compile-bytecode --python .venv/bin/python --constraint constraints.txt \
  --editable ".[mini,dev${1:+,$1}]" pip
printf '%s\n' "$current" >"$stamp.partial"
mv "$stamp.partial" "$stamp"
