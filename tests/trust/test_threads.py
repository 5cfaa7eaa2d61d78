"""One thread or two: a run's numbers stay within the tolerance that verify uses, and a fixed number gives the same bits."""

import json
import os
import subprocess
import sys

import pytest

from vlatlas.repro.verify import DEFAULT_TOLERANCE

CHILD = """
import json, sys, torch
from vlatlas.protocols.pretraining import Pretraining
from vlatlas.losses import MultiPositiveClipLoss
from vlatlas.train import train
torch.set_num_threads(int(sys.argv[1]))
p = Pretraining(pool=400, test=200, width=32, depth=1, heads=1, patch_size=8, pairs=960, batch_size=32)
model = p.model(0)
history = train(model, p.train_pool.batches(32, 0), MultiPositiveClipLoss(), p.schedule(0), "cpu", progress=False)
out = {k: v for k, v in p.zero_shot(model).items() if isinstance(v, float)}
print(json.dumps(out | {"loss": history.rows[-1]["loss"]}))
"""


def numbers(threads: int) -> dict[str, float]:
    env = os.environ | {"OMP_NUM_THREADS": str(threads)}
    done = subprocess.run([sys.executable, "-c", CHILD, str(threads)], capture_output=True, text=True, env=env, check=True)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_numbers_do_not_depend_on_threads_beyond_the_tolerance():
    one, again, two = numbers(1), numbers(1), numbers(2)
    assert one == again, "the same number of threads gives the same bits"
    assert set(one) == set(two) and len(one) >= 2
    for name, value in one.items():
        assert abs(value - two[name]) <= DEFAULT_TOLERANCE * max(1.0, abs(value)), name
