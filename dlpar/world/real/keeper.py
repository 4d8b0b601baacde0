"""The process that holds a cluster of engines and ends it, whatever becomes of its owner.

It starts ipyparallel's controller and, through mpiexec, the engines; writes one line of JSON, the
client's connection, to stdout; and waits. When its stdin closes (the owner let go or died), or the
controller or mpiexec ends, it kills everything that carries the cluster's mark, and ends.
"""

import asyncio
import json
import logging
import os
import shutil
import signal
import sys
from pathlib import Path

from dlpar.world.real import guard
from dlpar.world.real.reaper import MARK, kill_family

PATIENCE = 0.25  # s between two looks at the owner and at the engines


def main():
    """Hold the cluster that the JSON in the first argument describes."""
    order = json.loads(sys.argv[1])
    for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sig, signal.SIG_IGN)  # it ends when its owner does, not before
    let_go = True
    try:
        let_go = asyncio.run(_hold(order))
    finally:
        kill_family(os.environ[MARK])
        if let_go:  # else the owner reads the log first
            for name in ("folder", "shared"):
                shutil.rmtree(order[name], ignore_errors=True)
        os._exit(0)


async def _hold(order):
    """Start the cluster; return True when the owner is gone, False when the cluster failed."""
    let_go = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, let_go.set)
    keeping = asyncio.create_task(_keep(order))
    while not (let_go.is_set() or keeping.done() or os.getppid() != order["owner"]):
        await asyncio.wait([keeping], timeout=PATIENCE)
    return not keeping.done()


async def _keep(order):
    """Start controller and engines; return when one of the two has ended."""
    import ipyparallel as ipp
    from traitlets.config import Config

    folder = Path(order["folder"])
    logging.basicConfig(filename=folder / "cluster.log", level=logging.INFO)
    config = Config()
    config.MPILauncher.mpi_cmd = order["mpiexec"]
    config.EngineLauncher.engine_cmd = [sys.executable, "-m", "dlpar.world.real.guard"]
    config.EngineLauncher.engine_args = ["--IPEngine.enable_nanny=False"]
    cluster = ipp.Cluster(
        engines="mpi",
        n=order["engines"],
        controller_ip="127.0.0.1",
        controller_args=[
            "--HeartMonitor.period=200",
            "--HeartMonitor.max_heartmonitor_misses=1000000",
            "--IPController.db_class=NoDB",
        ],
        profile_dir=str(folder / "profile"),
        cluster_file="",
        send_engines_connection_env=False,
        load_profile=False,
        shutdown_atexit=False,
        config=config,
        log=logging.getLogger("dlpar.cluster"),
    )
    await cluster.start_controller()
    await cluster.start_engines()  # they import what they need meanwhile
    connection = await cluster.controller.get_connection_info()
    (folder / "connection.part").write_text(json.dumps(connection["engine"]))
    (folder / "connection.part").rename(folder / guard.CONNECTION)
    sys.stdout.write(json.dumps(connection["client"]) + "\n")
    sys.stdout.flush()
    (engines,) = cluster.engines.values()
    while cluster.controller.running and engines.running:
        await asyncio.sleep(PATIENCE)


if __name__ == "__main__":
    main()
