"""Agents with Procrastinate: a worker that is the clock, too, and PostgreSQL.

The better setting is the periodic task of its documentation that retries the jobs of workers that died.
"""

import job
from procrastinate import App, JobContext, PsycopgConnector

app = App(connector=PsycopgConnector(conninfo=job.DATABASE_URL))


@app.task(name="run")
def run(name: str) -> None:
    job.run(name)


def tick(timestamp: int, name: str) -> None:
    job.run(name)


periodic = app.task(tick, name="tick")
for agent in job.names("clock", job.AGENTS):
    app.periodic(cron="* * * * *", periodic_id=agent, task_kwargs={"name": agent})(periodic)


if job.BETTER:

    @app.periodic(cron="* * * * *")
    @app.task(queueing_lock="retry_stalled_jobs", pass_context=True)
    async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
        for stalled in await app.job_manager.get_stalled_jobs():
            await app.job_manager.retry_job(stalled)


def main() -> None:
    command, world, jobs = job.arguments()
    if command == "setup":
        with app.open():
            app.schema_manager.apply_schema()
    elif command == "worker":
        job.pool.open()
        app.run_worker(concurrency=job.CONCURRENCY)
    elif command == "start":
        with app.open():
            job.say_due()
            for name in job.names(world, jobs):
                run.defer(name=name)


if __name__ == "__main__":
    main()
