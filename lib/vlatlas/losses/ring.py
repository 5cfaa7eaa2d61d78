"""Losses over the features of all processes, none of which ever holds them all: texts travel round a ring.

Process r keeps its images and lends its texts to r + 1, r + 2, ...; sums or gradients that belong to a text travel with
it and are complete when it is home again. Memory O(n D) for n pairs a process. All processes hold equally many pairs.
Gradients are scaled as autograd scales them through gathered features, so that DistributedDataParallel's average over
processes is the gradient of the mean loss. All messages are sent in the forward pass.
"""

import torch
import torch.distributed as dist
from torch import Tensor

from .built import with_gradient
from .softmax_rules import Careful
from .tiled_sigmoid import sigmoid_block
from .tiled_softmax import gradient_block, sum_block
from .tiles import Blocks


def pass_on(tensors: list[Tensor], rank: int, world: int) -> list[Tensor]:
    """Send these to the next process and return what the one before sent."""
    received = [torch.empty_like(x) for x in tensors]
    operations = [dist.P2POp(dist.isend, x.contiguous(), (rank + 1) % world) for x in tensors]
    operations += [dist.P2POp(dist.irecv, x, (rank - 1) % world) for x in received]
    for request in dist.batch_isend_irecv(operations):
        request.wait()
    return received


def softmax_around_the_ring(image: Tensor, text: Tensor, scale: Tensor, tile: int, rank: int, world: int) -> Tensor:
    """CLIP's loss of this process's pairs among those of all (see `softmax_in_blocks`).

    Each process works on the logits of its own images alone, an equal share of 8 (n world)^2 D floating-point
    operations. Its gradient of the scale holds the shares of these logits: the sum over processes is that of gathered
    features, the parts are not.

    Shapes: image, text (n, D), this process's; scale (). Returns ().
    """

    def build(image: Tensor, text: Tensor, scale: Tensor, gradient: bool):
        n = len(image)
        like = {"device": image.device, "dtype": torch.promote_types(image.dtype, torch.float32)}
        s, rule, blocks = scale.to(like["dtype"]), Careful(), Blocks(n, n, tile, like)
        own, rows, columns, v = torch.empty(n, **like), rule.new(n, like), rule.new(n, like), text
        for step in range(world):
            sum_block(rule, image, v, s, None if step else 0, blocks, rows, columns, own)
            v, *columns = pass_on([v, *columns], rank, world)
        losses, shares, (row, column) = zip(rule.finish(rows, own), rule.finish(columns, own), strict=True)
        loss = (sum(x.mean() for x in losses) / 2).to(s.dtype)
        if not gradient:
            return loss, None
        at_own, v, d_scale = -sum(shares), text, 0.0
        d_image, d_text = (torch.zeros(t.shape, **like) for t in (image, text))
        for step in range(world):
            diagonal = None if step else 0
            d_scale += gradient_block(rule, image, v, s, diagonal, blocks, row, column, at_own, d_image, d_text)
            v, d_text, *column = pass_on([v, d_text, *column], rank, world)
        return loss, (d_image.mul_(s / (2 * n)), d_text.mul_(s / (2 * n)), d_scale.to(s.dtype) / (2 * n))

    return with_gradient(build, image, text, scale)


def sigmoid_around_the_ring(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, tile: int, rank: int, world: int) -> Tensor:
    """SigLIP's loss of this process's images against the texts of all (Zhai et al. 2023, Sec. 3.3), in one round.

    Shapes: image, text (n, D), this process's; scale, bias (). Returns ().
    """

    def build(image: Tensor, text: Tensor, scale: Tensor, bias: Tensor, gradient: bool):
        n = len(image)
        like = {"device": image.device, "dtype": torch.promote_types(image.dtype, torch.float32)}
        s, b, blocks = scale.to(like["dtype"]), bias.to(like["dtype"]), Blocks(n, n, tile, like)
        d_image, d_text = (torch.zeros(t.shape, **like) if gradient else None for t in (image, text))
        totals, v = 0.0, text
        for step in range(world):
            totals = totals + sigmoid_block(image, v, s, b, None if step else 0, blocks, d_image, d_text)
            v, *rest = pass_on([v] if d_text is None else [v, d_text], rank, world)
            d_text = rest[0] if rest else None
        loss, d_scale, d_bias = ((t / n).to(s.dtype) for t in totals)
        return loss, (d_image.mul_(s / n), d_text.mul_(s / n), d_scale, d_bias) if gradient else None

    return with_gradient(build, image, text, scale, bias)
