# shellcheck shell=bash
# shellcheck disable=SC2154  # dry_run, exp, stage, stop_stage and submit belong to the script that sources this file
#
# Options, stages and --help of a script, read from the script's own text:
#
#   nj=4  # parallel jobs                          an option: its name, default and help
#   parse_options "$@"                             the options end here; -- parts those of a calling script from its own
#   if stage 4 train "Train the encoder"; then     a stage: guard, log line, --dry_run output and help
#     run python -m fangyan train --nj "$nj"       a command: logged and run, with --dry_run only printed
#   fi
#
# A whole number as default admits whole numbers only; true or false makes a switch. Values are never evaluated.

template="" # the script whose options and stages these are
about=() option_names=() option_kinds=() option_helps=() stage_names=() stage_numbers=() stage_titles=() stages_run=()
option_values=() # NAME=VALUE of each, as given
declare -A renamed=([.retrieve]=measure) # stages by their former names
declare -A given=()                      # options and values of the command line
left_out=() left_out_because="" current="" current_number="" current_since=0

log() { printf '%(%F %T)T %s\n' -1 "$*" >&2; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# --- options -----------------------------------------------------------------------------------------------------

parse_options() {
  local help=false name kind value
  template=${BASH_SOURCE[1]}
  read_script "$template"
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) help=true && shift && continue ;;
      --) given=() && shift && continue ;; # before it the script that calls this one has set its own
      --*) name=${1%%=*} && name=${name#--} && name=${name//-/_} ;;
      *) die "stray word $(printf %q "$1"): options are --NAME VALUE; --help lists them" ;;
    esac
    kind=$(kind_of "$name")
    if [[ $1 == *=* ]]; then
      value=${1#*=}
    elif [ "$kind" = switch ] && [[ ${2-} != true && ${2-} != false ]]; then
      value=true
    else
      [[ $# -gt 1 && $2 != --* ]] || die "--$name needs a value: --$name=VALUE"
      value=$2 && shift
    fi
    check_value "$name" "$kind" "$value"
    printf -v "$name" '%s' "$value"
    given[$name]=$value
    shift
  done
  if $help; then show_help && exit; fi
  for name in "${option_names[@]}"; do option_values+=("$name=${!name}"); done
  set_stages
  trap on_exit EXIT
}

quote_given() { # OPTION... -> ./run.sh with the options that it was given, but for these
  local name line=./run.sh between
  for name in "${option_names[@]}"; do
    [[ -v given[$name] && " $* " != *" $name "* ]] || continue
    between=' ' && [[ ${given[$name]} != --* ]] || between='='
    printf -v line '%s --%s%s%q' "$line" "$name" "$between" "${given[$name]}"
  done
  echo "$line"
}

keep_given() { # FILE OPTION... -> FILE has what was given of these options
  local name
  for name in "${@:2}"; do
    [[ ! -v given[$name] ]] || printf '%s\0%s\0' "$name" "${given[$name]}"
  done >"$1"
}

recall_given() { # FILE OPTION... -> what FILE has counts as given, unless one of these options is given now
  local name value
  for name in "${@:2}"; do [[ ! -v given[$name] ]] || return 0; done
  [ ! -e "$1" ] || while IFS= read -r -d '' name && IFS= read -r -d '' value; do given[$name]=$value; done <"$1"
}

read_script() { # SCRIPT -> what it says about itself, its options and its stages
  local line head=true options=true
  local is_option='^([a-z][a-z_]*)=.*  # (.*)$' is_stage='^if stage ([0-9]+) ([a-z_]+) "([^"]*)"'
  while IFS= read -r line; do
    case $line in '#!'*) ;; '# '*) if $head; then about+=("${line#\# }"); fi ;; *) head=false ;; esac
    case $line in parse_options*) options=false ;; esac
    if $options && [[ $line =~ $is_option ]]; then
      option_names+=("${BASH_REMATCH[1]}") option_helps+=("${BASH_REMATCH[2]}")
      option_kinds+=("$(kind_of_default "${!BASH_REMATCH[1]}")")
    elif [[ $line =~ $is_stage ]]; then
      stage_numbers+=("${BASH_REMATCH[1]}") stage_names+=("${BASH_REMATCH[2]}") stage_titles+=("${BASH_REMATCH[3]}")
    fi
  done <"$1"
}

kind_of_default() { # VALUE
  case $1 in
    true | false) echo switch ;;
    '' | *[!0-9]*) echo text ;;
    *) echo number ;;
  esac
}

kind_of() { # OPTION
  local i
  for i in "${!option_names[@]}"; do
    if [ "${option_names[i]}" = "$1" ]; then echo "${option_kinds[i]}" && return; fi
  done
  die "unknown option $(printf %q "--$1")$(did_you_mean -- "$1" "${option_names[@]}"); --help lists all"
}

check_value() { # OPTION KIND VALUE
  case $2,$3 in
    number, | number,*[!0-9]*) die "--$1 is a whole number, got $(printf %q "$3")" ;;
    switch,true | switch,false | number,* | text,*) ;;
    *) die "--$1 is true or false, got $(printf %q "$3")" ;;
  esac
}

did_you_mean() { # PREFIX WORD CANDIDATE... -> the one that shares half of WORD or more, at its beginning and end, if any
  local word=$2 name best="" most=$((${#2} > 2 ? (${#2} - 2) / 2 : 0)) head tail
  for name in "${@:3}"; do
    head=0 tail=0
    while [[ $head -lt ${#name} && ${word:head:1} == "${name:head:1}" ]]; do head=$((head + 1)); done
    while [[ $tail -lt ${#name} && ${word: -tail-1:1} == "${name: -tail-1:1}" ]]; do tail=$((tail + 1)); done
    if [ $((head + tail)) -gt "$most" ]; then most=$((head + tail)) best=$name; fi
  done
  [ -z "$best" ] || printf ', did you mean %s%s?' "$1" "$best"
}

show_help() {
  local i name
  wrap "" "${about[*]}"
  printf '\n%s\n' "Options, with the values they have now (--name VALUE or --name=VALUE):"
  for i in "${!option_names[@]}"; do
    printf -v name '  --%-17s  ' "${option_names[i]}"
    wrap "$name" "${option_helps[i]}  [${!option_names[i]}]"
  done
  printf '\n%s\n' "Stages, for --stage and --stop_stage (name or number):"
  for i in "${!stage_names[@]}"; do
    printf -v name '  %2d  %-7s  ' "${stage_numbers[i]}" "${stage_names[i]}"
    wrap "$name" "${stage_titles[i]}"
  done
}

wrap() { # HEAD TEXT -> both, broken between words at 80 columns, the text under itself
  local line=$1 word words
  read -r -d '' -a words <<<"$2" || true
  for word in "${words[@]}"; do
    if [[ $((${#line} + ${#word})) -gt 80 && -n ${line// /} ]]; then
      printf '%s\n' "${line%"${line##*[! ]}"}"
      printf -v line '%*s' ${#1} ''
    fi
    line+="$word "
  done
  printf '%s\n' "${line% }"
}

# --- stages ------------------------------------------------------------------------------------------------------

set_stages() { # first_stage and last_stage, as numbers, from the options stage and stop_stage
  first_stage=$(number_of_stage "$stage")
  last_stage=$(number_of_stage "$stop_stage")
  [ "$first_stage" -le "$last_stage" ] ||
    die "stage $stage comes after stop_stage $stop_stage, nothing would run: add --stop_stage $stage"
}

number_of_stage() { # NAME-OR-NUMBER
  local i name=${renamed[.$1]:-$1}
  for i in "${!stage_names[@]}"; do
    if [[ $name == "${stage_names[i]}" || $1 == "${stage_numbers[i]}" ]]; then echo "${stage_numbers[i]}" && return; fi
  done
  die "unknown stage $(printf %q "$1")$(did_you_mean "" "$1" "${stage_names[@]}"); known are ${stage_names[*]}"
}

leave_out() { # REASON STAGE...
  left_out_because=$1 left_out=("${@:2}")
}

stage() { # NUMBER NAME TITLE -> whether the stage runs
  finish_stage
  if [[ $1 -lt $first_stage || $1 -gt $last_stage ]]; then return 1; fi
  if [[ " ${left_out[*]} " == *" $2 "* ]]; then
    headline "stage $1 ($2): left out, $left_out_because"
    return 1
  fi
  current=$2 current_number=$1 current_since=$SECONDS
  headline "stage $1 ($2): $3"
  if recorded; then record_stage; fi
}

headline() { # TEXT -> the log; with --dry_run stdout, as a comment among the commands
  if $dry_run; then printf '# %s\n' "$*"; else log "$*"; fi
}

record_stage() { # -> .stage of the experiment: what runs, then why it failed, which the command itself writes there
  stages_run+=("$current")
  mkdir -p "$exp"
  echo "$current" >"$exp/.stage"
  export FANGYAN_STAGE=$PWD/$exp/.stage
}

planned_stages() { # -> the names of the stages that are to run, a line each
  local i
  for i in "${!stage_names[@]}"; do
    if [[ ${stage_numbers[i]} -ge $first_stage && ${stage_numbers[i]} -le $last_stage ]] &&
      [[ " ${left_out[*]} " != *" ${stage_names[i]} "* ]]; then echo "${stage_names[i]}"; fi
  done
}

recorded() { # whether a stage runs here and now
  ! $dry_run && ! ${submit:-false}
}

finish_stage() { # the stage that was running succeeded: its time goes to $exp/times.tsv
  if [ -n "$current" ] && recorded; then
    rm -f "$exp/.stage"
    [ -s "$exp/times.tsv" ] || printf 'stage\tseconds\n' >"$exp/times.tsv"
    printf '%s\t%d\n' "$current" $((SECONDS - current_since)) >>"$exp/times.tsv"
  fi
  current=""
}

run() { # COMMAND...
  local command
  printf -v command '%q ' "$@"
  if $dry_run; then
    printf '%s\n' "${command% }"
  else
    log "${command% }"
    "$@"
  fi
}

on_exit() { # also reached when a signal stops the script
  local code=$?
  [ -z "$current" ] && return
  if recorded && [[ " 0 129 130 143 " != *" $code "* && $(wc -l <"$exp/.stage") -eq 1 ]]; then # 0: a signal, too
    echo "exit code $code" >>"$exp/.stage" # the command itself left no reason
  fi
  log "stage $current_number ($current) did not finish: mend the cause, then resume with --stage $current_number"
}
