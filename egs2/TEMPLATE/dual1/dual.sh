#!/usr/bin/env bash
# From recordings and their texts to a language model that reads both, speech as discrete units, and to how well each finds
# the other. Paths are relative to the recipe's folder. Run it again after any stop: finished work is kept, the rest is done.
set -euo pipefail
BASH_ARGV0=run.sh # what was typed, by which messages are signed
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." >/dev/null && pwd)

corpus=mini_sinitic  # a corpus of local/fangyan/corpora
corpus_dir=""  # where the corpus lies, or where an embedded one is made
corpus_options=""  # what the corpus lets one choose: NAME=VALUE, several separated by semicolons
mixture=""  # several corpora instead: which ones, a file of conf/mixtures; where they lie is in conf/corpora.yaml
train_set=train  # set to train on
dev_set=dev  # set that chooses epoch and layer
test_sets="test"  # sets to report, separated by spaces; test_* stands for all that begin so
unit_encoder=mfcc  # SPEC of the encoder whose frames become units: mfcc, espnet:DIR|ZIP|HUB_ID, hf:HUB_ID|DIR
layer=mfcc  # its layer
k=500  # how many units
merged=false  # whether runs of one unit become one unit
train_config=conf/train/dual.yaml  # training configuration, of the recipe or else of the repository
seed=1  # random seed, of the units and of the training
tag=""  # name of the experiment under exp/ (default: CONFIG_ENCODER_LAYER_kK_seedSEED)
baselines=""  # encoders to compare with, separated by spaces: SPECs
layers=""  # layers to score, separated by spaces (default: all); a+b concatenates two
measures=conf/measure_align.yaml  # what is measured: a list, of the recipe or else of the repository
hf_repo=""  # Hugging Face repository to publish to: USER/NAME
private=false  # whether that repository is made private
revision=""  # its branch to publish to, made where it is missing (default: main)
i_have_permission=""  # who allowed to publish what the licence of a corpus forbids to; the model card quotes it
nj=2  # parallel processes of data preparation; with --backend slurm also array tasks of units, dump and measure
backend=local  # where commands run: local, or slurm (conf/slurm.yaml)
submit=false  # with --backend slurm: hand all jobs over, each to start after the one before, and leave
status=false  # show what is done, running and failed, run nothing
stage=data  # first stage
stop_stage=pack  # last stage
dry_run=false  # print the commands, run nothing

# shellcheck source=utils/stages.sh
. "$root/utils/stages.sh"
# shellcheck source=utils/backend.sh
. "$root/utils/backend.sh"
# shellcheck source=utils/names.sh
. "$root/utils/names.sh"
# shellcheck source=utils/steps.sh
. "$root/utils/steps.sh"
# shellcheck source=utils/next_steps.sh
. "$root/utils/next_steps.sh"
parse_options "$@"

read -r -d '' -a tests <<<"$test_sets" || true # read's exit code only says that the text ended
read -r -d '' -a rivals <<<"$baselines" || true
read -r -d '' -a scored <<<"$layers" || true
check_plan "${tests[@]}"

mixture=${mixture:+$(in_recipe_or_repository "$mixture")}
train_config=$(in_recipe_or_repository "$train_config")
measures=$(in_recipe_or_repository "$measures")
kind=$(as_file_name "${unit_encoder}_$layer")_k$k
! $merged || kind+=_merged
units=exp/units/${kind}_seed$seed
column=units_${kind}_seed$seed
tag=${tag:-$(basename "${train_config%.*}")_${kind}_seed$seed}
exp=exp/$tag
results=$exp$(folder_of_layers "${scored[@]}") # the result of all layers is the experiment's, others stand beside it
recall_data
# What decides the numbers is quoted in the report: not how and where the commands run, nor what is made of the model.
command=$(quote_given stage stop_stage dry_run status backend submit nj hf_repo private revision i_have_permission)
compare_with "llm:$exp" "${rivals[@]}"

begin

if stage 1 data "Prepare Kaldi data directories: data/SET"; then
  prepare_data
fi
mapfile -t tests < <(sets_of "${tests[@]}")
sets=("$dev_set" "${tests[@]}")
if [[ $first_stage -le 6 && $last_stage -gt 1 ]]; then check_sets "$train_set" "${sets[@]}"; fi

if stage 2 kmeans "Learn discrete units of speech from a layer of an encoder: exp/units"; then
  how=(--encoder "$unit_encoder" --layer "$layer" --k "$k" --seed "$seed")
  ! $merged || how+=(--merged)
  alone launch gpu python -m fangyan kmeans "${how[@]}" --data "data/$train_set" --out "$units"
fi

if stage 3 units "Write the training and development sets as units: data/SET/units_..."; then
  alone share gpu python -m fangyan units --units "$units" --column "$column" --data "data/$train_set" --data "data/$dev_set"
fi

if stage 4 train "Train the language model as a dual encoder of units and texts"; then
  launch train python -m fangyan train_dual --config "$train_config" --train "data/$train_set" --dev "data/$dev_set" \
    --units "$units" --column "$column" --exp "$exp" --seed "$seed"
fi

if stage 5 dump "Dump the features of every layer, and those of the baselines"; then
  dump_features "${sets[@]}"
fi

if stage 6 measure "Measure: how speech finds text and text speech, and all else that --measures lists"; then
  share gpu python -m fangyan measure --exp "$exp" --encoder "${specs[0]}" "${compared[@]}" "${sets[@]/#/--data=data/}" \
    "${scored[@]/#/--layer=}" --measures "$measures"
fi

if stage 7 report "Write RESULTS.md, report.html and the figures"; then
  launch cpu python -m fangyan report --exp "$exp" --dev "$dev_set" "${tests[@]/#/--test=}" --data data \
    "${scored[@]/#/--layer=}" --encoder "${specs[0]}" --command "$command"
fi

if stage 8 pack "Pack the model with the encoder of its units, as a folder: packed"; then
  launch cpu python -m fangyan pack --exp "$exp"
fi

if stage 9 publish "Publish the packed model on the Hugging Face Hub, if asked for with --stop_stage publish"; then
  publish_model
fi

conclude
next_steps "${specs[0]}" "${tests[0]}"
