"""Hold the shipped packages to a share of their lines and, apart from it, of their branches: `make coverage`."""

import json
import subprocess
import sys
from pathlib import Path

LEAST = 95.0
REPORT = Path(".coverage.json")


def main() -> None:
    subprocess.run([Path(sys.executable).with_name("coverage"), "json", "-q", "-o", REPORT], check=True)
    totals = json.loads(REPORT.read_text())["totals"]
    shares = {what: totals[f"percent_{what}_covered"] for what in ("statements", "branches")}
    for what, share in shares.items():
        print(f"{what}: {share:.1f} % of {totals[f'num_{what}']:,}")
    if below := [what for what, share in shares.items() if share < LEAST]:
        sys.exit(f"Below {LEAST:.0f} %: {' and '.join(below)}.")


if __name__ == "__main__":
    main()
