"""Insert what comes of very many runs: messages, findings, approvals, subscribers, memories, the audit log."""

from sqlalchemy import Connection, text

JSON = {"sqlite": "'{}'", "postgresql": "CAST('{}' AS json)"}
FAILED = '{"message": "It took too long."}'
# Every hundredth run failed and was told; every hundredth asked and was denied. Each heartbeat has found ten things,
# nine of which are over, and was changed ten times.
STATEMENTS = (
    """
    INSERT INTO target (uuid, project_id, channel, name, config, cooldown_seconds, is_enabled, created_at, updated_at)
    SELECT 'tgt_1', id, 'webhook', 'Desk', {json}, 0, true, created_at, created_at FROM project WHERE id = 1
    """,
    """
    INSERT INTO event (uuid, project_id, bot_id, heartbeat_id, run_id, kind, data, created_at)
    SELECT 'evt_' || id, project_id, bot_id, heartbeat_id, id, 'run.failed', {failed}, created_at
    FROM run WHERE id % 100 = 8
    """,
    """
    INSERT INTO notification (uuid, project_id, bot_id, target_id, event_id, kind, status, attempts, lost_attempts,
        created_at, delivered_at)
    SELECT 'msg_' || id, project_id, bot_id, (SELECT min(id) FROM target), id, kind,
        CASE WHEN id % 10 = 0 THEN 'failed' ELSE 'delivered' END, 1, 0, created_at, created_at FROM event
    """,
    """
    INSERT INTO approval (uuid, bot_id, heartbeat_id, run_id, step, round, tool, arguments, reason, why, state,
        decided_by, decided_at, expires_at, created_at)
    SELECT 'apr_' || id, bot_id, heartbeat_id, id, 1, 1, 'send', '{{}}', 'registration', 'It sends.', 'denied',
        'owner', created_at, created_at, created_at FROM run WHERE id % 100 = 9
    """,
    """
    INSERT INTO finding (uuid, bot_id, heartbeat_id, fingerprint, fingerprint_key, title, severity, told_severity,
        detail, state, times_seen, first_seen_at, last_seen_at, told_at)
    SELECT 'fnd_' || h.id || '_' || n.id, h.bot_id, h.id, 'queue ' || n.id, 'queue ' || n.id, 'The queue is long.',
        'warning', 'warning', 'It has 40 entries.', CASE WHEN n.id = 1 THEN 'open' ELSE 'resolved' END, 1,
        h.created_at, h.created_at, h.created_at FROM heartbeat h, bot n WHERE n.id <= 10
    """,
    """
    INSERT INTO subscriber (uuid, bot_id, email, name, subscribed_at)
    SELECT 'mem_' || id, bot_id, 'ann' || id || '@example.com', 'Ann ' || id, created_at FROM heartbeat
    """,
    """
    INSERT INTO memory (uuid, bot_id, text, words, created_at, updated_at)
    SELECT 'mry_' || id, bot_id, 'Queue ' || id || ' is short.', 'queue ' || id || ' is short', created_at, created_at
    FROM heartbeat
    """,
    """
    INSERT INTO audit_entry (project_id, number, at, actor_kind, actor_id, actor_name, address, action, object_type,
        object_id, object_name, changes, hash)
    SELECT h.project_id, 1000 + 10 * h.id + n.id, h.created_at, 'key', 'key_1', 'bench', '127.0.0.1',
        'heartbeat.changed', 'heartbeat', h.uuid, 'Check the queue', {json}, 'hash'
    FROM heartbeat h, bot n WHERE n.id <= 10
    """,
    "UPDATE audit_head SET number = (SELECT max(number) FROM audit_entry)",
)


def fill_matters(connection: Connection) -> None:
    """Insert them for the heartbeats and runs that are there."""
    dialect = connection.dialect.name
    empty = JSON[dialect]
    for statement in STATEMENTS:
        connection.execute(text(statement.format(json=empty, failed=empty.replace("{}", FAILED))))
