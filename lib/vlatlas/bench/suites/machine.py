"""What the figures were measured on."""

import platform
import resource
import sys

import torch


def machine() -> dict:
    """Processor, versions and threads; the rate of a float32 matrix product as it is now."""
    import open_clip

    from ..child import product_rate

    return {
        "processor": _processor(),
        "threads": torch.get_num_threads(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "open_clip": open_clip.__version__,
        "product_gflops": round(product_rate() / 1e9),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _processor() -> str:
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
