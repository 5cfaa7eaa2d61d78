"""Blocks shared out among threads: every pair once, nobody in another's rows or columns, the same numbers each time."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import reference
import torch

from vlatlas.losses import ClipLoss, SigLipLoss, lanes
from vlatlas.losses.tiles import Blocks

LIKE = {"device": "cpu", "dtype": torch.float32}


@pytest.fixture(params=[2, 3])
def threads(request, monkeypatch):
    """Torch with this many threads, and lanes however small the matrix."""
    before = torch.get_num_threads()
    monkeypatch.setattr(lanes, "NARROW", 1)
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def losses(n: int, m: int | None = None):
    """(loss, gradients) of both losses in blocks and as plain equations."""
    s, b = torch.tensor(11.0, dtype=torch.float64), torch.tensor(-3.0, dtype=torch.float64)
    for make, rest in ((ClipLoss, [s]), (SigLipLoss, [s, b])):
        for tile in (None, 2, "keep") if make is ClipLoss else (None, 2):
            inputs = [x.clone().requires_grad_() for x in (*reference.pairs(n, seed=3), *rest)]
            loss = make(tile=tile)(*inputs)
            yield make.__name__, loss.detach(), torch.autograd.grad(loss, inputs)


@pytest.mark.parametrize("n", [2, 3, 7, 16, 37])
def test_lanes_give_what_the_whole_matrix_gives(n, threads):
    whole = {}
    for name, loss, gradients in losses(n):
        reference_loss, reference_gradients = whole.setdefault(name, (loss, gradients))
        for a, c in zip((loss, *gradients), (reference_loss, *reference_gradients), strict=True):
            torch.testing.assert_close(a, c, atol=1e-11, rtol=1e-11)
    assert torch.get_num_threads() == threads, "torch has its threads back"


def test_the_same_numbers_however_the_threads_are_held_up(threads, monkeypatch):
    u, v = (x.float() for x in reference.pairs(40, seed=1))
    true, held = torch.mm, []

    def slow(*arguments, **more):
        if held:
            time.sleep(held[0].pop() / 1000 if held[0] else 0)
        return true(*arguments, **more)

    monkeypatch.setattr(torch, "mm", slow)
    found = []
    for seed in range(4):
        held[:] = [torch.randint(4, (400,), generator=torch.Generator().manual_seed(seed)).tolist()]
        inputs = [x.clone().requires_grad_() for x in (u, v, torch.tensor(9.0), torch.tensor(-2.0))]
        loss = SigLipLoss(tile=3)(*inputs)
        found.append([loss.detach(), *torch.autograd.grad(loss, inputs)])
    for other in found[1:]:
        assert all(torch.equal(a, c) for a, c in zip(found[0], other, strict=True))


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (2, 9), (7, 5), (12, 12), (13, 31)])
def test_every_block_is_met_once_and_never_two_of_the_same_rows_or_columns_at_a_time(rows, columns, threads):
    blocks, met, now, lock = Blocks(rows, columns, 2, LIKE), torch.zeros(rows, columns), [], threading.Lock()

    def work(lane, i, js):
        for j in js:
            with lock:
                assert all(i != k and j != m and lane != other for other, k, m in now)
                now.append((lane, i, j))
            time.sleep(0.0005)
            met[i, j] += 1
            assert blocks.block(lane, i, j).shape == met[i, j].shape
            with lock:
                now.remove((lane, i, j))

    blocks.run(work)
    assert (met == 1).all() and blocks.lanes <= threads


def test_a_fault_in_any_lane_is_raised_after_all_have_ended(threads):
    blocks, running = Blocks(12, 12, 2, LIKE), []

    def work(lane, i, js):
        running.append(lane)
        if lane == threads - 1:
            raise ValueError("lane")
        time.sleep(0.02)
        running.remove(lane)

    with pytest.raises(ValueError, match="lane"):
        blocks.run(work)
    assert running == [threads - 1] and torch.get_num_threads() == threads
    assert not any(torch.isnan(loss) for _, loss, _ in losses(9)), "the threads are of use again"


def test_lanes_work_without_a_graph_and_in_inference_mode(threads):
    u, v = reference.pairs(12)
    s = torch.tensor(5.0, dtype=torch.float64)
    with torch.inference_mode():
        inside = ClipLoss(tile=2)(u, v, s)
    u.requires_grad_()
    assert inside.item() == pytest.approx(ClipLoss(tile=None)(u, v, s).item(), abs=1e-12)
    assert ClipLoss(tile=2)(u, v, s).grad_fn.name().startswith("_Built"), "one node, whatever the lanes did"


def test_two_losses_at_once_and_a_process_that_was_forked_have_lanes_of_their_own(threads):
    expected = [loss for _, loss, _ in losses(21)]
    with ThreadPoolExecutor(3) as pool:
        for found in pool.map(lambda _: [loss for _, loss, _ in losses(21)], range(6)):
            assert all(torch.allclose(a, c, atol=1e-11) for a, c in zip(expected, found, strict=True))
    before, child = lanes._pool(os.getpid(), threads), os.fork()
    if child == 0:
        own = lanes._pool(os.getpid(), threads)
        os._exit(0 if own is not before and own.submit(int, "7").result(timeout=20) == 7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_small_matrices_one_thread_and_other_devices_have_one_lane(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert lanes.lanes_for(8192, 16384, "cpu") == 8 and lanes.lanes_for(2048, 8192, "cpu") == 4
    assert lanes.lanes_for(1023, 9000, "cpu") == lanes.lanes_for(9000, 9000, "cuda") == 1
