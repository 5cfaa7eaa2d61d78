"""The one training loop.

All randomness of step t is a function of (seed, t): data come from an indexed stream and the generators are seeded
anew at every step. Stopping and resuming therefore gives the numbers of a run that was never stopped.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from .models.checkpoint import load_state, save_state


@dataclass(frozen=True)
class TrainConfig:
    """How a model is trained: AdamW, linear warm-up, cosine decay to zero, gradient clipping."""

    steps: int
    batch_size: int = 128
    lr: float = 1e-3
    warmup: float = 0.1  # share of the steps
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = 1.0
    precision: str = "fp32"  # or "bf16": autocast, weights stay float32
    seed: int = 0

    def __post_init__(self):
        if self.steps < 1 or self.batch_size < 1:
            raise ValueError(f"steps {self.steps} and batch_size {self.batch_size} must be at least 1")
        if self.precision not in ("fp32", "bf16"):
            raise ValueError(f"precision {self.precision!r} is unknown; use 'fp32' or 'bf16'")


@dataclass
class History:
    """What a run leaves: one row per logged step, and seconds spent training (evaluation not counted)."""

    rows: list[dict] = field(default_factory=list)
    evals: list[dict] = field(default_factory=list)
    seconds: float = 0.0
    pairs: int = 0


class NonFiniteLoss(RuntimeError):
    """The loss became NaN or infinite."""


def learning_rate(step: int, config: TrainConfig) -> float:
    """Linear from lr/warm to lr over the warm-up, then half a cosine to zero at the last step."""
    warm = max(1, round(config.warmup * config.steps))
    if step < warm:
        return config.lr * (step + 1) / warm
    return config.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, config.steps - warm)))


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.AdamW:
    """AdamW; matrices decay, vectors and scalars (norms, biases, logit scale) do not."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.lr, betas=config.betas, eps=1e-8, fused=True)


def pick_device(device: str = "auto") -> torch.device:
    """ "auto" is CUDA where there is one, otherwise the CPU; raises RuntimeError for a CUDA that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise RuntimeError(f"device {device!r} asked for, but torch sees no CUDA; use device='cpu' or 'auto'")
    return torch.device(device)


def train(
    model: nn.Module,
    batches: Callable[[int], tuple],
    loss: Callable[..., Tensor],
    config: TrainConfig,
    device: str = "auto",
    evaluate: Callable[[nn.Module], dict] | None = None,
    eval_at: tuple[int, ...] = (),
    checkpoint: Path | None = None,
    checkpoint_every: int = 500,
    log: Path | None = None,
    progress: bool = True,
    label: str = "train",
) -> History:
    """Train `model` in place.

    Args:
        model: called as model(*inputs), for two towers model(images, ids); returns the loss's keyword arguments (see
            `CLIP.forward`).
        batches: step -> (*inputs), for two towers images (B, 3, H, W) and ids (B, T), the first of length B; a dict at the
            end holds further loss arguments. The same step always gives the same batch.
        loss: loss(**model(...), **further) -> scalar.
        evaluate, eval_at: evaluate(model) is called after these numbers of steps; its dict is kept with the seconds
            trained so far. Its own time is not counted.
        checkpoint: a file; if it exists and belongs to this config, training resumes there.
        log: a file to which one JSON line per tenth of a percent of the run is appended.

    Raises:
        NonFiniteLoss: the loss is NaN or infinite; names the step and what to try.
        ValueError: the checkpoint belongs to another configuration.
    """
    device = pick_device(device)
    model.to(device).train()
    optimizer = make_optimizer(model, config)
    history, start = History(), 0
    if checkpoint is not None and Path(checkpoint).exists():
        start = _resume(checkpoint, model, optimizer, history, config, device)
    every = max(1, config.steps // 1000)
    bar = _progress(config.steps, start, label) if progress else None
    writer = open(log, "a", encoding="utf-8") if log is not None else contextlib.nullcontext()  # noqa: SIM115
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=config.precision == "bf16")
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), writer as stream:
        for step in range(start, config.steps):
            began = time.perf_counter()
            torch.manual_seed(config.seed * 1_000_003 + step)
            batch = batches(step)
            *inputs, further = batch if isinstance(batch[-1], dict) else (*batch, {})
            for group in optimizer.param_groups:
                group["lr"] = learning_rate(step, config)
            with autocast:
                outputs = model(*(x.to(device, non_blocking=True) if isinstance(x, Tensor) else x for x in inputs))
            value = loss(**outputs, **further)
            optimizer.zero_grad(set_to_none=True)
            value.backward()
            norm = nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
            optimizer.step()
            if step % every == 0 or step + 1 == config.steps:  # the only host synchronisation
                _guard(value, norm, step, config)
                row = {"step": step + 1, "loss": value.item(), "norm": norm.item(), "lr": learning_rate(step, config)}
                if "logit_scale" in outputs:
                    row["scale"] = outputs["logit_scale"].detach().item()
                history.rows.append(row)
                if stream is not None:
                    stream.write(json.dumps(row) + "\n")
                if bar is not None:
                    bar.set_postfix(loss=f"{row['loss']:.3f}", refresh=False)
            if device.type == "cuda" and step + 1 in eval_at:
                torch.cuda.synchronize(device)  # or the queue's time would be booked on the evaluation
            history.seconds += time.perf_counter() - began
            history.pairs += len(inputs[0])
            if bar is not None:
                bar.update()
            if evaluate is not None and step + 1 in eval_at:
                scores = evaluate(model)
                model.train()
                history.evals.append({"step": step + 1, "seconds": history.seconds, "pairs": history.pairs, **scores})
            if checkpoint is not None and ((step + 1) % checkpoint_every == 0 or step + 1 == config.steps):
                _save(checkpoint, model, optimizer, history, config, step + 1)
    if bar is not None:
        bar.close()
    return history


def _guard(value: Tensor, norm: Tensor, step: int, config: TrainConfig) -> None:
    if not (math.isfinite(value.item()) and math.isfinite(norm.item())):
        raise NonFiniteLoss(
            f"loss {value.item()} and gradient norm {norm.item()} at step {step + 1} of {config.steps}: lower lr "
            f"(now {config.lr}), lengthen the warm-up (now {config.warmup}) or use precision='fp32'"
        )


def _progress(total: int, initial: int, label: str):
    from tqdm.auto import tqdm

    return tqdm(total=total, initial=initial, desc=label, mininterval=1.0, dynamic_ncols=True, leave=False)


def _save(path: Path, model, optimizer, history: History, config: TrainConfig, step: int) -> None:
    tensors = {f"model.{k}": v for k, v in model.state_dict().items()}
    for i, state in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{i}.{k}": v for k, v in state.items()}
    save_state(path, tensors, {"config": asdict(config), "step": step, "history": asdict(history)})


def _resume(path: Path, model, optimizer, history: History, config: TrainConfig, device) -> int:
    tensors, meta = load_state(path)
    try:
        if meta["config"] != json.loads(json.dumps(asdict(config))):
            raise ValueError(f"{path} belongs to another configuration ({meta['config']}); delete it or give another file")
        model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        state: dict[int, dict] = {}
        for name, value in tensors.items():
            if name.startswith("optimizer."):
                _, i, key = name.split(".", 2)
                state.setdefault(int(i), {})[key] = value.to(device) if key != "step" else value
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        saved = meta["history"]
        history.rows, history.evals = saved["rows"], saved["evals"]
        history.seconds, history.pairs = saved["seconds"], saved["pairs"]
    except (KeyError, RuntimeError) as error:
        raise ValueError(f"{path} is no training state of this model and version ({error}); delete it to begin anew") from error
    return meta["step"]
