"""Look the lock's packages up among known vulnerabilities: advice that fails nothing and takes few minutes."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
TOOL = ROOT / "deploy/audit/requirements.txt"
SECONDS = 120


def said(report: dict[str, Any]) -> list[str]:
    """What a report of pip-audit's comes to, a line each. A package that could not be looked up is not called sound."""
    packages = report["dependencies"]
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    found = [(one, problem) for one in packages for problem in one.get("vulns", [])]
    lines = [
        f"{len(packages) - len(unknown)} of {len(packages)} packages looked up, {len(found)} known vulnerabilities"
    ]
    lines += [f"could not be looked up: {', '.join(unknown[:5])}{' …' if unknown[5:] else ''}"] if unknown else []
    for one, problem in found:
        mended = ", ".join(problem["fix_versions"]) or "no version yet"
        lines.append(f"{one['name']} {one['version']}: {problem['id']}, mended by {mended}")
    return lines


def audit(home: Path) -> list[str]:
    """Ask with the locked tool in an environment of its own. Raises `OSError` and `SubprocessError`."""
    report, python = home / "report.json", home / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", TOOL]
    ask = [python, "-m", "pip_audit", "--disable-pip", "--require-hashes", "-r", ROOT / "requirements.lock"]
    subprocess.run([sys.executable, "-m", "venv", home], check=True, timeout=SECONDS)
    subprocess.run(install, check=True, timeout=SECONDS)
    ask += ["--format", "json", "--output", report, "--progress-spinner", "off"]
    # It leaves with 1 when it has found something, too.
    subprocess.run(ask, check=False, timeout=SECONDS, stdout=subprocess.DEVNULL)
    return said(json.loads(report.read_text()))


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        try:
            lines = audit(Path(home))
        except (OSError, ValueError, subprocess.SubprocessError) as problem:
            lines = [f"known vulnerabilities could not be asked for: {problem}"]
    for line in lines:
        print(f"::warning title=pip-audit::{line}" if line != lines[0] else f"pip-audit: {line}")


if __name__ == "__main__":
    main()
