"""Secrets at rest: what is sealed opens in its own row, with its own key, unchanged; nothing else does."""

import base64
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from heartbeat.cli.settings_errors import explain
from heartbeat.domain.secret_keys import new_key, read_keys
from heartbeat.secrets.key_file import KEY_FILE, make_key_file
from heartbeat.secrets.keyring import CannotOpen, Keyring, NoKey
from heartbeat.settings import Settings

ROW = "tool:tool_abc:headers"
CANARY = "canary-5b1e"
OLD, NEW = f"old:{base64.b64encode(bytes(32)).decode()}", f"new:{base64.b64encode(bytes(range(32))).decode()}"


def keyring(*keys: str) -> Keyring:
    return Keyring(read_keys(",".join(keys)))


def settings_of(directory: Path, keys: str | None = None) -> Settings:
    return Settings(_env_file=None, data_dir=directory, secret_keys=keys)


def test_what_is_sealed_opens_again_and_never_looks_the_same() -> None:
    ring = keyring(NEW)
    sealed = [ring.seal(CANARY, ROW) for _ in range(3)]
    assert [ring.open(text, ROW) for text in sealed] == [CANARY] * 3
    assert len(set(sealed)) == 3
    assert all(re.fullmatch(r"v1\.new\.[A-Za-z0-9_=-]+", text) for text in sealed)
    assert CANARY not in "".join(sealed) + "".join(str(base64.urlsafe_b64decode(text[7:])) for text in sealed)


@pytest.mark.parametrize("row", ["tool:tool_abd:headers", "tool:tool_abc:other", ""])
def test_it_opens_in_no_other_row(row: str) -> None:
    with pytest.raises(CannotOpen, match=r"does not open with the key 'new'.*belongs to another row"):
        keyring(NEW).open(keyring(NEW).seal(CANARY, ROW), row)


def test_every_key_opens_and_the_first_one_seals() -> None:
    before = keyring(OLD).seal(CANARY, ROW)
    both = keyring(NEW, OLD)
    assert both.open(before, ROW) == CANARY
    assert (both.is_newest(before), both.is_newest(both.seal(CANARY, ROW))) == (False, True)
    with pytest.raises(CannotOpen, match=r"sealed with the key 'new'.*it has: old\).*HEARTBEAT_SECRET_KEYS"):
        keyring(OLD).open(both.seal(CANARY, ROW), ROW)


def test_another_key_under_the_same_id_opens_nothing() -> None:
    with pytest.raises(CannotOpen, match="that id once was another key's"):
        keyring(OLD.replace("old", "new")).open(keyring(NEW).seal(CANARY, ROW), ROW)


def test_nothing_may_be_changed() -> None:
    """Every character, one at a time: the version, the key's id, the nonce, the text, the tag."""
    ring = keyring(NEW, OLD)
    sealed = ring.seal(CANARY, ROW)
    for place, character in enumerate(sealed):
        other = "B" if character == "A" else "A"
        with pytest.raises(CannotOpen) as failure:
            ring.open(sealed[:place] + other + sealed[place + 1 :], ROW)
        assert CANARY not in str(failure.value)


@pytest.mark.parametrize(
    "text", ["", "v1", "v1.new", "v1.new.", "v1.new.????", "v1.new.AAAA", "v2.new.AAAA", "x" * 99, "é"]
)
def test_what_is_no_sealed_text_is_said_to_be_none(text: str) -> None:
    with pytest.raises(CannotOpen, match=f"stored of {ROW} is no sealed text of this version"):
        keyring(NEW).open(text, ROW)


def test_without_a_key_nothing_is_sealed() -> None:
    with pytest.raises(NoKey, match="set HEARTBEAT_SECRET_KEYS"):
        Keyring([]).seal(CANARY, ROW)
    with pytest.raises(CannotOpen, match="it has: none"):
        Keyring([]).open(keyring(NEW).seal(CANARY, ROW), ROW)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("canary5b1e", "entry 1 is not written as id:key"),
        (f"{NEW},", "entry 2 is not written as id:key"),
        (f"{'a' * 33}:canary5b1e", "entry 1 is not written as id:key"),
        ("k 1:canary5b1e", "entry 1 is not written as id:key"),
        ("k1:canary5b1e", "entry 1, k1, is not in base64"),
        ("k1:canary-5b1e-é", "entry 1, k1, is not in base64"),
        (f"{NEW},k1:canary+5b1e=", "entry 2, k1, has 8 bytes instead of 32"),
        (f"k1:{base64.b64encode(bytes(16)).decode()}", "entry 1, k1, has 16 bytes instead of 32"),
        (f"{NEW},{NEW}", "entry 2 has the id 'new' of an entry before it"),
    ],
)
def test_a_wrong_setting_says_which_entry_and_shows_no_key(keys: str, said: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Settings(_env_file=None, secret_keys=keys)
    assert f"HEARTBEAT_SECRET_KEYS: {said}" in explain(failure.value)
    shown = str(failure.value) + repr(failure.value) + explain(failure.value)
    assert "canary" not in shown
    assert NEW.partition(":")[2] not in shown


def test_keys_may_be_in_either_base64_with_spaces_between(tmp_path: Path) -> None:
    awkward = bytes([251, 255] * 16)
    standard, url_safe = base64.b64encode(awkward).decode(), base64.urlsafe_b64encode(awkward).decode()
    assert standard != url_safe
    first, second = read_keys(f" one:{standard} , two:{url_safe}\n")
    assert (first.id, second.id, first.key, second.key) == ("one", "two", awkward, awkward)
    assert "251" not in repr(first)
    assert len({new_key() for _ in range(9)}) == 9


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(make_key_file, [tmp_path] * 8))
    file = tmp_path / KEY_FILE
    assert os.listdir(tmp_path) == [KEY_FILE]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keys = file.read_text()
    assert len(read_keys(keys)) == 1
    make_key_file(tmp_path)
    assert file.read_text() == keys


def test_whoever_shares_the_data_directory_shares_its_key(tmp_path: Path) -> None:
    make_key_file(tmp_path)
    sealed = Keyring.from_settings(settings_of(tmp_path)).seal(CANARY, ROW)
    assert Keyring.from_settings(settings_of(tmp_path)).open(sealed, ROW) == CANARY
    grown = Keyring.from_settings(settings_of(tmp_path, NEW))
    assert (grown.sealing_key_id, grown.open(sealed, ROW)) == ("new", CANARY)
    assert Keyring.from_settings(settings_of(tmp_path / "elsewhere", NEW)).sealing_key_id == "new"


def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_text("canary")
    with pytest.raises(CannotOpen, match=rf"{KEY_FILE} cannot be used: entry 1 is not written as id:key") as failure:
        Keyring.from_settings(settings_of(tmp_path))
    assert "canary" not in str(failure.value)
    (tmp_path / KEY_FILE).unlink()
    (tmp_path / KEY_FILE).mkdir()
    with pytest.raises(CannotOpen, match=f"{KEY_FILE} cannot be used: Is a directory"):
        Keyring.from_settings(settings_of(tmp_path))
