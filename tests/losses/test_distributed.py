"""Two processes give the loss and gradients of one with the whole batch: features gathered, or texts round a ring."""

import pytest
import reference
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from vlatlas.losses import ClipLoss, SigLipLoss

N, D = 10, 6


def worker(rank: int, port: int, kind: str, options: dict, out) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    u, v = reference.pairs(N, D)
    part = slice(rank * N // 2, (rank + 1) * N // 2)
    u, v = u[part].clone().requires_grad_(), v[part].clone().requires_grad_()
    s = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    loss = (ClipLoss if kind == "clip" else SigLipLoss)(rank=rank, world_size=2, **options)(u, v, s, b)
    loss.backward()
    with torch.no_grad():
        alone = (ClipLoss if kind == "clip" else SigLipLoss)(rank=rank, world_size=2, **options)(u, v, s, b).item()
    b_grad = 0.0 if b.grad is None else b.grad.item()
    out.put((rank, loss.item(), u.grad.tolist(), v.grad.tolist(), s.grad.item(), b_grad, alone))
    dist.barrier()
    dist.destroy_process_group()


def run(kind: str, options: dict, free_port: int):
    context = mp.get_context("spawn")
    out = context.Queue()
    processes = [context.Process(target=worker, args=(r, free_port, kind, options, out)) for r in range(2)]
    for p in processes:
        p.start()
    results = sorted(out.get(timeout=120) for _ in processes)
    for p in processes:
        p.join(60)
        assert p.exitcode == 0
    return results


@pytest.fixture
def free_port() -> int:
    import socket

    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("clip", {"local_loss": True, "gather_with_grad": True}),
        ("clip", {"local_loss": False, "gather_with_grad": True, "tile": 3}),
        ("clip", {"local_loss": True, "gather_with_grad": True, "tile": 3}),
        ("clip", {"local_loss": True, "gather_with_grad": True, "tile": "keep"}),
        ("clip", {"dist_impl": "ring", "tile": 3}),
        ("clip", {"dist_impl": "ring"}),
        ("siglip", {"dist_impl": "gather", "tile": None}),
        ("siglip", {"dist_impl": "gather", "tile": 3}),
        ("siglip", {"dist_impl": "ring"}),
        ("siglip", {"tile": 3}),
    ],
)
def test_two_processes_equal_one(kind, options, free_port):
    u, v = (x.requires_grad_() for x in reference.pairs(N, D))
    s = torch.tensor(7.0, dtype=torch.float64, requires_grad=True)
    b = torch.tensor(-3.0, dtype=torch.float64, requires_grad=True)
    whole = ClipLoss()(u, v, s) if kind == "clip" else SigLipLoss()(u, v, s, b)
    whole.backward()
    results = run(kind, options, free_port)
    # DistributedDataParallel averages gradients over processes: so do we, of the losses and of what each contributed.
    assert sum(r[1] for r in results) / 2 == pytest.approx(whole.item(), abs=1e-10)
    u_grad = torch.tensor(results[0][2] + results[1][2], dtype=torch.float64) / 2
    v_grad = torch.tensor(results[0][3] + results[1][3], dtype=torch.float64) / 2
    torch.testing.assert_close(u_grad, u.grad, atol=1e-10, rtol=0)
    torch.testing.assert_close(v_grad, v.grad, atol=1e-10, rtol=0)
    assert sum(r[4] for r in results) / 2 == pytest.approx(s.grad.item(), abs=1e-10)
    assert sum(r[5] for r in results) / 2 == pytest.approx(0.0 if b.grad is None else b.grad.item(), abs=1e-10)
    assert all(r[6] == pytest.approx(r[1], abs=1e-12) for r in results)  # the same value when no gradient is wanted
