"""Analytic multiply-accumulates of a two-tower model: the compute axis of scaling laws."""

from .clip import ClipConfig
from .flops import tower_flops


def macs_per_pair(config: ClipConfig) -> int:
    """Multiply-accumulates of one forward pass over an image and a text of full context (Cherti et al. 2023 count the same, and
    multiply by the samples seen). Both towers, their embeddings of patches and their projections; norms, activations, the
    softmax and the look-up of words are left out.
    """
    patches = (config.image_size // config.patch_size) ** 2
    flops = tower_flops(patches, config.width, config.depth, 3 * config.patch_size**2)
    if config.pool == "cls":  # one token more in the blocks, and none in the embedding
        flops += tower_flops(patches + 1, config.width, config.depth) - tower_flops(patches, config.width, config.depth)
    flops += tower_flops(config.context, config.text_width, config.text_depth)
    return flops // 2 + (config.width + config.text_width) * config.embed_dim
