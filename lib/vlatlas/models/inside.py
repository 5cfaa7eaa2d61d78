"""What happens inside a Vision Transformer, through one interface for our towers and open_clip's: features of every
layer, dense features, attention maps per layer and head."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .anatomy import attention_inputs, batch_first, blocks, has_class_token, project


@dataclass
class Inside:
    """One forward pass taken apart. L layers, h heads, T tokens (with the class token first if there is one), P patches.

    layers: (L, B, T, W) the residual stream after each block. heads: (L, B, h, T, W) what each head adds to it, without
    the output bias. attention: (L, B, h, T, T), rows sum to one. dense: (B, P, D) the patches' features in the shared
    space. features: (B, D) what `encode_image` gives. class_token: whether token 0 is one.
    """

    layers: Tensor
    heads: Tensor
    attention: Tensor
    dense: Tensor
    features: Tensor
    class_token: bool


@torch.no_grad()
def look_inside(model: nn.Module, images: Tensor) -> Inside:
    """Run `model.encode_image(images)` with hooks on every block; the model is left as it was.

    Raises:
        TypeError: the image tower is neither ours nor open_clip's VisionTransformer. ValueError: it drops patches because
        it is in training mode.
    """
    visual = model.visual
    if visual.training:
        raise ValueError("the model is in training mode, in which patches may be dropped: call model.eval() first")
    inputs, outputs, hooks = [], [], []
    for block in blocks(visual):
        hooks.append(block.register_forward_pre_hook(lambda m, a: inputs.append(a[0].detach())))
        hooks.append(block.register_forward_hook(lambda m, a, out: outputs.append(out.detach())))
    try:
        features = model.encode_image(images)
    finally:
        for hook in hooks:
            hook.remove()
    if not batch_first(visual):  # (T, B, W)
        inputs, outputs = ([x.transpose(0, 1) for x in xs] for xs in (inputs, outputs))
    parts = [_attend(block, x) for block, x in zip(blocks(visual), inputs, strict=True)]
    has_class = has_class_token(visual)
    last = outputs[-1]
    return Inside(
        torch.stack(outputs), torch.stack([h for _, h in parts]), torch.stack([a for a, _ in parts]),
        project(visual, last[:, 1:] if has_class else last), features, has_class,
    )  # fmt: skip


def _attend(block: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Attention (B, h, T, T) and each head's contribution (B, h, T, W) of one block, from the block's input."""
    inner = attention_inputs(block, x)
    weights = inner.weights()
    return weights, torch.einsum("bhtd,whd->bhtw", weights @ inner.v, inner.heads_out())


def describe(model: nn.Module) -> dict:
    """What must fit between a checkpoint and its use, read off the model itself.

    Returns activation, image_size, mean, std, context (tokens), vocabulary, tokenizer.
    """
    visual = model.visual
    block = blocks(visual)[0]
    found = next((type(m).__name__ for m in block.modules() if type(m).__name__ in ("GELU", "QuickGELU")), "unknown")
    size = visual.image_size if isinstance(visual.image_size, int) else int(visual.image_size[0])
    tokenizer = model.tokenizer
    embedding = getattr(model, "token_embedding", None)
    normal = [t for t in getattr(getattr(model, "preprocess", None), "transforms", ()) if type(t).__name__ == "Normalize"]
    return {
        "activation": found,
        "image_size": size,
        "mean": tuple(round(float(x), 4) for x in normal[0].mean) if normal else None,
        "std": tuple(round(float(x), 4) for x in normal[0].std) if normal else None,
        "context": int(getattr(model, "context_length", None) or model.config.context),
        "vocabulary": embedding.num_embeddings if embedding is not None else len(tokenizer),
        "tokenizer": type(tokenizer).__name__,
    }


def guard(model: nn.Module, verbose: bool = True, **expected) -> dict:
    """Print what the model is (see `describe`) and refuse it if it is not as expected, or not in harmony with itself.

    Args:
        expected: values that must hold, e.g. activation="QuickGELU", image_size=224, context=77.

    Raises:
        ValueError: names every value that differs, or a tokenizer whose ids the model does not take.
    """
    found = describe(model)
    unknown = set(expected) - set(found)
    if unknown:
        raise ValueError(f"no property {', '.join(sorted(unknown))}; there are {', '.join(found)}")
    wrong = [f"{k} is {found[k]!r}, expected {v!r}" for k, v in expected.items() if found[k] != v]
    ids = model.tokenizer(["a red circle"])
    longest = int(getattr(model.tokenizer, "context_length", 0) or ids.shape[1])
    if longest > found["context"]:
        wrong.append(f"the tokenizer makes {longest} tokens, the text tower takes {found['context']}")
    if int(ids.max()) >= found["vocabulary"]:
        wrong.append(f"the tokenizer gives id {int(ids.max())}, the text tower knows {found['vocabulary']}")
    if wrong:
        raise ValueError("; ".join(wrong) + ": load the architecture that the weights were trained with")
    if verbose:
        print(", ".join(f"{k} {v}" for k, v in found.items()))
    return found
