"""Where the fuzzers begin: a small valid input for every target, and pieces to build others from."""

# ruff: noqa: E501
import io
import json
import tarfile

PARTS = {
    "expression": ["a", "b", "c", " ", "(", ")", "+", "-", "*", "/", "**", "<", ">=", "==", "and ", "or ", "not ", "mean(", "every(",
                   "lo(", "max(", ",", "1", "0.5", "1e9", "n()", "__import__", ".", "[", "'x'", "lambda:", "\u00e9", "\n"],
    "bibliography": ["@misc{a,", "@string{", "title = ", "{", "}", "\"", "#", ",", "url = {https://x", "javascript:", "\\'", "\\", "<script>",
                     "year = 20", "\n@article{b,", "author = {A and B}", "%", "\u00e9", "slug = {../x}"],
    "front_matter": ["paper:", "\n  ", "slug: flip", "claims:", "- ", "id: a", "check: ", "\"a > 1\"", "!!python/object/apply:os.system ",
                     "&a ", "*a", "{", "}", "[", "]", "'", "|", ">", "\t", "null", "<script>", "2001-99-99", "1e999"],
    "arguments": ["flip", "../", "/etc/passwd", "0,1,2", "x=", "=", "[1, 2]", "{a: 1}", ";", "$(id)", "`", "\x00", "\n", "&a [*a]", "--", "\udcff"],
}  # fmt: skip


def whole(name: str) -> list[bytes]:
    """Valid inputs of a target."""
    if name == "expression":
        return [b"every(a > 1) and lo(b - a) >= 0.5", b"max(abs(-a), c) / 2 ** 3 < sd(b) or n() == 3"]
    if name == "bibliography":
        return [
            b'@inproceedings{k,\n title = {A {B}}, author = "X, Y and Z", year = 2020,\n url = {https://a.b}, slug = {k}\n}\n'
        ]
    if name == "front_matter":
        return [
            b"paper:\n  slug: flip\n  bib: k\n  claims:\n    - {id: a, says: x, paper: {value: '1', where: w}, check: 'a > 1'}\n"
        ]
    if name == "arguments":
        return [b"flip", b"0,1,2", b"epochs=[1, 2.5, x]", b"cpu"]
    if name == "notebook":
        code = {"cell_type": "code", "source": "profile = 'cpu'\nfrom vlatlas import repro", "metadata": {"tags": ["parameters"]}}
        return [json.dumps({"cells": [code | {"outputs": []}], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}).encode()]
    if name == "record":
        from vlatlas.repro.records import DIGESTS, summarise

        claim = {"id": "a", "says": "s", "paper": {}, "measured": [], "check": "a > 1", "verdict": "reproduced"}
        data = {"schema": 1, "slug": "toy", "profile": "cpu", "seeds": [0, 1], "parameters": {}, "metrics": {"a": summarise([1.0, 2.0])},
                "claims": [claim], "controls": [], "verdict": None, "figures": {"figure.svg": "0"}, "started": "", "finished": "",
                "provenance": {"digests": dict.fromkeys(DIGESTS, "0")}, "elapsed_s": 1.0, "peak_memory_mb": 1}  # fmt: skip
        return [json.dumps(data).encode()]
    if name == "checkpoint":
        import torch
        from safetensors.torch import save

        meta = {"vlatlas": json.dumps({"kind": "clip", "config": {"words": ["a"]}, "card": {}})}
        return [save({"x": torch.zeros(2)}, meta), save({"x": torch.zeros(2)}, {"vlatlas": "{}"})]
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for member, data in (("s.jpg", b"\xff\xd8\xff\xe0"), ("s.json", b'{"n": 1}'), ("t.json", b"[]")):
            info = tarfile.TarInfo(member)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return [stream.getvalue()]
