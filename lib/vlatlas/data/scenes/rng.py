"""Counter-based randomness: every number is a pure function of (seed, index, field, position).

The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood 2014). There is no state, so a
sample does not depend on the batch it is drawn in, on the order of draws, or on the machine.
"""

import zlib
from functools import cache

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1, _M2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11, _S40 = (np.uint64(s) for s in (30, 27, 31, 11, 40))


def mix(z: np.ndarray) -> np.ndarray:
    """SplitMix64's finaliser, element by element, on uint64."""
    z = z ^ (z >> _S30)
    z *= _M1
    z ^= z >> _S27
    z *= _M2
    z ^= z >> _S31
    return z


@cache
def _field(name: str) -> np.uint64:
    return mix(np.array([zlib.crc32(name.encode())], dtype=np.uint64) * GOLDEN)[0]


class Draw:
    """The random numbers of the samples `index` (B,) under `seed`; every field has a stream of its own."""

    def __init__(self, seed: int, index):
        index = np.asarray(index, dtype=np.int64)
        if index.ndim != 1:
            raise ValueError(f"index has shape {index.shape}; give a one-dimensional range or list of integers")
        key = mix(np.array([int(seed) & 0xFFFFFFFFFFFFFFFF], dtype=np.uint64) + GOLDEN)
        self.seed, self.index = int(seed), index
        self.key = mix(index.astype(np.uint64) * GOLDEN + key)  # (B,)

    def __len__(self) -> int:
        return len(self.key)

    def rows(self, rows) -> "Draw":
        """The same streams for a part of the samples."""
        return Draw(self.seed, self.index[rows])

    def bits(self, name: str, n: int) -> np.ndarray:
        """(B, n) uint64."""
        position = np.arange(1, n + 1, dtype=np.uint64) * GOLDEN
        return mix((self.key ^ _field(name))[:, None] + position)

    def uniform(self, name: str, n: int = 1) -> np.ndarray:
        """(B, n) float64 in [0, 1)."""
        return (self.bits(name, n) >> _S11).astype(np.float64) * 2.0**-53

    def integers(self, name: str, high: int, n: int = 1) -> np.ndarray:
        """(B, n) int64 in [0, high). Raises ValueError unless high >= 1."""
        if high < 1:
            raise ValueError(f"integers({name!r}): high is {high}; there is nothing to choose from")
        return (self.uniform(name, n) * high).astype(np.int64)

    def permutation(self, name: str, n: int) -> np.ndarray:
        """(B, n) int64, each row an ordering of 0..n-1."""
        return np.argsort(self.bits(name, n), axis=1, kind="stable")

    def noise(self, name: str, height: int, width: int) -> np.ndarray:
        """(B, height, width) float32 in [0, 1)."""
        bits = self.bits(name, (height * width + 1) // 2)  # two 24-bit numbers from each word
        pair = np.stack([bits >> _S40, (bits >> np.uint64(8)) & np.uint64(0xFFFFFF)], axis=2)
        flat = pair.reshape(len(bits), -1)[:, : height * width].astype(np.float32) * np.float32(2.0**-24)
        return flat.reshape(len(bits), height, width)
