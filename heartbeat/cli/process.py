"""How a process ends that has used the Temporal SDK."""

import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process at once, its output written."""
    sys.stdout.flush()
    sys.stderr.flush()
    # At interpreter exit the SDK aborts now and then on Python 3.11 to 3.13.
    os._exit(code)
