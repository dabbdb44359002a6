"""Scopes as rows keep them."""

from heartbeat.domain.scopes import PRESETS, Scope, read_scopes, write_scopes


def test_scopes_are_written_and_read_alike() -> None:
    for scopes in PRESETS.values():
        assert set(scopes) <= read_scopes(write_scopes(set(scopes)))
    assert write_scopes({Scope.WRITE, Scope.READ}) == "read write"
    assert write_scopes(set(Scope)) == "admin"
    assert read_scopes("read run") == {Scope.READ, Scope.RUN}
    assert read_scopes("admin") == set(Scope)
