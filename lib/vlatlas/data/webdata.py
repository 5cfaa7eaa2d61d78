"""webdataset shards: tar files of samples, read to their end whatever is wrong with them, and every loss
counted.

Shards are opened by the webdataset library: local paths, http(s):// and `pipe:` commands (for object stores,
e.g. "pipe:aws s3 cp s3://bucket/{00000..00099}.tar -").
"""

import json
import random
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
import webdataset
from torch.utils.data import IterableDataset, get_worker_info

from .images import SUFFIXES, BrokenImage, decode, square
from .manifest import Manifest

BLOCK = 512  # of a tar file; two blocks of zeros end it
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")


def expand(pattern: str) -> list[str]:
    """Shard names from a pattern with brace ranges: "a-{000..002}.tar" -> a-000.tar, a-001.tar, a-002.tar.

    Raises:
        ValueError: a range that runs backwards.
    """
    found = _RANGE.search(pattern)
    if not found:
        return [pattern]
    first, last = found.groups()
    if int(last) < int(first):
        raise ValueError(f"range {found.group()} in {pattern!r} runs backwards; write the smaller number first")
    names = [str(n).zfill(len(first)) for n in range(int(first), int(last) + 1)]
    return [s for n in names for s in expand(pattern[: found.start()] + n + pattern[found.end() :])]


class _Tail:
    """A stream that remembers its last two blocks, to tell a whole tar file from a truncated one."""

    def __init__(self, stream):
        self.stream, self.last = stream, b""

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.last = (self.last + data)[-2 * BLOCK :]
        return data

    def ended(self) -> bool:
        while self.read(1 << 16):
            pass
        return len(self.last) == 2 * BLOCK and not any(self.last)


def members(url: str, manifest: Manifest) -> Iterator[tuple[str, dict[str, bytes], bool]]:
    """(key, {extension: bytes}, whole) for each sample of one shard; whole is False for one that the shard's
    premature end cut short. A shard that can't be opened, or that ends early, is counted in the manifest."""
    manifest.shards += 1
    key, parts, broken = None, {}, None
    try:
        stream = _Tail(webdataset.gopen(url))
    except (OSError, ValueError) as error:
        manifest.unreadable_shards += 1
        manifest.note(f"{url}: unreadable: {error}")
        return
    try:
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                folder, _, name = member.name.rpartition("/")
                stem, _, extension = name.partition(".")
                this = f"{folder}/{stem}" if folder else stem
                if this != key:
                    if parts:
                        yield key, parts, True
                    key, parts = this, {}
                parts[extension.lower()] = b""  # known by name before its data are read
                parts[extension.lower()] = archive.extractfile(member).read()
                archive.members = []  # or a long shard would be kept in memory
    except (tarfile.TarError, OSError, EOFError) as error:
        broken = str(error)
    if broken is None and url.endswith(".tar") and not stream.ended():
        broken = "no end-of-archive mark"
    if broken is not None:
        manifest.truncated_shards += 1
        manifest.note(f"{url}: truncated after {key}: {broken}")
    if parts:
        yield key, parts, broken is None


def _promised(url: str) -> int | None:
    """The number of samples that the statistics beside a local shard promise (img2dataset's NAME_stats.json).

    Raises:
        ValueError: there is such a file and it is no JSON object with a whole number of successes.
    """
    beside = Path(re.sub(r"\.tar$", "_stats.json", url))
    if "://" in url or url.startswith("pipe:") or not beside.is_file():
        return None
    try:
        promised = json.loads(beside.read_text(encoding="utf-8"))["successes"]
    except (ValueError, KeyError, TypeError):  # broken bytes or JSON, no such field, no object
        promised = None
    if type(promised) is not int or promised < 0:
        raise ValueError(f"{beside}: no number of 'successes' in it; mend the file, or remove it to read the shard without")
    return promised


def read(url: str, manifest: Manifest, text: str = "txt") -> Iterator[tuple[str, object, str]]:
    """(key, PIL image, text) of every usable sample of one shard; the others are counted in the manifest.

    text: the extension of the caption or label; "json:FIELD" takes a field of the sample's json file.
    """
    before = manifest.seen
    extension, _, name = text.partition(":")
    for key, parts, whole in members(url, manifest):
        picture = next((parts[s] for s in SUFFIXES if s in parts), None)
        caption = _text(parts.get(extension), name)
        if not whole and (not picture or not caption):
            manifest.lose("cut", key)
        elif picture is None:
            manifest.lose("no_image", key)
        elif not caption:
            manifest.lose("no_text", key)
        else:
            try:
                image = decode(picture)
            except BrokenImage as error:
                manifest.lose("cut" if not whole else "broken_image", key, str(error))
                continue
            manifest.keep(key, caption)
            yield key, image, caption
    promised = _promised(url)
    if promised is not None:
        manifest.missing += max(0, promised - (manifest.seen - before))


def _text(data: bytes | None, name: str) -> str:
    """The caption, stripped; "" where there is none, or bytes that are no text."""
    if data is None:
        return ""
    try:
        value = json.loads(data).get(name) if name else data.decode("utf-8")
    except (UnicodeDecodeError, json.JSONDecodeError, AttributeError):
        return ""
    return str(value).strip() if value is not None else ""


class Shards(IterableDataset):
    """Image-text pairs streamed from shards, split by rank and worker, shuffled reproducibly.

    Args:
        pattern: shards, brace ranges allowed, several patterns joined by "::".
        transform: PIL image -> tensor; default: `square(resolution)`. text: see `read`.
        shuffle: samples kept in the shuffling buffer; 0 for the shards' order. seed, epoch: of the order of
            shards and samples (`epoch` is an attribute: set it before each pass).
        rank, world_size: this process's part of the shards; default: of torch.distributed, where initialised.

    Yields (tensor, text). `manifest` holds the account of this process's latest pass; with DataLoader workers
    each worker has its own, so count with `scan`.

    Raises:
        ValueError: fewer shards than processes and workers, so that one would get none.
    """

    def __init__(
        self, pattern: str, resolution: int = 224, transform: Callable | None = None, text: str = "txt",
        shuffle: int = 0, seed: int = 0, rank: int | None = None, world_size: int | None = None,
    ):  # fmt: skip
        self.pattern, self.text, self.shuffle, self.seed, self.epoch = pattern, text, shuffle, seed, 0
        self.shards = [s for p in pattern.split("::") for s in expand(p)]
        self.transform = transform or square(resolution)
        there = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.rank = rank if rank is not None else (torch.distributed.get_rank() if there else 0)
        self.world_size = world_size or (torch.distributed.get_world_size() if there else 1)
        self.manifest = Manifest(pattern)

    def mine(self) -> list[str]:
        """The shards of this process and worker, in this epoch's order."""
        shards = list(self.shards)
        if self.shuffle:
            random.Random(f"{self.seed}/{self.epoch}").shuffle(shards)
        worker = get_worker_info()
        part, parts = (worker.id, worker.num_workers) if worker else (0, 1)
        if len(shards) < self.world_size * parts:
            raise ValueError(
                f"{len(shards)} shards for {self.world_size} processes with {parts} workers each: "
                "some would get none; use fewer workers, or cut the data into more shards"
            )
        return shards[self.rank :: self.world_size][part::parts]

    def __iter__(self):
        self.manifest = Manifest(self.pattern)
        stream = ((i, t) for url in self.mine() for _, i, t in read(url, self.manifest, self.text))
        if self.shuffle:
            stream = _buffered(stream, self.shuffle, random.Random(f"{self.seed}/{self.epoch}/{self.rank}"))
        for image, text in stream:
            yield self.transform(image), text


def _buffered(stream, size: int, rng: random.Random):
    """Shuffle within a buffer of `size` samples."""
    buffer = []
    for sample in stream:
        if len(buffer) < size:
            buffer.append(sample)
        else:
            k = rng.randrange(size)
            yield buffer[k]
            buffer[k] = sample
    rng.shuffle(buffer)
    yield from buffer


def scan(pattern: str, text: str = "txt", licence: str = "unknown") -> Manifest:
    """Read all shards to the end and return the account of every sample."""
    manifest = Manifest(pattern, licence)
    for url in (s for p in pattern.split("::") for s in expand(p)):
        for _ in read(url, manifest, text):
            pass
    return manifest


def benchmark(folder: str | Path, split: str = "test") -> dict:
    """A data set in clip-benchmark's layout: SPLIT/0.tar ..., SPLIT/nshards.txt, classnames.txt,
    zeroshot_classification_templates.txt ("{c}" stands for the class), dataset_type.txt.

    Returns shards (a pattern for `Shards`), text ("cls" or "txt"), type, and for classification classnames
    and prompts (one list of sentences per class).

    Raises:
        FileNotFoundError: a file of the layout is missing; names it.
    """
    folder = Path(folder)

    def lines(name: str) -> list[str]:
        path = folder / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; clip-benchmark's layout has it beside the {split}/ folder")
        return [s for s in path.read_text(encoding="utf-8").splitlines() if s.strip()]

    count = int(lines(f"{split}/nshards.txt")[0])
    kind = lines("dataset_type.txt")[0].strip() if (folder / "dataset_type.txt").is_file() else "classification"
    out = {"shards": f"{folder / split}/{{0..{count - 1}}}.tar", "type": kind, "text": "txt"}
    if kind == "retrieval":
        return out
    names, templates = lines("classnames.txt"), lines("zeroshot_classification_templates.txt")
    prompts = [[t.replace("{c}", n) for t in templates] for n in names]
    return {**out, "text": "cls", "classnames": names, "prompts": prompts}
