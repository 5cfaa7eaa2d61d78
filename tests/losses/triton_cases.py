"""Run by test_triton.py under TRITON_INTERPRET=1, which must be set before triton is imported: prints errors as JSON."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import reference  # noqa: E402
import torch  # noqa: E402

from vlatlas.losses.on_gpu import sigmoid_on_gpu, softmax_on_gpu  # noqa: E402
from vlatlas.losses.tiled_sigmoid import sigmoid_in_blocks  # noqa: E402
from vlatlas.losses.tiled_softmax import softmax_in_blocks  # noqa: E402


def gradients(loss, u, v, *rest):
    leaves = [x.clone().requires_grad_() for x in (u, v, *rest)]
    value = loss(*leaves)
    value.backward()
    return [value.detach().double(), *(x.grad.double() for x in leaves)]


def compare(kind: str, n: int, scale: float, spread: float, dtype: torch.dtype, local: bool) -> list[float]:
    """Largest error of the value and of each gradient against float64, as a share of the largest entry (at least 1e-3)."""
    u, v = reference.pairs(n, 20, spread=spread)
    u, v = u.to(dtype), v.to(dtype)
    offset = n // 3 if local else 0
    u = u[: n - n // 3] if local else u  # fewer images than texts, beginning in the midst of them
    rest = [torch.tensor(scale), *([torch.tensor(-5.0)] if kind == "sigmoid" else [])]
    exact = [x.double() for x in (u, v, *rest)]
    if kind == "sigmoid":
        ours = gradients(lambda *x: sigmoid_on_gpu(*x, offset), u, v, *rest)
        theirs = gradients(lambda *x: sigmoid_in_blocks(*x, 64, offset), *exact)
    else:
        ours = gradients(lambda *x: softmax_on_gpu(*x, offset, not local), u, v, *rest)
        theirs = gradients(lambda *x: softmax_in_blocks(*x, 64, offset, not local), *exact)
    return [((a - b).abs().max() / b.abs().max().clamp(min=1e-3)).item() for a, b in zip(ours, theirs, strict=True)]


if __name__ == "__main__":
    print(json.dumps([compare(k, n, s, p, getattr(torch, d), local) for k, n, s, p, d, local in json.load(sys.stdin)]))
