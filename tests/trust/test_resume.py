"""Training that is killed at random moments, again and again, ends with the numbers of a run that never was."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import pytest
import torch

from vlatlas.models.checkpoint import load_state, save_state

FAULTS = int(os.environ.get("VLATLAS_FAULTS", "6"))
CHILD = """
import sys, torch
from vlatlas.models import CLIP, ClipConfig
from vlatlas.losses import ClipLoss
from vlatlas.train import TrainConfig, train
torch.set_num_threads(1)
torch.manual_seed(0)
config = ClipConfig(("red", "green"), image_size=8, patch_size=4, width=16, depth=1, heads=2, text_width=8, text_depth=1,
                    embed_dim=8)
model = CLIP(config, patch_dropout=0.5)
def batches(step):
    g = torch.Generator().manual_seed(step)
    words = torch.randint(3, 5, (8, 3), generator=g)
    return torch.rand(8, 3, 8, 8, generator=g), torch.cat([words, torch.full((8, 1), 2)], dim=1)
print("begun", flush=True)
history = train(model, batches, ClipLoss(), TrainConfig(steps=500, batch_size=8), device="cpu", checkpoint=sys.argv[1],
                checkpoint_every=20, progress=False)
print(history.rows[-1]["loss"].hex(), sum(p.double().sum().item() for p in model.parameters()).hex(), history.pairs)
"""


def child(path) -> subprocess.Popen:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    process = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE, text=True, env=env)
    assert process.stdout.readline() == "begun\n"
    return process


@pytest.mark.slow
def test_kills_at_random_moments_of_training_change_nothing(tmp_path):
    log = os.environ.get("VLATLAS_FAULTS_LOG")
    whole = child(tmp_path / "whole.safetensors")
    began = time.monotonic()
    expected = whole.communicate(timeout=300)[0]
    length = time.monotonic() - began
    chance, kills, path = random.Random(0), 0, tmp_path / "c.safetensors"
    while kills < max(3, min(20, FAULTS // 10)):
        begin, process = time.monotonic(), child(path)
        time.sleep(chance.uniform(0, length / 3))
        process.send_signal(signal.SIGKILL)
        output = process.communicate(timeout=60)[0]
        held = output in ("", expected) and (not path.exists() or load_state(path)[1]["step"] > 0)
        if log:
            row = {"kind": "training at a random moment: SIGKILL", "held": held, "seconds": round(time.monotonic() - begin, 2)}
            with open(log, "a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")
        assert held
        kills += 1
        if output == expected:
            path.unlink()  # it had finished: begin anew
    assert child(path).communicate(timeout=300)[0] == expected
    assert sorted(p.name for p in tmp_path.glob("*.safetensors")) == ["c.safetensors", "whole.safetensors"]


@pytest.mark.parametrize("damage", ["truncated", "flipped header", "empty", "another's", "no history", "older"])
def test_a_damaged_checkpoint_is_named_and_does_not_begin_a_run(tmp_path, damage):
    """Training goes on from nothing that it cannot trust: the error names the file and the remedy."""
    from vlatlas.losses import ClipLoss
    from vlatlas.models import CLIP, ClipConfig
    from vlatlas.train import TrainConfig, train

    config = ClipConfig(("a",), image_size=8, patch_size=4, width=16, depth=1, heads=2, text_width=8, text_depth=1, embed_dim=8)
    path = tmp_path / "c.safetensors"

    def go(steps=4):
        torch.manual_seed(0)

        def stream(step):
            return torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(step)), torch.tensor([[3, 2], [2, 0]])

        return train(CLIP(config), stream, ClipLoss(), TrainConfig(steps, 2), "cpu", checkpoint=path, progress=False)

    expected = go().rows[-1]["loss"]
    tensors, meta = load_state(path)
    data = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(data[: len(data) // 2])
    elif damage == "flipped header":
        path.write_bytes(data[:9] + b"\xff" + data[10:])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "another's":
        save_state(path, {k: v for k, v in tensors.items() if "visual" not in k}, meta)
    elif damage == "no history":
        save_state(path, tensors, {k: v for k, v in meta.items() if k != "history"})
    else:
        save_state(path, tensors, {"step": 2})
    with pytest.raises(ValueError, match="c.safetensors"):
        go()
    path.unlink()
    assert go().rows[-1]["loss"] == expected, "the next call succeeds"
