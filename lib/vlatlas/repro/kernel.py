"""`python -m vlatlas.repro.kernel`: an IPython kernel that never outlives the run that started it."""

import ctypes
import faulthandler
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent is gone; elsewhere ipykernel's own watch of the parent
    serves."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        expected = os.environ.get("JPY_PARENT_PID")
        if expected and os.getppid() != int(expected):
            os._exit(1)  # the parent died before the request


def main() -> None:
    """Start the kernel on the connection file that the arguments name."""
    die_with_parent()
    faulthandler.enable()  # a crash in compiled code leaves its stack in the run's log
    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
