"""Agents with Celery: a worker and beat, with Redis between them.

The better setting is what its documentation says for tasks that must not be lost: acknowledge late, prefetch one, and
hand out again what nobody acknowledged within the visibility timeout (an hour by default).
"""

import os

import job
from celery import Celery
from celery.schedules import crontab

app = Celery("agents", broker=os.environ["BENCH_BROKER_URL"])
app.conf.task_ignore_result = True
app.conf.beat_schedule = {
    name: {"task": "run", "schedule": crontab(), "args": [name]} for name in job.names("clock", job.AGENTS)
}
if job.BETTER:
    app.conf.task_acks_late = True
    app.conf.worker_prefetch_multiplier = 1
    app.conf.broker_transport_options = {"visibility_timeout": 30}


@app.task(name="run")
def run(name: str) -> None:
    job.run(name)


def main() -> None:
    command, world, jobs = job.arguments()
    if command == "worker":
        job.pool.open()
        # Threads, as the other peers have: a job waits for its model.
        app.worker_main(["worker", "--pool=threads", f"--concurrency={job.CONCURRENCY}", "--loglevel=warning"])
    elif command == "clock":
        app.start(["beat", f"--schedule={os.environ['BENCH_HOME']}/beat", "--loglevel=warning"])
    elif command == "start":
        job.say_due()
        for name in job.names(world, jobs):
            run.delay(name)


main()
