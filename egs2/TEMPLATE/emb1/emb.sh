#!/usr/bin/env bash
# From recordings to a speech encoder, and to how near it brings translations of each other, whichever variety is spoken.
# Paths are relative to the recipe's folder. Run it again after any stop: finished work is kept, the rest is done.
set -euo pipefail
BASH_ARGV0=run.sh # what was typed, by which messages are signed
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." >/dev/null && pwd)

corpus=mini_sinitic  # a corpus of local/fangyan/corpora
corpus_dir=""  # where the corpus lies, or where an embedded one is made
corpus_options=""  # what the corpus lets one choose: NAME=VALUE, several separated by semicolons
mixture=""  # several corpora instead: which ones, a file of conf/mixtures; where they lie is in conf/corpora.yaml
train_set=train  # set to train on
dev_set=dev  # set that chooses checkpoint and layer; with --encoder it may be empty: no layer is chosen
test_sets="test"  # sets to report, separated by spaces; test_* stands for all that begin so
target=text_cmn  # what the model writes: text_cmn (the Mandarin wording) or text (the variety's own)
text_form=""  # normal form, NAME=VALUE words: latin=true, digits=kept|spoken, script=s2t|kept, variants=true (default: Han alone)
vocabulary=0  # so many sentencepieces to write instead of characters (0: characters)
train_config=conf/train/e_branchformer.yaml  # training configuration, of the recipe or else of the repository
decode_config=conf/decode.yaml  # decoding configuration, of the recipe or else of the repository
exit_layers=""  # encoder layers to decode from as well, layer02 layer03 ...; each takes as long as decoding itself
init=""  # weights the encoder starts from: a Whisper of the Hugging Face Hub (id) or its folder, or espnet:MODEL
seed=1  # random seed
tag=""  # name of the experiment under exp/ (default: CONFIG_TARGET_seedSEED, or made from the encoder's SPEC)
encoder=""  # SPEC of an encoder to measure in place of a trained one: espnet:DIR|ZIP|HUB_ID, hf:HUB_ID|DIR, fbank, mfcc
download=""  # a published model to measure, and to recognise with, in place of training: Hub id USER/NAME, or model.zip
baselines="random fbank mfcc"  # encoders to compare with, separated by spaces; random: the same network, untrained
layers=""  # layers of the encoder to score, separated by spaces (default: all); a+b concatenates two
choose_layer=""  # without --dev_set: folds chooses the layer on halves of the sentences, each for the other
measures=conf/measure.yaml  # what is measured: a list, of the recipe or else of the repository
control_quantile=""  # how strict the control for sound is, from 0 to 1: the larger the stricter (default: as --measures says)
word_test=false  # whether to ask of each layer if words are nearer to synonyms or to what sounds alike (needs espeak)
telling=3  # so many hits and misses of each test set to explain, the most telling ones; 0: none
hf_repo=""  # Hugging Face repository to publish to: USER/NAME
private=false  # whether that repository is made private
revision=""  # its branch to publish to, made where it is missing (default: main)
i_have_permission=""  # who allowed to publish what the licence of a corpus forbids to; the model card quotes it
nj=2  # parallel processes of data preparation; with --backend slurm also array tasks of decode, dump and measure
ngpu=""  # GPUs of each node to train on; 0: the CPU (default: one, if there is one)
num_nodes=1  # nodes to train on
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
read -r -d '' -a exits <<<"$exit_layers" || true
read -r -d '' -a scored <<<"$layers" || true
check_plan "${tests[@]}"
[ -z "$download" ] || [ -z "$encoder" ] || die "--download and --encoder name two encoders: choose one"

mixture=${mixture:+$(in_recipe_or_repository "$mixture")}
pieces=""
[ "$vocabulary" = 0 ] || pieces=_bpe$vocabulary
writing=(--target "$target" ${text_form:+--text_form "$text_form"})
written=$target${text_form:+_$(as_file_name "$text_form")}$pieces
if [ -n "$download" ]; then
  encoder=espnet:$download
  leave_out "a published model is given" tokens teach stats train pack
elif [ -n "$encoder" ]; then
  leave_out "an encoder is given" tokens teach stats train decode score pack
else
  train_config=$(in_recipe_or_repository "$train_config")
  names_teacher "$train_config" || leave_out "the training configuration names no teacher" teach
  tag=${tag:-$(basename "${train_config%.*}")_${written}_seed$seed}
fi
tag=${tag:-$(as_file_name "$encoder")}
decode_config=$(in_recipe_or_repository "$decode_config")
exp=exp/$tag
results=$exp$(folder_of_layers "${scored[@]}") # the result of all layers is the experiment's, others stand beside it
# What decides the numbers is quoted in the report: not how and where the commands run, nor what is made of the model.
recall_data
command=$(quote_given stage stop_stage dry_run status backend submit nj hf_repo private revision i_have_permission)
measures=$(in_recipe_or_repository "$measures")
tokens=data/token_list/${train_set}_$written
job=(--config "$train_config" --train "data/$train_set" --dev "data/$dev_set" --tokens "$tokens"
  "${writing[@]}" --seed "$seed" --exp "$exp" ${init:+--init "$init"})

compare_with "${encoder:-espnet:$exp}" "${rivals[@]}"

begin

if stage 1 data "Prepare Kaldi data directories: data/SET"; then
  prepare_data
fi
mapfile -t tests < <(sets_of "${tests[@]}")
sets=(${dev_set:+"$dev_set"} "${tests[@]}")
needed=("${sets[@]}")
if [[ -z $encoder && $first_stage -le 5 ]]; then needed+=("$train_set"); fi
if [[ $first_stage -le 10 && $last_stage -gt 1 ]]; then check_sets "${needed[@]}"; fi

if stage 2 tokens "List the tokens of the training transcripts"; then
  alone launch cpu python -m fangyan tokens --data "data/$train_set" "${writing[@]}" ${pieces:+--vocabulary "$vocabulary"} --out "$tokens"
fi

if stage 3 teach "Encode the transcripts by the teacher that the training configuration names"; then
  launch gpu python -m fangyan teach --config "$train_config" --data "data/$train_set" --data "data/$dev_set"
fi

if stage 4 stats "Collect lengths, mean and variance of the training data"; then
  launch cpu python -m fangyan stats "${job[@]}"
fi

if stage 5 train "Train the encoder with hybrid CTC/attention"; then
  launch train python -m fangyan train "${job[@]}" ${ngpu:+--ngpu "$ngpu"} --num_nodes "$num_nodes"
fi

if stage 6 decode "Decode the test sets"; then
  whole=(--exp "${download:-$exp}" "${tests[@]/#/--data=data/}" --config "$decode_config")
  if [ ${#exits[@]} -gt 0 ]; then # first, as it is here that a wrong layer of a model of the Hub is found
    share gpu python -m fangyan decode "${whole[@]}" "${exits[@]/#/--exit_layer=}" --out "$exp/early_exit"
  fi
  share gpu python -m fangyan decode "${whole[@]}" --out "$exp/decode"
fi

if stage 7 score "Score the character error rate of each variety"; then
  for set in "${tests[@]}"; do
    launch cpu python -m fangyan score --decode "$exp/decode/$set" --data "data/$set" "${writing[@]}" \
      ${exits[0]:+--exits "$exp/early_exit/$set"}
  done
fi

if stage 8 dump "Dump the features of every layer, and those of the baselines"; then
  dump_features "${sets[@]}"
fi

if stage 9 measure "Measure the encoder and the baselines: retrieval across varieties, and all else that --measures lists"; then
  how=(--measures "$measures" ${control_quantile:+--set "control.quantile=$control_quantile"})
  ! $word_test || how+=(--also word_test)
  share gpu python -m fangyan measure --exp "$exp" --encoder "${specs[0]}" "${compared[@]}" "${sets[@]/#/--data=data/}" \
    "${scored[@]/#/--layer=}" "${how[@]}"
fi

if stage 10 report "Write RESULTS.md, report.html and the figures"; then
  choice=(${choose_layer:+--choose_layer "$choose_layer"}) where=(--retrieval "$results/retrieval" "${choice[@]}")
  [ -z "$dev_set" ] || where=(--dev "$results/retrieval/$dev_set")
  if [ "$telling" -gt 0 ]; then
    launch cpu python -m fangyan explain --encoder "${specs[0]}" --feats "$exp/feats" "${tests[@]/#/--data=data/}" \
      "${where[@]}" --count "$telling" --out "$results/explain"
  fi
  launch cpu python -m fangyan report --exp "$exp" --dev "$dev_set" "${tests[@]/#/--test=}" --data data \
    "${scored[@]/#/--layer=}" --encoder "${specs[0]}" "${choice[@]}" --command "$command"
fi

if stage 11 pack "Pack the model in the form of the ESPnet model zoo"; then
  launch cpu python -m fangyan pack --exp "$exp"
fi

if stage 12 publish "Publish the packed model on the Hugging Face Hub, if asked for with --stop_stage publish"; then
  publish_model
fi

conclude
next_steps "${specs[0]}" "${tests[0]}"
