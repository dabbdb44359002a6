"""A real issuer of OpenID Connect on loopback: the npm package `oidc-provider`, in a process of its own."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright._impl._driver import compute_driver_executable

ROOM = Path(__file__).parents[1] / "openid" / "provider"
SECRET = "a secret: of 100%+ the client"
MISSING = "oidc-provider is not here; `npm ci --prefix tests/openid/provider` installs it"


def is_installed() -> bool:
    return (ROOM / "node_modules" / "oidc-provider").is_dir()


def _node() -> str:
    """Playwright brings one along."""
    return shutil.which("node") or str(compute_driver_executable()[0])


@contextmanager
def openid_provider(
    site: str, people: dict[str, dict[str, Any]], host: str = "127.0.0.1", port: int = 0
) -> Iterator[str]:
    """The address of an issuer that signs these people in, by any password; in CI it has to be there."""
    if not is_installed():
        assert "CI" not in os.environ, MISSING
        pytest.skip(MISSING)
    setup = {
        "redirectUris": [f"{site}/sign-in/openid/callback"],
        "signOutUris": [f"{site}/sign-in"],
        "people": people,
        "secret": SECRET,
        "host": host,
        "port": port,
    }
    command = [_node(), str(ROOM / "provider.js"), json.dumps(setup)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert address, "the issuer ended at once"
            yield address
        finally:
            process.kill()


def sign_in_there(url: str, subject: str) -> str:
    """Fill in the issuer's own forms as this person; returns the address that the browser is sent back to."""
    with httpx.Client(follow_redirects=False) as browser:
        response = browser.get(url)
        while True:
            while response.status_code in (302, 303):
                location = str(httpx.URL(str(response.url)).join(response.headers["location"]))
                if "/sign-in/openid/callback" in location:
                    return location
                response = browser.get(location)
            assert response.status_code == 200, response.text
            action = re.search(r'action="([^"]+)"', response.text)
            assert action is not None, response.text
            prompt = re.search(r'name="prompt" value="([^"]+)"', response.text)
            form = {"prompt": prompt[1] if prompt else "login", "login": subject, "password": "any"}
            response = browser.post(str(httpx.URL(str(response.url)).join(action[1])), data=form)
