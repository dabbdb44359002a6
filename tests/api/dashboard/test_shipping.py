"""The pages travel with the package."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_a_wheel_holds_every_file_of_the_dashboard(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    [wheel] = tmp_path.glob("*.whl")
    shipped = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("api/dashboard/")}
    files = (path for path in (ROOT / "api/dashboard").rglob("*") if path.is_file() and path.suffix != ".pyc")
    assert shipped == {path.relative_to(ROOT).as_posix() for path in files}
    assert "api/dashboard/templates/run.html" in shipped
