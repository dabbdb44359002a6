"""Agents with APScheduler: one process with a job store in the database.

The better setting is to run what is late by up to an hour, each time of it (a second, and the last one, by default).
"""

import sys

import job
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler

URL = job.DATABASE_URL.replace("postgresql://", "postgresql+psycopg://", 1)


def main() -> None:
    """Run the scheduler; a line on standard input, "start WORLD JOBS", adds jobs that are due at once."""
    job.pool.open()
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url=URL)},
        executors={"default": ThreadPoolExecutor(job.CONCURRENCY)},
        job_defaults={"misfire_grace_time": 3600, "coalesce": False} if job.BETTER else {},
        timezone="UTC",
    )
    scheduler.start()
    for name in job.names("clock", job.AGENTS):
        if scheduler.get_job(name) is None:
            scheduler.add_job(job.run, "cron", minute="*", id=name, args=[name])
    for line in sys.stdin:
        _, world, jobs = line.split()
        for name in job.names(world, int(jobs)):
            scheduler.add_job(job.run, args=[name])


if __name__ == "__main__" and job.arguments()[0] == "worker":
    main()
