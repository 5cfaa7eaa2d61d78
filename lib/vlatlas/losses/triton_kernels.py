"""Triton kernels of both losses: every block of logits lives in a GPU's registers and is never written to memory.

Each program owns a block of rows and walks over all columns; the other direction is the same kernel with the two sets of
features exchanged, so no two programs add to one place and every run gives the same bits. That costs 12 N^2 D
floating-point operations for the softmax, as many as open_clip's loss does, and 8 N^2 D for the sigmoid.
"""

import triton
import triton.language as tl

NOTHING = tl.constexpr(-1e30)  # below every logit; finite, so that differences are defined


@triton.jit
def _rows(pointer, start, count, D: tl.constexpr, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    """Rows start.. of a (count, D) matrix, (BLOCK, WIDTH), zero beyond its edges."""
    i = start + tl.arange(0, BLOCK)
    d = tl.arange(0, WIDTH)
    inside = (i[:, None] < count) & (d[None, :] < D)
    return tl.load(pointer + i[:, None].to(tl.int64) * D + d[None, :], mask=inside, other=0.0)


@triton.jit
def _store_rows(pointer, start, count, values, D: tl.constexpr, BLOCK: tl.constexpr, WIDTH: tl.constexpr):
    i = start + tl.arange(0, BLOCK)
    d = tl.arange(0, WIDTH)
    inside = (i[:, None] < count) & (d[None, :] < D)
    tl.store(pointer + i[:, None].to(tl.int64) * D + d[None, :], values, mask=inside)


@triton.jit
def log_sums(u_ptr, v_ptr, s_ptr, others_ptr, own_ptr, N, M, offset,
             D: tl.constexpr, WIDTH: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # fmt: skip
    """For each row: log-sum-exp of the logits with all columns but i + offset, and the logit of that one."""
    first = tl.program_id(0) * BM
    i = first + tl.arange(0, BM)
    u, s = _rows(u_ptr, first, N, D, BM, WIDTH), tl.load(s_ptr)
    maximum, total = tl.full((BM,), NOTHING, tl.float32), tl.zeros((BM,), tl.float32)
    own = tl.zeros((BM,), tl.float32)
    for start in range(0, M, BN):
        j = start + tl.arange(0, BN)
        v = _rows(v_ptr, start, M, D, BN, WIDTH)
        S = tl.dot(u, tl.trans(v), input_precision="ieee") * s  # (BM, BN)
        pair = j[None, :] == i[:, None] + offset
        own += tl.sum(tl.where(pair, S, 0.0), axis=1)
        S = tl.where(pair | (j[None, :] >= M), NOTHING, S)
        new = tl.maximum(maximum, tl.max(S, axis=1))
        E = tl.where(S > NOTHING, tl.exp(S - new[:, None]), 0.0)
        total = total * tl.exp(maximum - new) + tl.sum(E, axis=1)
        maximum = new
    tl.store(others_ptr + i, maximum + tl.log(total), mask=i < N)
    tl.store(own_ptr + i, own, mask=i < N)


@triton.jit
def softmax_gradient(u_ptr, v_ptr, s_ptr, row_ptr, column_ptr, pair_ptr, d_u_ptr, N, M, offset, BOTH: tl.constexpr,
                     D: tl.constexpr, WIDTH: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # fmt: skip
    """G V for a block of rows, G = softmax over the row (+ over the column, if BOTH), at the own pair what pair_ptr says.

    row_ptr, column_ptr: the log-sum-exp of each whole row and column.
    """
    first = tl.program_id(0) * BM
    i = first + tl.arange(0, BM)
    u, s = _rows(u_ptr, first, N, D, BM, WIDTH), tl.load(s_ptr)
    row = tl.load(row_ptr + i, mask=i < N, other=0.0)
    at_own = tl.load(pair_ptr + i, mask=i < N, other=0.0)
    d_u = tl.zeros((BM, WIDTH), tl.float32)
    for start in range(0, M, BN):
        j = start + tl.arange(0, BN)
        v = _rows(v_ptr, start, M, D, BN, WIDTH)
        S = tl.dot(u, tl.trans(v), input_precision="ieee") * s  # (BM, BN)
        G = tl.exp(S - row[:, None])
        if BOTH:
            column = tl.load(column_ptr + j, mask=j < M, other=0.0)
            G += tl.exp(S - column[None, :])
        G = tl.where(j[None, :] == i[:, None] + offset, at_own[:, None], G)
        G = tl.where((j[None, :] < M) & (i[:, None] < N), G, 0.0)
        d_u = tl.dot(G.to(v.dtype), v, d_u, input_precision="ieee")
    _store_rows(d_u_ptr, first, N, d_u, D, BM, WIDTH)


@triton.jit
def sigmoid_gradient(u_ptr, v_ptr, s_ptr, b_ptr, loss_ptr, bias_ptr, d_u_ptr, N, M, offset,
                     D: tl.constexpr, WIDTH: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):  # fmt: skip
    """For each row the sum of -log sigma(z a) and of its derivative, and G V for the block of rows."""
    first = tl.program_id(0) * BM
    i = first + tl.arange(0, BM)
    u, s, b = _rows(u_ptr, first, N, D, BM, WIDTH), tl.load(s_ptr), tl.load(b_ptr)
    loss, bias = tl.zeros((BM,), tl.float32), tl.zeros((BM,), tl.float32)
    d_u = tl.zeros((BM, WIDTH), tl.float32)
    for start in range(0, M, BN):
        j = start + tl.arange(0, BN)
        v = _rows(v_ptr, start, M, D, BN, WIDTH)
        A = tl.dot(u, tl.trans(v), input_precision="ieee") * s + b  # (BM, BN)
        sign = tl.where(j[None, :] == i[:, None] + offset, -1.0, 1.0)
        A = A * sign  # -z a
        e = tl.exp(-tl.abs(A))
        inside = (j[None, :] < M) & (i[:, None] < N)
        # log(1 + e) for small e: the series keeps the digits that 1 + e rounds away.
        log1p = tl.where(e < 1e-3, e - 0.5 * e * e + e * e * e / 3, tl.log(1.0 + e))
        loss += tl.sum(tl.where(inside, tl.maximum(A, 0.0) + log1p, 0.0), axis=1)
        G = tl.where(inside, sign * tl.where(A >= 0, 1.0, e) / (1.0 + e), 0.0)
        bias += tl.sum(G, axis=1)
        d_u = tl.dot(G.to(v.dtype), v, d_u, input_precision="ieee")
    tl.store(loss_ptr + i, loss, mask=i < N)
    tl.store(bias_ptr + i, bias, mask=i < N)
    _store_rows(d_u_ptr, first, N, d_u, D, BM, WIDTH)
