"""Two ways to sum exponentials of logits by rows and by columns in float32 without losing digits.

Both sum, for each row and column, the *others*: every logit but that of the pair that belongs together. With o the sum of
their exponentials and e that of the pair, the loss of the row is log(1 + o / e), and its gradient at the pair itself is
-o / (o + e): no difference of nearly equal numbers, however well the pairs are learnt, and no logarithm of a large sum
whose rounding would return as an exponential. Blocks are summed in the features' precision, the blocks' sums in float64.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

RANGE = 60.0  # e^60 = 1e26: sums of a billion such numbers, and their reciprocals, stay inside float32
NOTHING = -1e30  # below every logit; finite, so that differences are defined


class Quick:
    """One exponential for both directions: e^(S - m) with one shift m, where the range of the logits allows it."""

    def __init__(self, shift: float):
        self.shift = shift

    @classmethod
    def fitting(cls, image: Tensor, text: Tensor, scale: Tensor) -> "Quick | None":
        """The rule for logits of at most s max|u| max|v|; None where that is out of all range or not a number."""
        bound = scale.abs().item() * 1.001
        for x in (image, text):
            bound *= max(torch.linalg.vector_norm(part, dim=1, dtype=scale.dtype).max().item() for part in x.split(4096))
        return cls(max(0.0, bound - RANGE)) if bound < 1e4 else None

    def new(self, n: int, like: dict) -> list[Tensor]:
        """Empty sums over n rows or columns."""
        return [torch.zeros(n, device=like["device"], dtype=torch.float64)]

    def add(self, S: Tensor, own: tuple[Tensor, Tensor], i: slice, j: slice, rows, columns, spare: Tensor) -> None:
        """Fold a block of logits in; leaves exp(S - m) in its place."""
        self._exponentials(S)
        S[own] = 0.0
        rows[0][i] += S.sum(dim=1)
        if columns is not None:
            columns[0][j] += S.sum(dim=0)

    def finish(self, sums: list[Tensor], own: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        """Loss, share of the others in the softmax, and what `gradient` needs, for each row or column."""
        e = (own.double() - self.shift).exp()
        total = sums[0] + e
        return (sums[0] / e).log1p(), (sums[0] / total).to(own.dtype), [total.reciprocal().to(own.dtype)]

    def holds(self, *states: list[Tensor]) -> bool:
        """False if somewhere all exponentials were so small that digits were lost: then the careful rule must do it."""
        return self.shift == 0.0 or all((state[0] <= 1e26).all().item() for state in states)

    def gradient(self, S: Tensor, ready: bool, i: slice, j: slice, row, column, spare: Tensor) -> Tensor:
        """Softmax over the row, plus over the column if there is one; `ready` if S is as `add` left it."""
        if not ready:
            self._exponentials(S)
        if column is None:
            return S.mul_(row[0][i, None])
        return S.mul_(torch.add(row[0][i, None], column[0][None, j], out=spare))

    def _exponentials(self, S: Tensor) -> None:
        if self.shift:
            S.sub_(self.shift)
        S.exp_()


class Careful:
    """A running (maximum, sum) for each row and column: any finite logits, at two exponentials an entry."""

    def new(self, n: int, like: dict) -> list[Tensor]:
        return [torch.full((n,), NOTHING, **like), torch.zeros(n, device=like["device"], dtype=torch.float64)]

    def add(self, S: Tensor, own: tuple[Tensor, Tensor], i: slice, j: slice, rows, columns, spare: Tensor) -> None:
        """Fold a block of logits in; leaves the logits in place, the own ones as -inf."""
        S[own] = -torch.inf
        for sums, part, dim in ((rows, i, 1), (columns, j, 0)):
            if sums is None:
                continue
            maximum, total = sums
            new = torch.maximum(maximum[part], S.amax(dim=dim))
            E = torch.sub(S, new.unsqueeze(dim), out=spare).exp_()
            total[part] = total[part] * (maximum[part] - new).exp() + E.sum(dim=dim)
            maximum[part] = new

    def finish(self, sums: list[Tensor], own: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        maximum, o, own = sums[0].double(), sums[1], own.double()
        loss = -F.logsigmoid(own - maximum - o.log())
        top = torch.maximum(maximum, own)
        o = o * (maximum - top).exp()
        total, dtype = o + (own - top).exp(), sums[0].dtype
        return loss, (o / total).to(dtype), [top.to(dtype), total.reciprocal().to(dtype)]

    def holds(self, *states: list[Tensor]) -> bool:
        return True

    def gradient(self, S: Tensor, ready: bool, i: slice, j: slice, row, column, spare: Tensor) -> Tensor:
        by_row = torch.sub(S, row[0][i, None], out=spare).exp_().mul_(row[1][i, None])
        if column is None:
            return S.copy_(by_row)
        return S.sub_(column[0][None, j]).exp_().mul_(column[1][None, j]).add_(by_row)
