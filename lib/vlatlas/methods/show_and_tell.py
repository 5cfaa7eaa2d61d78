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
            zeros, which leaves a language model of the captions. every: the image is added to the input of every word as well,
            which the paper found to be worse.
    """

    def __init__(self, tokenizer: WordTokenizer, d: int, width: int = 128, blind: bool = False, every: bool = False):
        super().__init__()
        self.tokenizer, self.blind, self.every = tokenizer, blind, every
        self.show = nn.Linear(d, width)
        self.words = nn.Embedding(len(tokenizer), width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.out = nn.Linear(width, len(tokenizer))
        with torch.no_grad():  # forget gates start half open at 0: then the image would be gone before the first noun
            self.lstm.bias_ih_l0[width : 2 * width] = 1.0

    def _seen(self, u: Tensor) -> Tensor:
        return self.show(torch.zeros_like(u) if self.blind else u)[:, None]  # (B, 1, W)

    def forward(self, u: Tensor, ids: Tensor) -> dict[str, Tensor]:
        """log p(S | I) of each caption: u (B, D), ids (B, T), END last and padding after it -> log_p (B,)."""
        begin = torch.full_like(ids[:, :1], END)
        seen, words = self._seen(u), self.words(torch.cat([begin, ids[:, :-1]], dim=1))
        x = torch.cat([seen, words + seen if self.every else words], dim=1)  # (B, 1 + T, W)
        return {"log_p": log_likelihood(self.out(self.lstm(x)[0][:, 1:]), ids)}

    def start(self, u: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, V) of the first word, and the state for `step`."""
        begin = torch.full((len(u),), END, dtype=torch.long, device=u.device)
        seen, words = self._seen(u), self.words(begin)[:, None]
        y, (h, c) = self.lstm(torch.cat([seen, words + seen if self.every else words], dim=1))
        return self.out(y[:, -1]), [h[0], c[0], *([seen] if self.every else [])]

    def step(self, tokens: Tensor, state: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Logits (B, V) of the next word after tokens (B,)."""
        x, seen = self.words(tokens)[:, None], state[2:]  # seen: the image, (B, 1, W), if it is shown at every word
        y, (h, c) = self.lstm(x + seen[0] if seen else x, tuple(s[None].contiguous() for s in state[:2]))
        return self.out(y[:, 0]), [h[0], c[0], *seen]
