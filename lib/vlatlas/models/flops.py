"""Analytic cost of a transformer tower, the yardstick for every speed claim."""


def block_flops(tokens: int, width: int) -> int:
    """FLOPs of one block's forward pass for one sequence: 24 P W^2 + 4 P^2 W (a multiply-add counts as two).

    qkv 6PW^2, output 2PW^2, MLP 16PW^2; scores and weighted sum 2P^2W each. Norms and activations are left out.
    """
    return 24 * tokens * width**2 + 4 * tokens**2 * width


def tower_flops(tokens: int, width: int, depth: int, patch_inputs: int = 0) -> int:
    """FLOPs of an image tower's forward pass for one image; `patch_inputs` = 3 p^2 adds the patch embedding.

    A training step costs about three times as much.
    """
    return depth * block_flops(tokens, width) + 2 * tokens * patch_inputs * width


def ideal_speedup(patches: int, width: int, depth: int, ratio: float) -> float:
    """How much faster the blocks get if time followed FLOPs, when a share `ratio` of the patches is dropped.

    Slightly more than 1 / (1 - ratio), since attention is quadratic in the number of tokens.
    """
    kept = max(1, round((1 - ratio) * patches))
    return tower_flops(patches, width, depth) / tower_flops(kept, width, depth)
