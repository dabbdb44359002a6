"""How keys of projects are kept, whatever the secret keys."""

from hashlib import sha256

from heartbeat.domain.secret_keys import new_key, read_keys
from heartbeat.secrets.key_hashes import KeyHashes, secret_key_id

OLD, NEW = new_key(), new_key()
OLD_ID, NEW_ID = (key.partition(":")[0] for key in (OLD, NEW))
PLAIN = sha256(b"a key").hexdigest()


def test_a_key_is_found_by_every_hash_that_it_may_be_kept_by() -> None:
    bare, old, both = (KeyHashes(keys) for keys in ([], read_keys(OLD), read_keys(f"{NEW},{OLD}")))
    kept = [hashes.make("a key").hash for hashes in (bare, old, both)]
    assert [secret_key_id(one) for one in kept] == ["", OLD_ID, NEW_ID]
    assert len({*kept, PLAIN}) == 4
    assert set(both.all("a key")) == {*kept, PLAIN}
    assert not {*kept, PLAIN} & {*both.all("another key")}
    assert kept[2] not in old.all("a key")
    assert both.ids == {NEW_ID, OLD_ID, ""}


def test_what_is_kept_in_another_way_than_new_ones_is_kept_anew_where_there_is_a_pepper() -> None:
    bare, both = KeyHashes(), KeyHashes(read_keys(f"{NEW},{OLD}"))
    newest, *older = hashes = both.all("a key")
    assert [both.better(kept, hashes) for kept in older] == [newest] * 3
    assert both.better(newest, hashes) is None
    assert bare.better(PLAIN, bare.all("a key")) is None
