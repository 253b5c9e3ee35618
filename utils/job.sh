# shellcheck shell=bash
# shellcheck disable=SC2154  # record and command belong to the job script that sources this file
#
# The end of every job script: run "${command[@]}" and say how it ended, in $record.<job id>.exit, which is whole or not
# there. Slurm sends SIGUSR1 before the time is over where that is asked for; the command then saves what it has, and
# the job queues again.

asked=false child=""
trap 'asked=true; [ -z "$child" ] || kill -USR1 "$child"' USR1
"${command[@]}" &
child=$!
! $asked || kill -USR1 "$child"
while
  wait "$child"
  code=$?
  [ "$code" -gt 128 ] && kill -0 "$child" 2>/dev/null # the signal ended the wait, not the command
do :; done

# 75: it stopped because it was asked to. Ranks that srun stops when the first of them has left die of a signal.
if $asked && [[ $code -eq 75 || $code -gt 128 ]]; then
  printf 'job %s queues again, its time is nearly over\n' "$SLURM_JOB_ID" >&2
  scontrol requeue "$SLURM_JOB_ID" && exit "$code"
fi

result=$record.${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}.exit
printf '%d\t%d\n' "$code" "$SECONDS" >"$result.partial" && mv "$result.partial" "$result"
exit "$code"
