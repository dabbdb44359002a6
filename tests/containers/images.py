"""The images that the Dockerfile and the compose file begin from; stand-ins have their tags if none can be pulled."""

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
STAND_INS = Path(__file__).parent / "stand_ins"
DEBIAN = "heartbeat-test-debian"
DEBIAN_SUITE = "trixie"
# A network that reads along has an authority of its own, which this machine knows and a new image does not.
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


def docker(*arguments: str, **options: Any) -> str:
    """Run a command of Docker and return what it prints; what it says of a failure is part of the error."""
    process = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False, **options)
    if process.returncode:
        raise RuntimeError(f"docker {' '.join(arguments)}: {(process.stdout + process.stderr)[-2000:]}")
    return process.stdout.strip()


def wanted() -> dict[str, Path]:
    """Return the tags that are built from, each with the directory of its stand-in."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    [version] = re.findall(r"^ARG PYTHON_VERSION=(\S+)", dockerfile, re.MULTILINE)
    tags = {f"python:{version}-slim"}
    tags |= set(re.findall(r"^ +image: (\S+:\S+)$", (ROOT / "docker-compose.yml").read_text(), re.MULTILINE))
    return {tag: STAND_INS / tag.split(":")[0].replace("temporalio/", "temporal-") for tag in sorted(tags)}


def bring_all() -> list[str]:
    """Have every image that is wanted; return the tags under which there is a stand-in."""
    return [tag for tag, directory in wanted().items() if not bring(tag, directory)]


def bring(tag: str, directory: Path) -> bool:
    """Have one image; false when it is a stand-in."""
    label = '{{index .Config.Labels "stand-in"}}'
    try:
        return docker("image", "inspect", "--format", label, tag) != "yes"
    except RuntimeError:
        pass
    try:
        docker("pull", "--quiet", tag)
    except RuntimeError:
        make_debian()
        docker("build", "--quiet", "--label", "stand-in=yes", "--tag", tag, str(directory))
        return False
    return True


def make_debian() -> None:
    """Make the image that the stand-ins are built from, of Debian's own packages."""
    if docker("images", "--quiet", DEBIAN):
        return
    if not shutil.which("debootstrap"):
        raise RuntimeError("No image can be pulled, and debootstrap is not installed to make one.")
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory) / "root"
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", DEBIAN_SUITE, root],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        if AUTHORITIES.exists():
            shutil.copy(AUTHORITIES, root / AUTHORITIES.relative_to("/"))
        archive = Path(directory) / "root.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        docker("import", str(archive), DEBIAN)
