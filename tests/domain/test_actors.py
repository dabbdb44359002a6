"""What rows keep of who did something."""

from heartbeat.domain.actors import PRODUCT, Actor, Visit, link_actor


def test_each_kind_of_actor_has_words_of_its_own() -> None:
    actors = [
        Actor("user", "usr_1", "Ada", "ada@example.com"),
        Actor("key", "key_1", "CI"),
        link_actor(Visit("::1")),
        Actor("agent", "log_1"),
        Actor("shell", name="root"),
        PRODUCT,
    ]
    assert [actor.words for actor in actors] == [
        "ada@example.com (Ada)",
        "the key CI",
        "the link of a message",
        "an agent",
        "root at the command line",
        "Heartbeat itself",
    ]


def test_no_name_makes_a_person_look_like_anybody_else() -> None:
    names = ["the key CI", "Heartbeat itself", "root at the command line", "bob@example.com (Bob)"]
    people = [Actor("user", "usr_1", name, "eve@example.com").words for name in names]
    assert [words.split(" ")[0] for words in people] == ["eve@example.com"] * 4
    assert Actor("user", "usr_1", "the key CI").words == "usr_1 (the key CI)"
