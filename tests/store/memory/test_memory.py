"""What is remembered is found again by its words, on both databases, by those who may see it and by nobody else."""

import threading

import pytest
from sqlalchemy import Connection, func, select

from heartbeat.domain.errors import Conflict, Invalid, NotFound
from heartbeat.domain.tool_effects import RecallEffect
from heartbeat.store.bots.subscribers import create_subscriber, delete_subscriber
from heartbeat.store.database.database import Database
from heartbeat.store.database.pages import Page
from heartbeat.store.database.rows import columns
from heartbeat.store.memory.memory import (
    MAX_LENGTH,
    MAX_MEMORIES,
    MAX_RANKED,
    MemoryOwner,
    forget,
    forget_all,
    memories,
    recall,
    remember,
)
from heartbeat.store.memory.search_words import spelled
from heartbeat.store.memory.tool_effects import MAX_CHARACTERS, recall_memories
from heartbeat.store.tables.bots import Bot, Memory
from heartbeat.store.tables.runs import Run
from tests.support.pending_rows import many_memories
from tests.support.seeds import NOW, a_bot, a_project, access_to

TEXTS = [
    "The shop's disk is called web-1; it is full at 90 %.",
    "Anna wants invoices by e-mail, never by post.",
    "Die Straßenbahn fährt über die Brücke.",
    "東京の天気は晴れです。",
    "한국어 기억",
    "🌱",
    "O'Reilly said: \"don't panic\" AND NOT (foo* OR bar^2)",
]


@pytest.fixture
def bot(database: Database) -> Bot:
    return database.write_now(lambda c: a_bot(c, a_project(c)))


@pytest.fixture
def mine(bot: Bot) -> MemoryOwner:
    return MemoryOwner(bot.id)


def kept(database: Database, owner: MemoryOwner, *texts: str) -> list[Memory]:
    return database.write_now(lambda c: [remember(c, owner, text, None, NOW) for text in texts])


def found(database: Database, owner: MemoryOwner, query: str, most: int = 10) -> list[str]:
    return [memory.text for memory in database.read_now(lambda c: recall(c, owner, query, most))]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("which disk", TEXTS[0]),
        ("WEB-1", TEXTS[0]),
        ("invoices for anna", TEXTS[1]),
        ("strassenbahn", TEXTS[2]),
        ("BRUCKE", TEXTS[2]),
        ("天気", TEXTS[3]),
        ("今日の東京", TEXTS[3]),
        ("기억", TEXTS[4]),
        ("o'reilly", TEXTS[6]),
    ],
)
def test_a_memory_is_found_by_its_words(database: Database, mine: MemoryOwner, query: str, text: str) -> None:
    kept(database, mine, *TEXTS)
    assert found(database, mine, query)[0] == text


def test_the_best_come_first_and_no_more_than_asked_for(database: Database, mine: MemoryOwner) -> None:
    best = "disk disk web: the disk of web"
    kept(database, mine, "A disk among very many other words that say nothing of use here.", best, "Nothing.")
    assert found(database, mine, "disk web") == [
        best,
        "A disk among very many other words that say nothing of use here.",
    ]
    assert found(database, mine, "disk web", 1) == [best]


def test_of_more_than_can_be_ranked_the_newest_come_first(database: Database, bot: Bot, mine: MemoryOwner) -> None:
    best = "disk disk web: the disk of web"
    kept(database, mine, best)
    database.write_now(many_memories, bot, "A disk", MAX_RANKED - 1)
    page = Page(1, 3)
    ranked = database.read_now(memories, [bot.id], None, "disk web", page)
    assert (ranked.memories[0].text, ranked.total, ranked.has_too_many) == (best, MAX_RANKED, False)
    [_, newest] = kept(database, mine, "The web.", "A disk of another kind.")
    found = database.read_now(memories, [bot.id], None, "disk web", page)
    assert (found.memories[0], found.total, found.has_too_many) == (newest, MAX_RANKED + 1, True)
    last = database.read_now(memories, [bot.id], None, "disk web", Page(168, 3))
    assert ([memory.text for memory in last.memories], last.total) == ([best], MAX_RANKED + 2)
    assert not database.read_now(memories, [bot.id], None, "", page).has_too_many


def test_words_in_another_order_are_no_phrase_of_unspaced_characters(database: Database, mine: MemoryOwner) -> None:
    kept(database, mine, "東京")
    assert found(database, mine, "京東") == []


ODD = [
    '"',
    "'",
    "\\",
    "a AND",
    "NOT",
    "* OR ^",
    "(((",
    ":*",
    "words : x",
    "{a b}: c",
    "a & | ! <-> b",
    "-",
    "NEAR(a b)",
    "%",
]


@pytest.mark.parametrize("query", [*ODD, "\0", "\ud83d", "🌱🚀", "ﷺ ² Ⅷ", "हिन्दी ไทย", "x" * 50_000, "a b " * 9_000])
def test_no_query_and_no_text_breaks_the_syntax(database: Database, mine: MemoryOwner, query: str) -> None:
    kept(database, mine, *TEXTS, "before " + query[:3_900])
    assert isinstance(found(database, mine, query), list)
    assert found(database, mine, "before")[0].startswith("before")


def test_a_query_without_words_gets_the_newest(database: Database, mine: MemoryOwner) -> None:
    kept(database, mine, "one", "two", "three")
    assert found(database, mine, "🌱 ?!", 2) == ["three", "two"]


def test_a_members_memories_are_for_that_member(database: Database, bot: Bot, mine: MemoryOwner) -> None:
    def members(connection: Connection) -> list[MemoryOwner]:
        subscribers = [
            create_subscriber(connection, access_to(connection, bot), None, name, NOW) for name in ("Anna", "Ben")
        ]
        return [MemoryOwner(bot.id, one.id) for one in subscribers]

    anna, ben = database.write_now(members)
    other = MemoryOwner(database.write_now(lambda c: a_bot(c, a_project(c))).id)
    kept(database, mine, "tea for all")
    [hers] = kept(database, anna, "tea for Anna")
    kept(database, other, "tea elsewhere")
    assert sorted(found(database, anna, "tea")) == ["tea for Anna", "tea for all"]
    assert found(database, ben, "tea") == found(database, mine, "tea") == ["tea for all"]
    for nosy in (ben, mine, other):
        with pytest.raises(NotFound, match="check the id"):
            database.write_now(lambda c, nosy=nosy: forget(c, nosy, hers.uuid))
    assert found(database, anna, "?") == ["tea for Anna", "tea for all"]


def test_what_is_forgotten_is_not_found(database: Database, mine: MemoryOwner) -> None:
    [one, _] = kept(database, mine, "green tea", "black tea")
    database.write_now(lambda c: forget(c, mine, one.uuid))
    assert found(database, mine, "tea") == ["black tea"]
    with pytest.raises(NotFound):
        database.write_now(lambda c: forget(c, mine, one.uuid))


def test_a_text_that_was_changed_is_found_by_its_new_words(database: Database, mine: MemoryOwner) -> None:
    kept(database, mine, "green tea")
    table = columns(Memory)
    database.write_now(lambda c: c.execute(table.update().values(text="coffee", words="coffee")))
    assert (found(database, mine, "tea"), found(database, mine, "coffee")) == ([], ["coffee"])


def test_a_reset_forgets_all_of_one_bot(database: Database, bot: Bot, mine: MemoryOwner) -> None:
    other = MemoryOwner(database.write_now(lambda c: a_bot(c, a_project(c))).id)
    kept(database, mine, "green tea", "black tea")
    kept(database, other, "my tea")
    assert database.write_now(lambda c: forget_all(c, bot)) == 2
    assert (found(database, mine, "tea"), found(database, other, "tea")) == ([], ["my tea"])


def test_the_same_text_is_kept_once(database: Database, mine: MemoryOwner) -> None:
    first, again = kept(database, mine, "green tea", " green tea ")
    assert first.uuid == again.uuid
    assert found(database, mine, "tea") == ["green tea"]


def test_a_member_that_is_deleted_is_forgotten(database: Database, bot: Bot, mine: MemoryOwner) -> None:
    anna = database.write_now(lambda c: create_subscriber(c, access_to(c, bot), None, "Anna", NOW))
    kept(database, MemoryOwner(bot.id, anna.id), "Anna likes tea")
    kept(database, mine, "tea for all")
    database.write_now(lambda c: delete_subscriber(c, access_to(c, bot), anna.uuid, NOW))
    assert found(database, MemoryOwner(bot.id, anna.id), "tea") == ["tea for all"]


@pytest.mark.parametrize("text", ["", " \n", "x" * (MAX_LENGTH + 1)])
def test_a_memory_has_a_length(database: Database, mine: MemoryOwner, text: str) -> None:
    with pytest.raises(Invalid, match="1 to 4,000 characters"):
        kept(database, mine, text)
    assert len(kept(database, mine, "x" * MAX_LENGTH)[0].text) == MAX_LENGTH


def test_a_full_bot_says_to_forget_something(database: Database, mine: MemoryOwner) -> None:
    kept(database, mine, *(f"number {n}" for n in range(MAX_MEMORIES - 1)))
    refused = []

    def last(name: str) -> None:
        try:
            kept(database, mine, name)
        except Conflict as problem:
            refused.append(problem.message)

    threads = [threading.Thread(target=last, args=(f"one of four: {n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert refused[0].startswith("This bot remembers 1,000 things, which is the most; forget what is not needed")
    count = select(func.count()).select_from(columns(Memory))
    assert database.read_now(lambda c: c.execute(count).scalar_one()) == MAX_MEMORIES


def test_words_are_spelled_the_same_everywhere() -> None:
    assert spelled("Größe: 2²  foo_bar, naïve!") == "grosse 22 foo bar naive"
    assert spelled("東京2026年") == "東 京 2026 年"


def test_an_agent_is_told_as_much_as_has_room(database: Database, run: Run) -> None:
    owner = MemoryOwner(run.bot_id)
    kept(database, owner, *(f"The disk {number} {'x' * 2000}" for number in range(10)))
    told = database.read_now(recall_memories, run, RecallEffect("disk"))
    assert 0 < len(told.splitlines()) < 10
    assert len(told) <= MAX_CHARACTERS + 10
