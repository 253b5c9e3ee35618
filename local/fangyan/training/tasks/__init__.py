"""Training tasks: what an encoder learns, one file each over a task of ESPnet.

``task: NAME`` in a training configuration chooses one, ``asr`` is the default. Another package adds one by an entry
point of the group ``fangyan.tasks``. After this in its pyproject.toml and in aligned_speech.py, ``task: aligned``
learns to recognise, and what ``teacher.scp`` (Kaldi's, a vector for each utterance of train and dev) has for it::

    [project.entry-points."fangyan.tasks"]
    aligned = "aligned_speech:Task"

    class Aligned(ESPnetASRModel):
        def __init__(self, teacher_size, **others):
            super().__init__(**others)
            self.head = torch.nn.Linear(self.encoder.output_size(), teacher_size)

        def encode(self, speech, speech_lengths):
            self.encoded = super().encode(speech, speech_lengths)
            return self.encoded

        def forward(self, speech, speech_lengths, text, text_lengths, teacher, **others):
            loss, told, weight = super().forward(speech, speech_lengths, text, text_lengths)
            frames, lengths = self.encoded
            pooled = torch.stack([x[:n].mean(0) for x, n in zip(frames, lengths)])
            distance = 1 - torch.cosine_similarity(self.head(pooled), teacher).mean()
            told |= {"loss": (loss + distance).detach(), "loss_cosine": distance.detach()}
            return force_gatherable((loss + distance, told, weight), loss.device)

    class Task(fangyan.training.tasks.asr.Task):
        inputs = (*asr.Task.inputs, Input("teacher", "teacher.scp", "kaldi_ark"))
        curves = (*asr.Task.curves, Curve("loss_cosine", "min"))
        classes = {"model": {"aligned": Aligned}}

The configuration chooses the model as it does ESPnet's: ``model: aligned``, ``model_conf: {teacher_size: 768, ...}``.
The new loss is in history.tsv and in the figure, ``best_model_criterion: [[valid, loss_cosine, min]]`` chooses by it,
and dump, decode and pack build the model by the same name. When the vectors change, what was learnt from the old ones
is not taken for finished. Over another task of ESPnet it is ``class Task(Trained, SSLTask)`` of `training.task`.
"""
