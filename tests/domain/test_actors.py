"""What rows keep of who did something."""

from heartbeat.domain.actors import PRODUCT, Actor, link_actor


def test_each_kind_of_actor_has_words_of_its_own() -> None:
    actors = [
        Actor("user", "usr_1", "Ada", "::1"),
        Actor("key", "key_1", "CI"),
        link_actor("::1"),
        Actor("agent", "log_1"),
        Actor("shell", name="root"),
        PRODUCT,
    ]
    assert [actor.words for actor in actors] == [
        "Ada",
        "the key CI",
        "the link of a message",
        "an agent",
        "root at the command line",
        "Heartbeat itself",
    ]
