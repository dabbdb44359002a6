"""The sentences that the product's code makes in English and pages show: its texts of several words, with blanks."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from api.dashboard.sentences import WORDS

ROOT = Path(__file__).parents[2]
# Where they are made, beside what any module of the API raises. What agents are told, and what the log and the command
# line say, is not among them.
SPEAKING = (
    "activities/model_requests.py",
    "activities/think.py",
    "api/dashboard/sentences.py",
    "api/errors.py",
    "api/notification_targets.py",
    "api/tool_registration.py",
    "api/tool_sign_in.py",
    "heartbeat/agents/bodies/repair.py",
    "heartbeat/agents/client.py",
    "heartbeat/agents/completion.py",
    "heartbeat/agents/failures.py",
    "heartbeat/agents/providers.py",
    "heartbeat/agents/tools/approval_reasons.py",
    "heartbeat/agents/tools/mcp/authorization/*.py",
    "heartbeat/agents/tools/mcp/elicitation.py",
    "heartbeat/agents/tools/mcp/envelopes.py",
    "heartbeat/agents/tools/mcp/failures.py",
    "heartbeat/agents/tools/mcp/listing.py",
    "heartbeat/agents/tools/schemas.py",
    "heartbeat/agents/transport.py",
    "heartbeat/domain/cadence/active.py",
    "heartbeat/domain/cadence/cron.py",
    "heartbeat/domain/cadence/frequency.py",
    "heartbeat/domain/cadence/notes.py",
    "heartbeat/domain/cadence/steps.py",
    "heartbeat/domain/cadence/tasks.py",
    "heartbeat/domain/cadence/ticks.py",
    "heartbeat/domain/cadence/zones.py",
    "heartbeat/domain/conduct.py",
    "heartbeat/domain/errors.py",
    "heartbeat/domain/fallbacks.py",
    "heartbeat/domain/field_types.py",
    "heartbeat/domain/forecast.py",
    "heartbeat/domain/gate_fields.py",
    "heartbeat/domain/headers.py",
    "heartbeat/domain/horizon.py",
    "heartbeat/domain/selectors.py",
    "heartbeat/gates/values.py",
    "heartbeat/domain/json_schemas.py",
    "heartbeat/domain/patterns.py",
    "heartbeat/domain/pauses.py",
    "heartbeat/domain/people.py",
    "heartbeat/domain/tool_risks.py",
    "heartbeat/domain/web_addresses.py",
    "heartbeat/egress/*.py",
    "heartbeat/gates/*.py",
    "heartbeat/notifications/*.py",
    "heartbeat/notifications/channels/*.py",
    "heartbeat/openid/problems.py",
    "heartbeat/secrets/keyring.py",
    "heartbeat/store/credits/budgets.py",
    "heartbeat/store/database/full_disk.py",
    "heartbeat/store/heartbeats/configure.py",
    "heartbeat/store/heartbeats/gate_columns.py",
    "heartbeat/store/heartbeats/heartbeats.py",
    "heartbeat/store/heartbeats/held_ticks.py",
    "heartbeat/store/heartbeats/plan_limits.py",
    "heartbeat/store/heartbeats/preview.py",
    "heartbeat/store/heartbeats/project_holds.py",
    "heartbeat/store/heartbeats/snoozes.py",
    "heartbeat/store/heartbeats/tasks.py",
    "heartbeat/store/heartbeats/tick_accounting.py",
    "heartbeat/store/notifications/*.py",
    "heartbeat/store/projects/key_rights.py",
    "heartbeat/store/projects/keys.py",
    "heartbeat/store/runs/approvals.py",
    "heartbeat/store/runs/closing.py",
    "heartbeat/store/runs/parks.py",
    "heartbeat/store/runs/gates.py",
    "heartbeat/store/runs/ratings.py",
    "heartbeat/store/runs/restored.py",
    "heartbeat/store/runs/variants.py",
    "heartbeat/store/tools/servers.py",
    "heartbeat/store/users/*.py",
    "heartbeat/temporal/runs.py",
    "heartbeat/tool_servers/*.py",
    "heartbeat/tool_servers/links.py",
    "heartbeat/tool_servers/sign_in.py",
)
# Of these only what they raise: their other texts are descriptions for the API's reference.
RAISING = ("api/**/*.py", "heartbeat/domain/heartbeat_fields.py")
# Texts that are no sentences: what others say, parts of protocols, what an agent is told.
OTHERS = {
    ":rotating_light:",
    "Apprise | None",
    "Bearer {access_token}",
    "Bearer {token}",
    "Its arguments must also fit this JSON Schema: {left_out}",
    "Nobody could be told: no notification target wants this. Put it in your answer instead.",
    "Nobody was told: a run may call notify_user {max_per_run} times; report the rest.",
    "Resolve | None",
    "Server returned an error response",
    "They will be told.",
    "Value error,",
    "another method",
    "application/json, text/event-stream",
    "application/json, text/html;q=0.9, application/xhtml+xml;q=0.9, */*;q=0.8",
    "cancelled over the API",
    "content type",
    "data: [DONE]",
    "there is no notification {uuid}",
    "{kind}, {body} bytes, SHA-256 {body2}",
    "{utc} UTC",
}
BLANK = re.compile(r"\{\w+\}")
WORD = re.compile(r"[A-Za-z]{2,}")


def product_sentences() -> set[str]:
    """Every sentence with a name in each blank: "must be at most {max_length} characters long"."""
    speaking = [_tree(path) for pattern in SPEAKING for path in ROOT.glob(pattern)]
    raised = [node for pattern in RAISING for path in ROOT.glob(pattern) for node in _raised(_tree(path))]
    return {text for node in (*speaking, *raised) for text in _sentences(node)}.union(WORDS) - OTHERS


def _raised(module: ast.Module) -> Iterator[ast.AST]:
    """What a module raises, and the constants that are named there."""
    constants = {ast.unparse(node.targets[0]): node.value for node in module.body if isinstance(node, ast.Assign)}
    for node in ast.walk(module):
        if isinstance(node, ast.Raise):
            yield node
            yield from (
                constants[name.id] for name in ast.walk(node) if isinstance(name, ast.Name) and name.id in constants
            )


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def _sentences(tree: ast.AST) -> Iterator[str]:
    unspoken = {id(part) for node in ast.walk(tree) for part in _unspoken(node)}
    for node in ast.walk(tree):
        text = "" if id(node) in unspoken else _text(node).strip()
        if len(text.split()) > 1 and WORD.search(BLANK.sub("", text)) and not text.startswith("<"):
            yield text


def _unspoken(node: ast.AST) -> Iterator[ast.AST]:
    """What of a node is nothing that is said: docstrings, the log, patterns, and the pieces of a whole text."""
    match node:
        case ast.Expr(value=ast.Constant() as docstring):
            yield docstring
        case ast.JoinedStr():
            yield from (part for part in node.values if isinstance(part, ast.Constant))
        case ast.Assert():
            yield from ast.walk(node)
        case ast.Call() if ast.unparse(node.func).startswith(("log.", "re.")):
            yield from ast.walk(node)


def _text(node: ast.AST) -> str:
    """A text as it is written down, or one with blanks, of which two side by side are one."""
    if isinstance(node, ast.Constant):
        return node.value.replace("{}", "{text}") if isinstance(node.value, str) else ""
    parts, names = list[str](), Counter[str]()
    for part in node.values if isinstance(node, ast.JoinedStr) else ():
        if isinstance(part, ast.Constant):
            parts.append(str(part.value))
        elif not (parts and parts[-1].endswith("}")):
            name = _name(part)
            names[name] += 1
            blank = f"{{{name}{names[name] if names[name] > 1 else ''}}}"
            is_quoted = isinstance(part, ast.FormattedValue) and part.conversion == ord("r")
            parts.append(f"'{blank}'" if is_quoted else blank)
    return "".join(parts)


def _name(node: ast.AST) -> str:
    """What a blank is called: the noun in its expression."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_").lower()
        case ast.Call(args=[first, *_]) if not isinstance(first, ast.Constant):
            return _name(first)
        case ast.Call(func=ast.Attribute(value=inner)):
            return _name(inner)
        case ast.IfExp(test=inner, body=ast.Constant() | ast.JoinedStr()) | ast.IfExp(body=inner):
            return _name(inner)
        case (
            ast.FormattedValue(value=inner)
            | ast.Subscript(value=inner)
            | ast.BinOp(left=inner)
            | ast.Compare(left=inner)
            | ast.UnaryOp(operand=inner)
            | ast.BoolOp(values=[inner, *_])
            | ast.GeneratorExp(generators=[ast.comprehension(iter=inner), *_])
        ):
            return _name(inner)
    return "value"
