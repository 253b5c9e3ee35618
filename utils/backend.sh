# shellcheck shell=bash
# shellcheck disable=SC2154  # options, exp, results, root, current and stage_names belong to the script and to stages.sh
#
# Where the commands of a stage run: here, or as jobs of Slurm of the classes in conf/slurm.yaml.
#
#   launch cpu python -m fangyan report ...         one job
#   share gpu python -m fangyan dump ...            $nj tasks of an array with --shard I/N, then a job with --merge N
#
# Here, both just run the command. With --submit, each job queues behind the one before it and nothing is waited for.

submitted=()

begin() { # -> environment and options are as they must be, $exp is ours; with --status, what is known of $exp instead
  case $backend in local | slurm) ;; *) die "--backend is local or slurm, got $(printf %q "$backend")" ;; esac
  ! $submit || [ "$backend" = slurm ] || die "--submit needs --backend slurm"
  if $status; then
    . "$root/utils/path.sh"
    python -m fangyan status --exp "$exp" "${stage_names[@]}"
    exit
  fi
  if [ "$backend" = slurm ] && [ -n "${SLURM_JOB_ID-}" ]; then
    log "inside job $SLURM_JOB_ID of Slurm: commands run in it, nothing is submitted"
    backend=local submit=false
  fi
  if $dry_run && [ "$backend" = local ]; then
    (check_options) || exit
    run cd "$PWD" || exit
    run . "$root/utils/path.sh"
  else # a dry run for Slurm prints the job scripts in place of commands
    . "$root/utils/path.sh"
    check_options
    $dry_run || hold "$exp"
  fi
}

check_options() { # -> exit, with a line for each mistake, where a value will not do for the stages that are to run
  local stages
  if $dry_run && ! (. "$root/utils/path.sh") 2>/dev/null; then
    log "the options are not checked, there is no environment yet: type \`make setup\` in $root"
    return
  fi
  . "$root/utils/path.sh"
  mapfile -t stages < <(planned_stages)
  python -m fangyan check --template "$template" --exp "$exp" "${stages[@]/#/--stage=}" -- "${option_values[@]}" || exit
}

hold() { # FOLDER -> no second run works in it as long as this one, or a process that it started, lives
  local lock=$1/.lock owner="" code=0
  mkdir -p "$1"
  exec {held}>>"$lock"
  flock --nonblock --conflict-exit-code 9 "$held" || code=$?
  case $code in
    0) printf '%s on %s (process %d or one it started) since %(%F %T)T\n' "$(id -un)" "$HOSTNAME" $$ -1 >"$lock" ;;
    9) read -r owner <"$lock" || true
      die "$1 is in use by ${owner:-another run}: wait for it, stop it, or choose another --tag" ;;
    *) log "$1: the file system has no locks, nothing keeps a second run out" ;;
  esac
}

alone() { # COMMAND... -> run while no other run, of another experiment, writes to data/
  if ! recorded; then
    "$@"
    return
  fi
  mkdir -p data
  {
    flock --nonblock 9 || { log "waiting for another run to have prepared data/" && flock 9; } || true
    "$@"
  } 9>>data/.lock
}

launch() { # CLASS COMMAND...
  distribute 1 "$@"
}

share() { # CLASS COMMAND...
  distribute "$nj" "$@"
}

distribute() { # SHARDS CLASS COMMAND...
  local job=(python -m fangyan submit --kind "$2" --stage "$current" --exp "$exp" --shards "$1") text code=0
  [ "$2" != train ] || job+=(${ngpu:+--ngpu "$ngpu"} --num_nodes "${num_nodes:-1}")
  if [ "$backend" = local ]; then
    run "${@:3}"
  elif $dry_run; then
    "${job[@]}" --dry_run -- "${@:3}"
  elif $submit; then
    text=$("${job[@]}" --no_wait --after "$(last_submitted)" -- "${@:3}") || code=$?
    [ -z "$text" ] || mapfile -t -O ${#submitted[@]} submitted <<<"$text"
    [ $code = 0 ] || { ${submitted[0]+scancel "${submitted[@]}"} && exit $code; }
  else
    printf -v text '%q ' "${@:3}"
    log "${text% }"
    "${job[@]}" -- "${@:3}"
  fi
}

last_submitted() {
  [ ${#submitted[@]} = 0 ] || echo "${submitted[-1]}"
}

conclude() { # the last stage is over
  finish_stage
  if $dry_run; then return; fi
  if $submit; then
    log "submitted: jobs ${submitted[*]}; they log to $PWD/$exp/log; add --status to see how far they are, or" \
      "\`scancel ${submitted[*]}\`"
  elif [[ " ${stages_run[*]} " == *" report "* ]]; then
    log "the report is in $PWD/$results/RESULTS.md and report.html"
  fi
}
