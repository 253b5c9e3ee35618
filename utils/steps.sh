# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154  # options, arrays and exp belong to the script that sources this file
#
# What the templates of recipes have in common: data directories, baselines, publishing.

of_data=(mixture corpus corpus_dir corpus_options) # the options that decide what data/ holds

check_plan() { # SET... -> exit where there is no set to report, or jobs cannot be handed over all at once
  [ $# -gt 0 ] || die "--test_sets needs a set to report"
  ! $submit || [ "$last_stage" -le "$(number_of_stage pack)" ] || die "--submit ends with pack: publish when the jobs are done"
  ! $submit || [[ "$(sets_of "$@")" != *\** ]] || die "--submit must know what $test_sets stands for: first --stop_stage data"
}

recall_data() { # -> what data/ was made from by another command counts as given
  [ "$first_stage" = 1 ] || recall_given data/.options "${of_data[@]}"
}

prepare_data() { # -> data/SET of the corpus or the mixture, and what it was made from
  local choices=()
  IFS=';' read -r -d '' -a choices < <(printf %s "$corpus_options") || true
  if [ -n "$mixture" ]; then
    alone launch cpu python -m fangyan mix --mixture "$mixture" --roots conf/corpora.yaml --out data --nj "$nj"
  else
    alone launch cpu python -m fangyan data --corpus "$corpus" ${corpus_dir:+--corpus_dir "$corpus_dir"} \
      "${choices[@]/#/--corpus_option=}" --out data --nj "$nj"
  fi
  ! recorded || keep_given data/.options "${of_data[@]}"
}

compare_with() { # SPEC RIVAL... -> specs, homes, compared: what is measured, the folder of each, what the first is compared with
  local rival name
  specs=("$1") homes=("$exp") compared=()
  for rival in "${@:2}"; do
    case $rival,$1 in
      random,espnet:*) specs+=("random:${1#espnet:}") ;;
      random,* | "$1,$1") continue ;; # only ESPnet's have an untrained twin; none is its own baseline
      *) specs+=("$rival") ;;
    esac
    name=$(as_file_name "$rival")
    homes+=("$exp/baselines/$name") compared+=("--baseline=$name=${specs[-1]}")
  done
}

dump_features() { # SET... -> features of these sets by each of specs
  local i
  for i in "${!specs[@]}"; do
    share gpu python -m fangyan dump --encoder "${specs[i]}" "${@/#/--data=data/}" --out "${homes[i]}/feats"
  done
}

publish_model() { # -> the packed model on the Hub
  local how=(${revision:+--revision "$revision"} ${i_have_permission:+--i_have_permission "$i_have_permission"})
  ! $private || how+=(--private)
  run python -m fangyan publish --exp "$exp" --hf_repo "$hf_repo" "${how[@]}"
}
