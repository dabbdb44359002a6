"""How a short-lived process ends."""

import os
import sys
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End a short-lived process: at interpreter exit the SDK aborts now and then on 3.11 to 3.13."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
