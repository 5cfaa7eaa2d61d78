"""open_clip models under the training loop."""

import torch
from torch import Tensor, nn


class Outputs(nn.Module):
    """An open_clip model under the training loop's contract: forward gives what a loss takes."""

    def __init__(self, model: nn.Module, locked: bool = False, scale: float | None = None, bias: float | None = None):
        super().__init__()
        self.model, self.locked = model, locked
        if locked:
            model.visual.requires_grad_(False)
        start = model.logit_scale.detach().clone() if scale is None else torch.tensor(float(scale)).log()
        self.logit_scale = nn.Parameter(start)
        self.logit_bias = None if bias is None else nn.Parameter(torch.tensor(float(bias)))
        model.logit_scale.requires_grad_(False)

    def forward(self, images: Tensor, ids: Tensor) -> dict[str, Tensor]:
        if self.locked:
            self.model.visual.eval()
        out = {
            "image_features": self.model.encode_image(images, normalize=True),
            "text_features": self.model.encode_text(ids, normalize=True),
            "logit_scale": self.logit_scale.exp().clamp(max=100.0),
        }
        return out if self.logit_bias is None else out | {"logit_bias": self.logit_bias}
