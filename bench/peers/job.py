"""The job that every peer does: ask the model once, write the result and the charge. Runs in each peer's environment.

A job is known by its name, which the model server sees in the prompt, too.
"""

import os
import sys
from time import time

import httpx
from psycopg_pool import ConnectionPool

BETTER = bool(os.environ.get("BENCH_BETTER"))
DATABASE_URL = os.environ["BENCH_DATABASE_URL"]
# How many agents are due every minute by the peer's own clock.
AGENTS = int(os.environ.get("BENCH_AGENTS", "0"))
CONCURRENCY = 20
CREDITS = 2
# There is a key to be in conflict with where a peer's better setting has one.
RESULT = "INSERT INTO result (job, answer) VALUES (%s, %s) ON CONFLICT DO NOTHING"
CHARGE = "INSERT INTO charge (job, credits) VALUES (%s, %s) ON CONFLICT DO NOTHING"

model = httpx.Client(base_url=os.environ["BENCH_MODEL_URL"], trust_env=False, timeout=30)
pool = ConnectionPool(DATABASE_URL, min_size=1, max_size=CONCURRENCY, open=False)


def run(job: str) -> None:
    """Do it all, the result and the charge in one transaction: what one writes where a job is one function."""
    answer = ask(job)
    with pool.connection() as connection:
        connection.execute(RESULT, (job, answer))
        connection.execute(CHARGE, (job, CREDITS))


def ask(job: str) -> str:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": f"You are {job}."}]
    response = model.post("/chat/completions", json={"model": "instant", "messages": messages})
    answer: str = response.raise_for_status().json()["choices"][0]["message"]["content"]
    return answer


def write(job: str, answer: str) -> None:
    with pool.connection() as connection:
        connection.execute(RESULT, (job, answer))


def charge(job: str) -> None:
    with pool.connection() as connection:
        connection.execute(CHARGE, (job, CREDITS))


def say_due() -> None:
    """Tell the bench that what comes next makes the jobs due: the interpreter's start is not the peer's."""
    print(time(), flush=True)


def names(world: str, jobs: int) -> list[str]:
    return [f"agent-{world}-{number}" for number in range(jobs)]


def arguments() -> tuple[str, str, int]:
    """Read the command line: what to do, the world that jobs are named after, and how many."""
    command, world, jobs = (*sys.argv[1:], "0", "0")[:3]
    return command, world, int(jobs)
