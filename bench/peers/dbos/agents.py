"""Agents with DBOS: one process, its steps recorded in PostgreSQL.

The better setting is what its documentation has for a step that writes to a database: one transaction of a datasource,
committed together with the record of the step. And its schedules fill in what they missed.
"""

import threading
from datetime import datetime

import job
from dbos import DBOS, DBOSClient, SQLAlchemyDatasource, run_dbos_database_migrations
from sqlalchemy import text

QUEUE = "agents"
RESULT = "INSERT INTO result (job, answer) VALUES (:job, :answer)"
CHARGE = "INSERT INTO charge (job, credits) VALUES (:job, :credits)"


@DBOS.step()
def ask(name: str) -> str:
    return job.ask(name)


@DBOS.step()
def write(name: str, answer: str) -> None:
    job.write(name, answer)


@DBOS.step()
def charge(name: str) -> None:
    job.charge(name)


if job.BETTER:
    source = SQLAlchemyDatasource.create(job.DATABASE_URL)

    @source.transaction()
    def write_and_charge(name: str, answer: str) -> None:
        session = source.sql_session()
        session.execute(
            text("INSERT INTO result (job, answer) VALUES (:job, :answer)"), {"job": name, "answer": answer}
        )
        session.execute(text("INSERT INTO charge (job, credits) VALUES (:job, 2)"), {"job": name})


@DBOS.workflow()
def run(name: str) -> None:
    answer = ask(name)
    if job.BETTER:
        write_and_charge(name, answer)
    else:
        write(name, answer)
        charge(name)


@DBOS.workflow()
def tick(scheduled_time: datetime, name: str) -> None:
    run(name)


def work() -> None:
    job.pool.open()
    DBOS(config={"name": "agents", "system_database_url": job.DATABASE_URL, "log_level": "WARNING"})
    DBOS.launch()
    DBOS.register_queue(QUEUE, worker_concurrency=job.CONCURRENCY)
    DBOS.apply_schedules(
        [
            {
                "schedule_name": name,
                "workflow_fn": tick,
                "schedule": "* * * * *",
                "context": name,
                "automatic_backfill": job.BETTER,
            }
            for name in job.names("clock", job.AGENTS)
        ]
    )
    threading.Event().wait()


def main() -> None:
    command, world, jobs = job.arguments()
    if command == "setup":
        run_dbos_database_migrations(job.DATABASE_URL)
    elif command == "worker":
        work()
    elif command == "start":
        client = DBOSClient(system_database_url=job.DATABASE_URL)
        job.say_due()
        for name in job.names(world, jobs):
            client.enqueue({"queue_name": QUEUE, "workflow_name": "run"}, name)


if __name__ == "__main__":
    main()
