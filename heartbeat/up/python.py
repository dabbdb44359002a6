"""How a process of the product is started."""

import sys

# `-P` keeps the current directory off the path, where a folder called `api` would be taken for ours.
PYTHON = [sys.executable, "-P", "-m"]
