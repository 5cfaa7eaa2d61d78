"""A language model that sees: grid features of a frozen image tower enter by one matrix among its word embeddings (Liu et al.
2023, LLaVA)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..models.language import LanguageModel, State
from ..models.tokenizer import UNKNOWN

Turns = Sequence[tuple[str, str]]  # (instruction, answer) of each turn


class Llava(nn.Module):
    r"""$H_v=WZ_v$, read by a language model as if its columns were words (Liu et al. 2023, Eq. 1).

    The order is image, instruction, END, answer, END, and so on; END is the paper's <STOP> (its Table 2). For features of unit
    variance, $W$ starts with columns of $H_v$ as large as the embeddings of words.

    Args:
        d: width of the grid features. model: the language model, taken as it is, not copied.

    Shapes: z (B, P, d), ids (B, T) long -> logits (B, T, V); row j is about ids[:, j], given the image and all before.
    """

    def __init__(self, d: int, model: LanguageModel):
        super().__init__()
        self.projector = nn.Linear(d, model.width)  # W; the authors' layer has a bias too
        nn.init.normal_(self.projector.weight, std=model.embed_tokens.weight.std().item() / d**0.5)
        nn.init.zeros_(self.projector.bias)
        self.model = model

    def stage(self, number: int) -> "Llava":
        r"""What learns: 1, alignment, $\theta=\{W\}$; 2, instruction tuning, $\theta=\{W,\phi\}$, $\phi$ the language model.

        Raises:
            ValueError: another number.
        """
        if number not in (1, 2):
            raise ValueError(f"stage {number} is unknown; 1 aligns, 2 tunes")
        self.model.requires_grad_(number == 2)
        return self

    def forward(self, z: Tensor, ids: Tensor, answers: Tensor) -> dict[str, Tensor]:
        """Arguments of `answer_loss`. answers (B, T) bool: which ids are answers."""
        x = torch.cat([self.projector(z), self.model.embed_tokens(ids[:, :-1])], dim=1)  # (B, P + T - 1, W)
        return {"logits": self.model.read(x)[:, z.shape[1] - 1 :], "ids": ids, "answers": answers}

    def start(self, z: Tensor, ids: Tensor) -> tuple[Tensor, State]:
        """Logits (B, V) of an answer's first word after the image and instructions ids (B, T) of one length, END last, and a
        state."""
        return self.model.start(torch.cat([self.projector(z), self.model.embed_tokens(ids)], dim=1))

    def step(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (B, V) of the next word after tokens (B,)."""
        return self.model.step(tokens, state)


def answer_loss(logits: Tensor, ids: Tensor, answers: Tensor) -> Tensor:
    r"""Cross-entropy of the answers alone (Liu et al. 2023, Eq. 3),

    $$\mathcal{L}=-\frac1{|\mathcal{A}|}\sum_{i\in\mathcal{A}}\log p_\theta(x_i\mid H_v,x_{<i}),$$

    with $\mathcal{A}$ the tokens of all answers of the batch, each answer's END among them. The paper writes the product of the
    probabilities; the mean over tokens is what its code trains.

    logits (B, T, V), ids (B, T) long, answers (B, T) bool -> ().

    Raises:
        ValueError: no token is an answer.
    """
    if not answers.any():
        raise ValueError("no token is marked as an answer, so there is nothing to learn; mark at least one")
    return F.cross_entropy(logits[answers], ids[answers])


def encode(turns: Turns, model: LanguageModel) -> tuple[list[int], list[bool]]:
    """The ids of a conversation, and which of them are answers: those of each answer and the END after it.

    Raises:
        ValueError: a word that the language model does not have.
    """
    ids, answers = [], []
    for question, answer in turns:
        q, a = model.tokenizer.encode(question), model.tokenizer.encode(answer)  # END last in both
        if UNKNOWN in q or UNKNOWN in a:
            raise ValueError(f"{question!r} or {answer!r} has a word that the model does not; add it by `with_words`")
        ids += q + a
        answers += [False] * len(q) + [True] * len(a)
    return ids, answers


def collate(samples: list[tuple[list[int], list[bool]]]) -> tuple[Tensor, Tensor]:
    """ids (B, T), padded with 0 to the longest, and answers (B, T) bool."""
    pad = lambda rows: nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)  # noqa: E731
    return pad([ids for ids, _ in samples]), pad([answers for _, answers in samples])


@torch.no_grad()
def with_words(model: LanguageModel, words: Sequence[str]) -> LanguageModel:
    """A copy of a language model that has further words, their embeddings the mean of all others, as in the authors' code.

    Raises:
        ValueError: a word that it has already.
    """
    old = model.embed_tokens.weight
    wider = LanguageModel([*model.tokenizer.words, *words], **model.sizes)
    state = model.state_dict()
    state["embed_tokens.weight"] = torch.cat([old, old.mean(dim=0, keepdim=True).expand(len(words), -1)])
    wider.load_state_dict(state)
    return wider.to(old).train(model.training)
