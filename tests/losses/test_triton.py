"""The Triton kernels under Triton's interpreter, against the blocks in float64: odd sizes, all scales, both precisions."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from vlatlas.losses.on_gpu import softmax_on_gpu

pytest.importorskip("triton")
CASES = [
    (kind, n, scale, spread, dtype, local)
    for kind in ("softmax", "sigmoid")
    for n, scale, spread, dtype, local in (
        (1, 10.0, 1.0, "float32", False),
        (33, 1.0, 1.0, "float32", False),
        (70, 14.0, 1.0, "float32", False),
        (70, 100.0, 1.0, "float32", False),
        (64, 14.0, 0.05, "float32", False),
        (50, 14.0, 1.0, "float32", True),
        (50, 14.0, 1.0, "float16", False),
    )
]


@pytest.fixture(scope="module")
def results():
    script = Path(__file__).with_name("triton_cases.py")
    env = os.environ | {"TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script)], input=json.dumps(CASES), capture_output=True, text=True, env=env, timeout=300
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(CASES, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES, ids=str)
def test_kernels_equal_the_blocks(case, results):
    errors, dtype = results[case], case[4]
    tolerance = 2e-3 if dtype == "float16" else 5e-5 if case[2] == 100.0 else 1e-5
    assert errors[0] <= 1e-5  # the value is in float32 whatever the features are
    assert max(errors) <= tolerance


def test_double_precision_is_refused():
    u = torch.ones(2, 4, dtype=torch.float64)
    with pytest.raises(ValueError, match="float64.*softmax_in_blocks"):
        softmax_on_gpu(u, u, torch.tensor(1.0))
