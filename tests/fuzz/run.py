"""Coverage-guided fuzzing: python tests/fuzz/run.py TARGET [SECONDS]

Needs atheris (pip install atheris; not part of the lock). Inputs that break a target are written to tests/fuzz/found/,
where the suite keeps them: a finding is mended and its input committed. The last line says how many inputs were tried.
"""

import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

PACKAGES = ["vlatlas.repro", "vlatlas.models", "vlatlas.data"]


def main() -> None:
    """Fuzz one target for some seconds."""
    import atheris

    name, seconds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 60
    with atheris.instrument_imports(include=PACKAGES, enable_loader_override=False):
        import targets

        from vlatlas.repro import bib, bib_parser, claims, expressions, frontmatter, jobs, records, sources, tex, validate  # noqa: F401

        if name in ("checkpoint", "shard"):
            from vlatlas.data import webdata  # noqa: F401
            from vlatlas.models import checkpoint  # noqa: F401
    import seeds

    target = {t.__name__: t for t in targets.TARGETS}[name]
    with tempfile.TemporaryDirectory(prefix="vlatlas-corpus-") as corpus:
        for i, data in enumerate([*seeds.whole(name), *(p.encode("utf-8", "replace") for p in seeds.PARTS.get(name, ()))]):
            Path(corpus, f"seed-{i}").write_bytes(data)
        words = Path(corpus, "words.dict")
        quoted = ["".join(f"\\x{b:02x}" for b in p.encode("utf-8", "replace")) for p in seeds.PARTS.get(name, ())]
        words.write_text("".join(f'"{q}"\n' for q in quoted))
        prefix = f"-artifact_prefix={HERE / 'found'}/{name}-"
        options = [
            sys.argv[0],
            corpus,
            f"-max_total_time={seconds}",
            "-max_len=4096",
            "-timeout=10",
            "-rss_limit_mb=4096",
            prefix,
        ]
        if quoted:
            options.append(f"-dict={words}")
        atheris.Setup([*options, "-print_final_stats=1"], target)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
