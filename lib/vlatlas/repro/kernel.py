"""`python -m vlatlas.repro.kernel`: an IPython kernel that never outlives the run that started it."""

import ctypes
import faulthandler
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent(parent: int, how: int = signal.SIGKILL) -> None:
    """Ask Linux to signal this process when its parent is gone; elsewhere ipykernel watches the parent
    itself."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(how))
        if os.getppid() != parent:
            os._exit(1)  # it died before the request


def main() -> None:
    """Start the kernel on the connection file that the arguments name."""
    die_with_parent(int(os.environ["JPY_PARENT_PID"]))
    faulthandler.enable()  # a crash in compiled code leaves its stack in the run's log
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
