"""Cadences made up at random, the same for the same seed, with the hours at which clocks are turned drawn often."""

from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from random import Random

from heartbeat.domain.cadence import zones
from heartbeat.domain.cadence.cron import CadenceError
from heartbeat.domain.cadence.ticks import Cadence

# Two years with a leap day and every turn in it.
START, END = datetime(2027, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
# A cadence with more ticks in them is dense.
MOST = 2000
DAY = timedelta(hours=26)
HOURS = timedelta(hours=8)

# Every kind of offset and turn: whole, half and three-quarter hours, north and south, at midnight, of half an hour
# and of two hours, several in a year (Casablanca), and none.
ZONES = """
UTC Etc/GMT+5 EST
America/New_York America/Chicago America/Denver America/Los_Angeles America/Anchorage America/Halifax America/St_Johns
America/Havana America/Santiago America/Miquelon America/Nuuk America/Scoresbysund America/Sao_Paulo America/Phoenix
America/Caracas America/Tijuana Pacific/Easter Pacific/Honolulu Pacific/Marquesas Atlantic/Azores Atlantic/Bermuda
Europe/London Europe/Dublin Europe/Lisbon Europe/Berlin Europe/Athens Europe/Chisinau Europe/Moscow Africa/Cairo
Africa/Casablanca Africa/Lagos Asia/Beirut Asia/Gaza Asia/Jerusalem Asia/Dubai Asia/Tehran Asia/Kabul Asia/Kolkata
Asia/Kathmandu Asia/Tokyo Asia/Yangon Australia/Lord_Howe Australia/Adelaide Australia/Sydney Australia/Brisbane
Australia/Darwin Australia/Eucla Pacific/Auckland Pacific/Chatham Pacific/Norfolk Pacific/Kiritimati Antarctica/Troll
""".split()  # noqa: SIM905


def cadences(number: int, seed: int) -> list[Cadence]:
    """`number` valid cadences, going round the zones."""
    random = Random(seed)
    valid: list[Cadence] = []
    while len(valid) < number:
        cadence = _cadence(random, ZONES[len(valid) % len(ZONES)])
        try:
            valid.append(cadence.validated())
        except CadenceError:
            continue
    return valid


def _cadence(random: Random, zone: str) -> Cadence:
    turns = [turn.walls[0] for turn in zones.transitions_between(zones.zone(zone), START, END)] or [START]
    hours = random.choice([None, None, None, None, _hours(random)])
    days = random.choice([None, None, None, _list(random, range(1, 8), 5)])
    start, end = hours or (None, None)
    if random.random() < 0.12:
        every = random.choice([1, 5, 7, 15, 30, 45, 60, 90, 240, 1440, 4321])
        anchor = START - timedelta(minutes=random.randrange(500_000), seconds=random.randrange(60))
        return Cadence(zone, None, every, anchor, start, end, days)
    return Cadence(zone, _pattern(random, random.choice(turns)), None, None, start, end, days)


def _hours(random: Random) -> tuple[str, str]:
    start, end = random.sample(range(0, 24 * 60, random.choice([60, 60, 15])), 2)
    return f"{start // 60:02}:{start % 60:02}", f"{end // 60:02}:{end % 60:02}"


def _pattern(random: Random, turn: datetime) -> str:
    """A pattern with a liking for the hour, the weekday and the month of a turn."""
    any_minutes = _list(random, range(60), 4)
    minute = random.choice(["*", "*/5", "*/7", "*/15", "0", "30", "15,45", "10-50/20", any_minutes, any_minutes])
    near = (turn.hour + random.choice([-1, 0, 0, 1])) % 24
    spread = f"{near},{(near + random.choice([1, 2, 12])) % 24}"
    hour = random.choice(["*", "*/2", "*/3", "9", "0-4", "22,23,0,1", "0-23", "9-17", spread, spread, *[str(near)] * 4])
    return f"{minute} {hour} {_days(random, turn)}"


def _days(random: Random, turn: datetime) -> str:
    day = random.choice(["1", "31", "L", "15,L", "1-7", "*/2", "29", "13", _list(random, range(1, 32), 4)])
    that = str(turn.isoweekday())
    weekdays = [
        that,
        that,
        "0",
        "1-5",
        "MON,FRI",
        "5L",
        "1#2",
        f"{that}#1,{that}L",
        "6#5",
        "SAT,SUN",
        "*/2",
        f"{that}L,3",
    ]
    month = random.choice(["*", "*", "*", "*", "1-6", "2", "*/3", "MAR,APR,SEP,OCT,NOV", str(turn.month)])
    kind = random.randrange(5)
    if kind == 0:
        return f"{day} {month} {random.choice(weekdays)}"
    if kind == 1:
        return f"{day} {month} *"
    return f"* {month} {random.choice(weekdays)}" if kind in (2, 3) else "* * *"


def _list(random: Random, numbers: range, most: int) -> str:
    return ",".join(str(number) for number in sorted(random.sample(numbers, random.randint(1, most))))


def spans_of(cadence: Cadence) -> list[tuple[datetime, datetime]]:
    """The two years, or for a dense cadence the time around each turn and ten days: after the one, up to the other.

    Beside them a few hours from any minute near each turn on: what the server names next depends on where it starts.
    """
    random = Random(repr(cadence))
    turns = list(zones.transitions_between(cadence.zone, START, END))
    starts = [turn.at + timedelta(minutes=random.randint(-180, 180)) for turn in turns]
    spans = [(start, start + HOURS) for start in starts]
    start = START - timedelta(seconds=1)
    if len(list(islice(takewhile(lambda tick: tick <= END, cadence.ticks(start)), MOST + 1))) <= MOST:
        return [(start, END), *spans]
    days = [START + timedelta(days=random.randrange(730)) for _ in range(10)]
    return [*((turn.at - DAY, turn.at + DAY) for turn in turns), *((day, day + DAY) for day in days), *spans]
