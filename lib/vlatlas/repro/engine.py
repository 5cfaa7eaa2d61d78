"""Papermill's engine for the atlas: this interpreter's kernel, no ports, bounded output, everything
logged."""

import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from traitlets import Any

from .nursling import SOCKET, Nursling
from .streams import merge

CELL_LIMIT, LOG_LIMIT = 1_000_000, 50_000_000  # characters of printed text kept per cell, and in the log
DATA_LIMIT = 32_000_000  # characters of figures and tables kept in the notebook
NAME = "vlatlas"
QUIET = logging.getLogger("vlatlas.kernel")  # a failure is explained once, by the runner
QUIET.setLevel(logging.CRITICAL)
logging.getLogger("asyncio").setLevel(logging.CRITICAL)


class WarmProvisioner(LocalProvisioner):
    """Takes a kernel from the nursery where jupyter_client would start a process."""

    async def launch_kernel(self, cmd: list[str], **kwargs):
        arguments, out, err = cmd[cmd.index("-f") :], kwargs["stdout"], kwargs["stderr"]
        self.process = Nursling(os.environ[SOCKET], "kernel", arguments, kwargs["env"], str(kwargs["cwd"]), out, err)
        self.pid = self.pgid = self.process.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


class Manager(AsyncKernelManager):
    """Starts `vlatlas.repro.kernel` in the run's folder, over Unix sockets in a private temporary folder; in a batch the
    nursery forks it."""

    run = None  # set by `engine`

    def __init__(self, **kwargs):
        self.sockets = Path(tempfile.mkdtemp(prefix="vlatlas-"))
        super().__init__(**kwargs)
        self.transport = "ipc"
        self.connection_file = str(self.sockets / "k.json")
        self.ip = str(self.sockets / "k")

    @property
    def kernel_spec(self) -> KernelSpec:
        argv = [sys.executable, "-m", "vlatlas.repro.kernel", "-f", "{connection_file}"]
        return KernelSpec(argv=argv, display_name="Python 3", language="python")

    async def _async_start_kernel(self, **kwargs):
        kwargs |= {
            "cwd": str(self.run.folder),
            "env": self.run.env,
            "stdout": self.run.raw,
            "stderr": self.run.raw,
        }
        if os.environ.get(SOCKET):
            self.kernel_id = self.kernel_id or uuid4().hex
            self.provisioner = WarmProvisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
        await super()._async_start_kernel(**kwargs)
        self.run.started(self.provisioner.pid)

    start_kernel = _async_start_kernel

    def cleanup_connection_file(self):
        super().cleanup_connection_file()
        shutil.rmtree(self.sockets, ignore_errors=True)


class Client(PapermillNotebookClient):
    """Executes the cells; what they print goes to the log, and into the notebook up to a limit."""

    run = Any()

    def execute_cell(self, cell, cell_index, *args, **kwargs):
        ours = [c for c in self.nb.cells[:cell_index] if "injected-parameters" not in c.metadata.get("tags", [])]
        self.run.cell, self.run.source = len(ours) + 1, cell.source
        try:
            return super().execute_cell(cell, cell_index, *args, **kwargs)
        finally:
            if cell.cell_type == "code":
                cell.outputs = merge(cell.outputs)

    def process_message(self, msg, cell, cell_index):
        kind, content = msg["msg_type"], msg["content"]
        if kind == "stream":
            content["text"] = self._printed(content["text"], cell_index)
            if not content["text"]:
                return None
        elif kind in ("display_data", "execute_result", "update_display_data"):
            size = sum(len(str(value)) for value in content["data"].values())
            self.run.shown += size
            if self.run.shown > DATA_LIMIT:
                content["data"] = {"text/plain": f"[an output of {size} characters was left out]"}
        elif kind == "error":
            self.run.write_log("\n".join(content["traceback"]) + "\n")
        return super().process_message(msg, cell, cell_index)

    def _printed(self, text: str, cell_index: int) -> str:
        self.run.write_log(text)
        before = self.run.printed.get(cell_index, 0)
        self.run.printed[cell_index] = before + len(text)
        if before > CELL_LIMIT:
            return ""
        if before + len(text) > CELL_LIMIT:
            return text[: CELL_LIMIT - before] + "\n[what this cell printed beyond a million characters was left out]\n"
        return text


def engine(run) -> str:
    """Register an engine for one run (see `vlatlas.repro.execution.Run`) and return its name."""

    class RunManager(Manager):
        pass

    RunManager.run = run

    class RunEngine(Engine):
        @classmethod
        def execute_managed_notebook(cls, nb_man, kernel_name, **kwargs):
            client = Client(
                nb_man,
                run=run,
                log=QUIET,
                kernel_manager_class=RunManager,
                kernel_name="python3",
                timeout=None,
                startup_timeout=120,
                resources={"metadata": {"path": str(run.folder)}},
            )
            return client.execute()

    papermill_engines.register(NAME, RunEngine)
    return NAME
