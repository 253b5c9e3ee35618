"""How a `FastSpeech` is trained: batches by their units, two losses, tri-stage steps, the best weights on valid speech.

Importing it imports torch.
"""

import sys
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn.functional import cross_entropy, mse_loss

from fangyan.errors import DataError
from fangyan.progress import track
from fangyan.rounding import percent
from fangyan.units.fastspeech import FastSpeech, batch
from fangyan.units.text_to_unit import Settings, Spoken

FIRST, LAST = 0.01, 0.05
"""The step size at the beginning and at the end, as fractions of the greatest."""
IGNORED = -100


def train(
    learnt: Sequence[Spoken], valid: Sequence[Spoken], phones: int, k: int, settings: Settings, seed: int
) -> FastSpeech:
    """The network with the most units of ``valid`` right; on stderr how many. The same seed gives the same bytes.

    `DataError` where the loss is no finite number.
    """
    torch.manual_seed(seed)
    network = FastSpeech(phones, k, settings)
    optimiser = torch.optim.Adam(network.parameters(), settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: step_size(step, settings))
    best, kept = -1.0, network.state_dict()
    batches = _batches(learnt, settings.batch_units, np.random.default_rng(seed))
    for update in track(range(1, settings.updates + 1), "text_to_unit", "updates"):
        network.train()
        optimiser.zero_grad()
        loss = sum(losses(network, next(batches), settings.label_smoothing))
        if not loss.isfinite():
            raise DataError(
                f"text_to_unit: the loss is {loss.item()} at update {update}: lower learning_rate"
            )
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip)
        optimiser.step()
        schedule.step()
        if update % settings.valid_every == 0 or update == settings.updates:
            right = accuracy(network, valid)
            if right > best:
                best, kept = right, {name: t.clone() for name, t in network.state_dict().items()}
    print(f"text_to_unit: {percent(best)} % of the units of speakers held out are right", file=sys.stderr)
    network.load_state_dict(kept)
    return network.eval()


def step_size(step: int, settings: Settings) -> float:
    """The fraction of the greatest step size: a linear warm-up, then an exponential decay."""
    warm = settings.warm_up * settings.updates
    if step < warm:
        return FIRST + (1 - FIRST) * step / warm
    return LAST ** min(1.0, (step - warm) / max(settings.updates - warm, 1))


def losses(
    network: FastSpeech, spoken: Sequence[Spoken], smoothing: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """The cross entropy of units, and the squared error of log(duration + 1), means over all that there are."""
    phones, padding = batch([torch.from_numpy(s.phones) for s in spoken])
    durations = [torch.from_numpy(s.durations) for s in spoken]
    read, predicted = network.read(phones, padding)
    logits, ended = network.speak(read, durations)
    wanted = batch([torch.from_numpy(s.units) for s in spoken])[0].masked_fill(ended, IGNORED)
    lasting = torch.cat(durations).float().add(1).log()
    return (
        cross_entropy(logits.transpose(1, 2), wanted, ignore_index=IGNORED, label_smoothing=smoothing),
        mse_loss(predicted[~padding], lasting),
    )


@torch.inference_mode()
def accuracy(network: FastSpeech, spoken: Sequence[Spoken]) -> float:
    """The fraction of units that are right, at the durations that were spoken."""
    network.eval()
    right = total = 0
    for each in spoken:
        read, _ = network.read(*batch([torch.from_numpy(each.phones)]))
        logits, _ = network.speak(read, [torch.from_numpy(each.durations)])
        right += int((logits[0].argmax(-1) == torch.from_numpy(each.units)).sum())
        total += len(each.units)
    return right / max(total, 1)


def _batches(spoken: Sequence[Spoken], units: int, chance: np.random.Generator) -> Iterator[list[Spoken]]:
    """Without end, each pass in an order of its own: utterances of so many units together, at least one."""
    while True:
        held: list[Spoken] = []
        for n in chance.permutation(len(spoken)):
            if held and sum(len(s.units) for s in held) + len(spoken[n].units) > units:
                yield held
                held = []
            held.append(spoken[n])
        yield held
