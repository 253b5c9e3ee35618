# shellcheck shell=bash
# shellcheck disable=SC2154  # exp, root, first_stage and last_stage belong to the script and to stages.sh
#
# What a person may do next when a report was written: lines to paste, whatever folder and environment they are in.

next_steps() { # SPEC SET
  local report data=data/$2 fangyan=fangyan encoder page index wav=query.wav browser="python -m webbrowser"
  report=$(number_of_stage report)
  if ! recorded || [[ $report -lt $first_stage || $report -gt $last_stage || ! -e $exp/report.html ]]; then return; fi
  ! command -v xdg-open >/dev/null || browser=xdg-open
  command -v fangyan >/dev/null || fangyan="python -m fangyan"
  [ ! -e "$data/wav.scp" ] || read -r _ wav <"$data/wav.scp" || true
  printf -v encoder -- '--encoder %q' "$1"
  printf -v page %q "$exp/report.html"
  printf -v index -- '--index %q' "$exp/index"
  cat >&2 <<END

What next? First, in your shell:
  $(to_here "$fangyan")
Then, in any order: look at the report,
  $browser $page
say a sentence and hear it in the other varieties (Ctrl-C stops the page),
  $fangyan demo $encoder --data $(printf %q "$data")
ask which recordings say the same as one of them,
  $fangyan index $(printf %q "$data") $encoder $index
  $fangyan search $(printf %q "$wav") $index
and with recordings of your own (WAV, FLAC, MP3 and others): how alike two are, or search a folder of them,
  $fangyan compare a.wav b.wav $encoder
  $fangyan index my_recordings $encoder --index my_index
END
}

to_here() { # COMMAND -> what brings a shell to where the lines work
  local venv=$root/.venv python
  python=$(command -v python)
  [[ $python != "$venv"/* || ${VIRTUAL_ENV-} = "$venv" ]] || printf 'source %q && ' "$venv/bin/activate"
  [ "$1" = fangyan ] || printf 'export PYTHONPATH=%q && ' "$root/local"
  printf 'cd %q' "$PWD"
}
