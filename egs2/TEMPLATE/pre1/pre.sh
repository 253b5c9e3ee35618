#!/usr/bin/env bash
# From much speech, little of it transcribed, and text that nobody spoke to a pre-trained encoder, and to what it is worth once
# it was fine-tuned. Paths are relative to the recipe's folder. Run it again after any stop: finished work is kept.
set -euo pipefail
BASH_ARGV0=run.sh # what was typed, by which messages are signed
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." >/dev/null && pwd)

corpus=mini_sinitic  # a corpus of local/fangyan/corpora
corpus_dir=""  # where the corpus lies, or where an embedded one is made
corpus_options=""  # what the corpus lets one choose: NAME=VALUE, several separated by semicolons
mixture=""  # several corpora instead: which ones, a file of conf/mixtures; where they lie is in conf/corpora.yaml
train_set=train  # set of speech to pre-train on; its transcripts are not read
transcribed_set=train  # set of transcribed speech: to learn phones from, and to fine-tune on
minutes=""  # how much of it, as much of each variety (default: all)
text_sets=train  # sets whose texts are learnt without their recordings, separated by spaces; none: speech alone
text_columns="text_cmn"  # columns of texts that are learnt: text_cmn (the Mandarin wording), text (the variety's own)
dev_set=dev  # set that chooses checkpoints and layer
test_sets="test"  # sets to report, separated by spaces; test_* stands for all that begin so
unit_kind=phones  # what units are: phones, learnt from transcripts, or hidden, by k-means
unit_encoder=mfcc  # SPEC of the encoder whose frames become units: mfcc, espnet:DIR|ZIP|HUB_ID, hf:HUB_ID|DIR
layer=mfcc  # its layer
k=100  # how many hidden units
text_config=conf/text_to_unit.yaml  # configuration of the network that turns texts into hidden units, likewise
analysis=conf/measure_pretrained.yaml  # what is measured of the pre-trained encoder: a list, of the recipe or else of the repository
target=text_cmn  # what is written: text_cmn (the Mandarin wording) or text (the variety's own)
text_form=""  # normal form, NAME=VALUE words: latin=true, digits=kept|spoken, script=s2t|kept, variants=true (default: Han alone)
train_config=conf/train/pretrain.yaml  # configuration of pre-training, of the recipe or else of the repository
finetune_config=conf/train/finetune.yaml  # and of fine-tuning: of any task that starts with --init
decode_config=conf/decode_ctc.yaml  # decoding configuration, of the recipe or else of the repository
seed=1  # random seed, of units, texts, and both trainings
pretrained=""  # name of the pre-trained encoder under exp/ (default: made from configuration, units and seed)
tag=""  # name of the fine-tuned experiment under exp/ (default: CONFIG_from_PRETRAINED)
baselines="random"  # encoders to compare with, separated by spaces; random: the same network, untrained
layers=""  # layers of the encoder to score, separated by spaces (default: all); a+b concatenates two
measures=conf/measure.yaml  # what is measured: a list, of the recipe or else of the repository
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
read -r -d '' -a scored <<<"$layers" || true
read -r -d '' -a spoken_of <<<"$text_sets" || true
read -r -d '' -a wordings <<<"$text_columns" || true
check_plan "${tests[@]}"
case $unit_kind in
  phones) learn=(phone_units) ;;
  hidden) learn=(kmeans --k "$k") ;;
  *) die "--unit_kind is phones or hidden, got $unit_kind" ;;
esac
[ ${#spoken_of[@]} -gt 0 ] || leave_out "no texts are named" texts analyse

mixture=${mixture:+$(in_recipe_or_repository "$mixture")}
for option in train_config finetune_config decode_config measures analysis text_config; do
  found=$(in_recipe_or_repository "${!option}")
  printf -v "$option" %s "$found"
done
mapfile -t texts < <(for set in "${spoken_of[@]}"; do printf "data/texts_${set}_%s\n" "${wordings[@]}"; done)
few=$transcribed_set${minutes:+_${minutes}min_seed$seed} # what is fine-tuned on
kind=$(as_file_name "${unit_encoder}_$layer")_$unit_kind
if [ "$unit_kind" = hidden ]; then kind+=_k$k; else kind+=${minutes:+_${minutes}min}; fi
units=exp/units/${kind}_seed$seed
phones=exp/units/$(as_file_name "${unit_encoder}_$layer")_phones${minutes:+_${minutes}min}_seed$seed
pretrained=${pretrained:-$(basename "${train_config%.*}")_${kind}_seed$seed}
tag=${tag:-$(basename "${finetune_config%.*}")${minutes:+_${minutes}min}_from_$pretrained}
exp=exp/$tag
results=$exp$(folder_of_layers "${scored[@]}") # the result of all layers is the experiment's, others stand beside it
recall_data
# What decides the numbers is quoted in the report: not how and where the commands run, nor what is made of the model.
command=$(quote_given stage stop_stage dry_run status backend submit nj hf_repo private revision i_have_permission)
writing=(--target "$target" ${text_form:+--text_form "$text_form"})
tokens=data/token_list/${train_set}_$target${text_form:+_$(as_file_name "$text_form")}
pretraining=(--config "$train_config" --train "data/$train_set" --dev "data/$dev_set" --tokens "$tokens" "${writing[@]}"
  --seed "$seed" --exp "exp/$pretrained")
finetuning=(--config "$finetune_config" --train "data/$few" --dev "data/$dev_set" --tokens "$tokens" "${writing[@]}"
  --seed "$seed" --exp "$exp" --init "espnet:exp/$pretrained")
compare_with "espnet:$exp" "${rivals[@]}"

begin

if stage 1 data "Prepare Kaldi data directories: data/SET"; then
  prepare_data
  [ -z "$minutes" ] || alone launch cpu python -m fangyan subset --data "data/$transcribed_set" --minutes "$minutes" --seed "$seed" \
    --out "data/$few"
fi
mapfile -t tests < <(sets_of "${tests[@]}")
sets=("$dev_set" "${tests[@]}")
if [[ $first_stage -le 13 && $last_stage -gt 1 ]]; then check_sets "$train_set" "$few" "${sets[@]}"; fi

frames=(--encoder "$unit_encoder" --layer "$layer" --seed "$seed") # what units are of
if stage 2 learn_units "Learn discrete units of speech from a layer of an encoder: exp/units"; then
  from=$few && [ "$unit_kind" = phones ] || from=$train_set
  alone launch gpu python -m fangyan "${learn[@]}" "${frames[@]}" --data "data/$from" --out "$units"
fi

if stage 3 units "Write speech as units: data/SET/units"; then
  labelled=("$train_set" "$dev_set")
  [ "$unit_kind" = phones ] || [ "$few" = "$train_set" ] || labelled+=("$few")
  alone share gpu python -m fangyan units --units "$units" "${labelled[@]/#/--data=data/}"
fi

if stage 4 texts "Write texts as units, as if they were spoken: data/texts_SET_COLUMN"; then
  spoken_as=(--units "$units" --seed "$seed")
  if [ "$unit_kind" = hidden ]; then # how phones are spoken is learnt from what is transcribed
    alone launch gpu python -m fangyan phone_units "${frames[@]}" --data "data/$few" --out "$phones"
    alone launch gpu python -m fangyan text_to_unit --phones "$phones" --units "$units" --data "data/$few" --config "$text_config" \
      --seed "$seed" --out "${units}_of_texts"
    spoken_as+=(--model "${units}_of_texts")
  fi
  for set in "${spoken_of[@]}" "${sets[@]}"; do
    for wording in "${wordings[@]}"; do
      alone launch cpu python -m fangyan text_units "${spoken_as[@]}" --data "data/$set" --column "$wording" \
        --out "data/texts_${set}_$wording"
    done
  done
fi

if stage 5 tokens "List the tokens of the texts"; then
  alone launch cpu python -m fangyan tokens --data "data/$train_set" "${texts[@]/#/--texts=}" "${writing[@]}" --out "$tokens"
fi

if stage 6 stats "Collect lengths, mean and variance of the speech"; then
  launch cpu python -m fangyan stats "${pretraining[@]}"
fi

if stage 7 pretrain "Pre-train the encoder on speech and texts through units"; then
  launch train python -m fangyan train "${pretraining[@]}" ${ngpu:+--ngpu "$ngpu"} --num_nodes "$num_nodes"
fi

if stage 8 analyse "See what it has learnt: retrieval across varieties, and where speech and texts meet"; then
  learnt=(--encoder "espnet:exp/$pretrained" "${sets[@]/#/--data=data/}")
  share gpu python -m fangyan dump "${learnt[@]}" --out "exp/$pretrained/feats"
  share gpu python -m fangyan dump "${learnt[@]/#espnet:/random:}" --out "exp/$pretrained/baselines/random/feats"
  share gpu python -m fangyan measure --exp "exp/$pretrained" "${learnt[@]}" --baseline "random=random:exp/$pretrained" \
    --measures "$analysis"
  launch cpu python -m fangyan report --exp "exp/$pretrained" --dev "$dev_set" "${tests[@]/#/--test=}" --data data \
    --command "$command"
fi

if stage 9 finetune "Fine-tune it on transcribed speech"; then
  launch cpu python -m fangyan stats "${finetuning[@]}"
  launch train python -m fangyan train "${finetuning[@]}" ${ngpu:+--ngpu "$ngpu"} --num_nodes "$num_nodes"
fi

if stage 10 decode "Decode the test sets"; then
  share gpu python -m fangyan decode --exp "$exp" "${tests[@]/#/--data=data/}" --config "$decode_config" --out "$exp/decode"
fi

if stage 11 score "Score the character error rate of each variety"; then
  for set in "${tests[@]}"; do
    launch cpu python -m fangyan score --decode "$exp/decode/$set" --data "data/$set" "${writing[@]}"
  done
fi

if stage 12 dump "Dump the features of every layer, and those of the baselines"; then
  dump_features "${sets[@]}"
fi

if stage 13 measure "Measure the encoder and the baselines: retrieval across varieties, and all else that --measures lists"; then
  share gpu python -m fangyan measure --exp "$exp" --encoder "${specs[0]}" "${compared[@]}" "${sets[@]/#/--data=data/}" \
    "${scored[@]/#/--layer=}" --measures "$measures"
fi

if stage 14 report "Write RESULTS.md, report.html and the figures"; then
  launch cpu python -m fangyan report --exp "$exp" --dev "$dev_set" "${tests[@]/#/--test=}" --data data \
    "${scored[@]/#/--layer=}" --encoder "${specs[0]}" --command "$command"
fi

if stage 15 pack "Pack the model in the form of the ESPnet model zoo"; then
  launch cpu python -m fangyan pack --exp "$exp"
fi

if stage 16 publish "Publish the packed model on the Hugging Face Hub, if asked for with --stop_stage publish"; then
  publish_model
fi

conclude
next_steps "${specs[0]}" "${tests[0]}"
