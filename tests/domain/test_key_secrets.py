"""What a key looks like, and what is shown of one."""

import re
from zlib import crc32

from heartbeat.domain.key_secrets import BASE62, checksum, new_secret, shown_beginning


def test_a_key_ends_with_the_checksum_of_what_is_random_in_it() -> None:
    keys = {new_secret() for _ in range(50)}
    assert len(keys) == 50
    for key in keys:
        assert re.fullmatch(r"hbk_[0-9A-Za-z]{40}", key)
        random, ending = key[4:38], key[38:]
        number = 0
        for digit in ending:
            number = number * 62 + BASE62.index(digit)
        assert number == crc32(random.encode())


def test_a_checksum_is_as_long_whatever_it_is() -> None:
    # The CRC-32 of no text is 0, that of a the number 3904355907.
    assert checksum("") == "000000"
    assert checksum("a") == "4GEHKN"


def test_of_a_short_key_nothing_is_shown() -> None:
    assert [shown_beginning("x" * length) for length in (8, 31, 32)] == ["", "", "xxxxxxxx"]
