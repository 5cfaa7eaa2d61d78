"""An LSTM that is shown the image once, before the first word (Vinyals et al. 2015, Show and Tell)."""

import torch
from torch import Tensor, nn

from ..models.language import log_likelihood
from ..models.tokenizer import END, WordTokenizer


class ShowAndTell(nn.Module):
    r"""$x_{-1}=W_uu$, $x_t=W_eS_t$, $p_{t+1}=\mathrm{softmax}(W_o\,\mathrm{LSTM}(x_t))$ and
    $L(I,S)=-\sum_{t=1}^N\log p_t(S_t)$ (Vinyals et al. 2015, method section, which leaves the output
    layer $W_o$ to the softmax); $S_0$, the word "begin", is END here.

    Args:
        tokenizer: of the captions. d: D of the image feature. width: of words and of the LSTM. blind: the image is replaced by
            zeros, which leaves a language model of the captions.
    """

    def __init__(self, tokenizer: WordTokenizer, d: int, width: int = 128, blind: bool = False):
        super().__init__()
        self.tokenizer, self.blind = tokenizer, blind
        self.show = nn.Linear(d, width)
        self.words = nn.Embedding(len(tokenizer), width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, len(tokenizer))

    def _seen(self, u: Tensor) -> Tensor:
        return self.show(torch.zeros_like(u) if self.blind else u)[:, None]  # (B, 1, W)

    def forward(self, u: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """log p(S | I) of each caption: u (B, D), ids (B, T), END last and padding after it -> log_p (B,)."""
        begin = torch.full_like(ids[:, :1], END)
        x = torch.cat([self._seen(u), self.words(torch.cat([begin, ids[:, :-1]], dim=1))], dim=1)
        return {"log_p": log_likelihood(self.out(self.lstm(x)[0][:, 1:]), ids)}

    def start(self, u: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, V) of the first word, and the state for `step`."""
        begin = torch.full((len(u),), END, dtype=torch.long, device=u.device)
        y, (h, c) = self.lstm(torch.cat([self._seen(u), self.words(begin)[:, None]], dim=1))
        return self.out(y[:, -1]), [h[0], c[0]]

    def step(self, tokens: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, V) of the next word after tokens (B,)."""
        y, (h, c) = self.lstm(self.words(tokens)[:, None], tuple(s[None].contiguous() for s in state))
        return self.out(y[:, 0]), [h[0], c[0]]
