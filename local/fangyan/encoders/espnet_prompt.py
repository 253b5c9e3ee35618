"""The prompt that OWSM-CTC's encoder is given beside the speech: always the same one here."""

from inspect import signature

import torch
from torch import Tensor

from fangyan.errors import UserError

LANGUAGE, TASK = "<nolang>", "<asr>"
NOTE = f"its encoder is given a prompt beside the speech, here always {LANGUAGE} {TASK} and no text before (<na>)"


class Prompt:
    """The language and the task, embedded before the first frame, and the text before, which every block attends to.

    It is the one that ESPnet's own inference takes where nothing else is asked for: the language is not known, speech
    is recognised, and no text came before.
    """

    def __init__(self, model) -> None:
        """`UserError` for a model (`ESPnetS2TCTCModel`) without such tokens."""
        if unknown := [token for token in (LANGUAGE, TASK) if token not in model.token_list]:
            raise UserError(f"the prompt is {LANGUAGE} {TASK}, but the model's token_list lacks {unknown[0]}")
        ids = [[model.token_list.index(token) for token in (LANGUAGE, TASK)]]
        device = model.embed.weight.device
        with torch.inference_mode():
            before = model.pos_enc(model.embed(torch.tensor([[model.na]], device=device)))
            memory, _, _ = model.prompt_encoder(before, torch.tensor([1], device=device))
            self.memory = model.prompt_proj(memory)  # (1, 1, d)
            self.prefix = model.embed_proj(model.embed(torch.tensor(ids, device=device)))  # (1, 2, d)
        takes = signature(model.encoder.embed.forward).parameters
        self.frames = self.prefix.shape[1] if "prefix_embeds" in takes else 0

    def of(self, batch: int) -> dict[str, Tensor]:
        """What the encoder is given with so many utterances."""
        memory = self.memory.expand(batch, -1, -1)
        mask = torch.ones(batch, 1, 1, dtype=torch.bool, device=memory.device)
        return {"prefix_embeds": self.prefix.expand(batch, -1, -1), "memory": memory, "memory_mask": mask}
