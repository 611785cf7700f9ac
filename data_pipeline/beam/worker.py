"""A Beam worker process that ends with the command that started it.

``python -m data_pipeline.beam.worker PID``: Beam's own worker, which by itself lives on when the
process PID, its parent, is killed.
"""

import os
import sys
import threading
import time

POLL_S = 0.5


def end_with(parent: int) -> None:
    """End this process as soon as ``parent`` is no longer its parent."""
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=end_with, args=(int(sys.argv[1]),), daemon=True).start()
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)
