# shellcheck shell=bash
# shellcheck disable=SC2154  # root belongs to the script that sources this file
#
# Names of files and sets, as the templates of recipes use them.

in_recipe_or_repository() { # FILE -> its path
  if [ -e "$1" ]; then
    echo "$1"
  elif [ -e "$root/$1" ]; then
    echo "$root/$1"
  else
    die "$1: no such file, neither in $PWD nor in $root"
  fi
}

sets_of() { # PATTERN... -> the names of the sets in data/ that each stands for, or else itself
  local IFS='' pattern path
  for pattern; do
    for path in data/$pattern; do echo "${path#data/}"; done
  done
}

folder_of_layers() { # LAYER... -> /layers/NAMES, where results of these layers stand; nothing for all of them
  local IFS=_
  local names="$*"
  [ $# = 0 ] || echo "/layers/${names//[^A-Za-z0-9._+-]/_}"
}

check_sets() { # SET... -> exit where data/ has one of them not, once the stage data is over
  local set prepared=(data/*/wav.scp) there
  [ -e "${prepared[0]}" ] || return 0 # the stage that needs one says so
  prepared=("${prepared[@]%/wav.scp}") && prepared=("${prepared[@]#data/}")
  finish_stage
  for set; do
    there=" ${prepared[*]} "
    [[ "$there" != *" $set "* ]] || continue
    set="data/$set: there is no such set$(did_you_mean "" "$set" "${prepared[@]}"); data/ has ${prepared[*]}"
    if recorded || [ "$first_stage" -gt 1 ]; then die "$set"; fi
    headline "$set as yet"
  done
}

names_teacher() { # CONFIG -> whether it, or what it includes, names an encoder of text to learn from
  local config=$1 home next key value
  while [ -e "$config" ]; do
    home=$(dirname "$config") next=""
    while read -r key value || [ -n "$key" ]; do
      [ "$key" != teacher: ] || return 0
      [ "$key" != include: ] || next=$home/$value
    done <"$config"
    config=$next
  done
  return 1
}

as_file_name() { # TEXT
  echo "${1//[^A-Za-z0-9._-]/_}"
}
