"""Makes the benchmark's events: what two million persons did over 24 months, in the order in which it arrived.

    python generate_events.py FOLDER --rows 20000000

Written into FOLDER:

- `events.jsonl` (unless `--without-lines`): what is imported. Lines stand in order of arrival, which is not the order of time: one event in fifty is
  late by minutes to days, and one in two hundred is sent twice with the same `event_id`.
- `events.parquet`: each event once, sorted by time; `events_by_person.parquet`: the same sorted by person and time. The
  peers read these and fill their own tables from them.
- `manifest.json`: how many rows, and the parameters of the questions (`peers_events.py`, `run_events.py`).

Columns: event_id, user_id, event, timestamp, acquisition_channel, path, plan. A person's acquisition channel never changes;
the plan is `free` until the first payment. Activity is skewed as on real sites: most persons do a few things on one day, some
come back for two years, one in a thousand does hundreds of things; pages follow Zipf's law; days follow the working week.
No two events of one person have the same time, so that a funnel's answer does not hang on an engine's way with ties (the
kernels' own tests are about those).
"""

import argparse
import json
import pathlib
import shutil

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MS = 1000
DAY_MS = 86_400_000
START = int(np.datetime64("2024-01-01", "ms").astype(np.int64))
DAYS = 731  # 2024-01-01 .. 2025-12-31
CHANNELS = np.array(["organic_search", "direct", "paid_search", "social", "email", "referral", "partner", "content"])
CHANNEL_SHARES = np.array([0.29, 0.22, 0.15, 0.11, 0.08, 0.07, 0.03, 0.05])
# What a channel's visitors do more or less often than others: sign up.
CHANNEL_FIT = np.array([1.0, 1.3, 0.9, 0.55, 1.2, 1.6, 1.5, 0.8])
FUNNEL = ["page_view", "signup", "project_created", "invite_sent", "payment"]
FEATURES = ["task_completed", "comment_added", "file_uploaded", "search", "report_viewed", "board_moved", "export", "rule_edited"]
EVENTS = np.array([*FUNNEL, *FEATURES])
AFTER = np.array([0.40, 0.0, 0.06, 0.03, 0.02, 0.17, 0.11, 0.06, 0.06, 0.04, 0.03, 0.015, 0.005])
PLANS = np.array(["free", "pro", "business", "enterprise"])
SECTIONS = np.array([f"/app/{name}" for name in ("home", "board", "tasks", "files", "reports", "search", "rules", "people", "billing", "settings")])
PAGES = 4000


def page_names():
    """Pages by descending popularity: some that every site has, then posts and pages of a manual."""
    first = ["/", "/pricing", "/features", "/signup", "/login", "/docs", "/blog", "/about", "/customers", "/integrations"]
    rest = [f"/blog/post-{n}" if n % 3 else f"/docs/topic-{n}" for n in range(PAGES - len(first))]
    return np.array(first + rest)


def hex_ids(numbers):
    """Sixteen hexadecimal digits for each number: splitmix64, so that different numbers have different ids without order."""
    with np.errstate(over="ignore"):
        z = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    digits = np.frombuffer(b"".join(b"%02x" % byte for byte in range(256)), np.uint16)
    text = digits[z.byteswap().view(np.uint8)].view(np.uint8)
    offsets = np.arange(0, 16 * len(numbers) + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(len(numbers), pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))


def choose(rng, shares, size):
    return np.searchsorted(np.cumsum(shares / shares.sum()), rng.random(size)).clip(0, len(shares) - 1)


def persons(rng, rows, count):
    """Events of each person (their sum is exactly `rows`), first day, channel, and sort of plan."""
    # Visitors a day grow threefold over the 24 months.
    first = DAYS * (np.sqrt(1 + 8 * rng.random(count)) - 1) / 2
    # Who came late has had less time for much.
    weight = np.exp(rng.normal(0, 1.35, count)) * -np.expm1(-(DAYS - first) / 75)
    ends = np.rint(np.cumsum(weight) / weight.sum() * (rows - count)).astype(np.int64)
    per = 1 + np.diff(ends, prepend=0)
    return per, first, choose(rng, CHANNEL_SHARES, count), 1 + choose(rng, np.array([0.70, 0.24, 0.06]), count)


def chunk(rng, first_person, first_event, per, first, channel, paid_plan, pages):
    """Events of some persons, sorted by person and time, as columns."""
    count = len(per)
    rows = int(per.sum())
    start = np.cumsum(per) - per
    who = np.repeat(np.arange(count), per)
    rank = np.arange(rows) - start[who]
    # Visits: about five events each; those of one person thin out with time.
    visits = 1 + (per - 1) // 5
    base = np.cumsum(visits) - visits
    of = np.repeat(np.arange(count), visits)
    span = np.minimum(rng.exponential(25 + 14 * visits), DAYS - first)
    day = np.floor(np.minimum(first[of] + span[of] * rng.random(len(of)) ** 1.6, DAYS - 1e-6)).astype(np.int64)
    day[base] = np.floor(np.minimum(first, DAYS - 1e-6)).astype(np.int64)
    # 2024-01-01 was a Monday: two of three visits at a weekend move into the week before it.
    weekend = (day % 7 >= 5) & (rng.random(len(day)) < 0.66)
    day[weekend] += rng.integers(0, 5, int(weekend.sum())) - day[weekend] % 7
    clock = np.clip(rng.normal(14.0, 4.2, len(day)), 0, 23.7) * 3_600_000
    visit_at = day * DAY_MS + clock.astype(np.int64)
    visit_at = visit_at[np.lexsort((visit_at, of))]
    gap = np.minimum(rng.exponential(45_000, rows), 1_200_000).astype(np.int64)
    at = visit_at[base[who] + rank * visits[who] // per[who]]
    # Time since the beginning of the visit: a running sum that begins anew with each visit.
    new_visit = np.ones(rows, bool)
    new_visit[1:] = (who[1:] != who[:-1]) | (at[1:] != at[:-1])
    run = np.cumsum(gap)
    at = at + run - run[np.maximum.accumulate(np.where(new_visit, np.arange(rows), 0))]
    # Strictly ascending within a person, and before the end.
    lift = who * (4 * DAYS * DAY_MS)
    place = np.arange(rows)
    order = np.argsort(at + lift, kind="stable")
    at = np.maximum.accumulate(at[order] + lift - place) + place - lift
    late = at.max(initial=0) - (DAYS * DAY_MS - 1)
    if late > 0:
        over = np.repeat(np.maximum(0, np.maximum.reduceat(at, start) - (DAYS * DAY_MS - 1)), per)
        at = at - over
    # What is done: pages until the sign-up, then features too.
    signs_up = 1 + rng.geometric(np.clip(0.12 * CHANNEL_FIT[channel], 0.01, 0.9))
    event = choose(rng, AFTER, rows)
    event[rank < signs_up[who]] = 0
    event[rank == signs_up[who]] = 1
    path = np.where(event == 0, np.minimum((PAGES + 1) ** rng.random(rows) - 1, PAGES - 1).astype(np.int64), PAGES + rng.integers(0, len(SECTIONS), rows))
    payments = np.cumsum(event == 4)
    before = payments[start] - (event[start] == 4)
    plan = np.where(payments > before[who], paid_plan[who], 0)
    # Arrival: most at once, some after minutes, one in fifty up to three days later.
    luck = rng.random(rows)
    delay = np.where(luck < 0.90, rng.integers(50, 2_000, rows), np.where(luck < 0.98, rng.integers(2_000, 600_000, rows), rng.integers(600_000, 3 * DAY_MS, rows)))
    again = np.flatnonzero(rng.random(rows) < 0.005)
    number = first_event + np.arange(rows)

    def table(pick, arrival, repeated):
        words = lambda values, codes: pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(values))
        return pa.table(
            {
                "event_id": hex_ids(number[pick]),
                "user_id": pa.array((first_person + who[pick]).astype(np.int64)),
                "event": words(EVENTS, event[pick]),
                "timestamp": pa.array((START + at[pick]) * MS).cast(pa.timestamp("us", "UTC")),
                "acquisition_channel": words(CHANNELS, channel[who[pick]]),
                "path": words(pages, path[pick]),
                "plan": words(PLANS, plan[pick]),
                "arrival_ms": pa.array(START + at[pick] + arrival),
                "again": pa.array(np.full(len(pick), repeated)),
            }
        )

    everything = np.arange(rows)
    return table(everything, delay, False), table(again, delay[again] + rng.integers(1_000, DAY_MS, len(again)), True)


def main():
    args = argparse.ArgumentParser()
    args.add_argument("folder", type=pathlib.Path)
    args.add_argument("--rows", type=int, default=20_000_000)
    args.add_argument("--persons", type=int, help="two million, or a tenth of the rows where that is fewer")
    args.add_argument("--seed", type=int, default=20260103)
    args.add_argument("--memory", default="6GB", help="for sorting")
    args.add_argument("--without-lines", action="store_true", help="no events.jsonl: at 100 million rows it takes 18 GB, and sorting it as much again")
    args = args.parse_args()
    count = args.persons or min(2_000_000, max(1, args.rows // 10))
    folder = args.folder
    parts = folder / "parts"
    shutil.rmtree(parts, ignore_errors=True)
    parts.mkdir(parents=True)
    rng = np.random.default_rng(args.seed)
    per, first, channel, paid_plan = persons(rng, args.rows, count)
    pages = np.concatenate([page_names(), SECTIONS])
    by_person = repeats = None
    done = duplicates = 0
    step = max(1, min(count, 1_500_000 * count // args.rows))
    for begin in range(0, count, step):
        end = min(begin + step, count)
        rows, again = chunk(rng, begin + 1, done, per[begin:end], first[begin:end], channel[begin:end], paid_plan[begin:end], pages)
        done += rows.num_rows
        duplicates += again.num_rows
        if by_person is None:
            by_person = pq.ParquetWriter(parts / "rows.parquet", rows.schema, compression="zstd")
            repeats = pq.ParquetWriter(parts / "again.parquet", rows.schema, compression="zstd")
        by_person.write_table(rows, row_group_size=500_000)
        repeats.write_table(again)
    by_person.close()
    repeats.close()
    assert done == args.rows
    con = duckdb.connect()
    con.execute(f"set memory_limit = '{args.memory}'; set threads = 2; set temp_directory = '{parts}/spill'; set TimeZone = 'UTC'")
    own = "event_id, user_id, event, timestamp, acquisition_channel, path, plan"
    options = "(format parquet, compression zstd, row_group_size 500000)"
    con.execute("set preserve_insertion_order = true")
    con.execute(f"copy (select {own} from '{parts}/rows.parquet') to '{folder}/events_by_person.parquet' {options}")
    con.execute(f"copy (select {own} from '{parts}/rows.parquet' order by timestamp, event_id) to '{folder}/events.parquet' {options}")
    if not args.without_lines:
        con.execute(
            f"copy (select event_id, user_id, event, strftime(timestamp at time zone 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ') as timestamp, acquisition_channel, path, plan"
            f" from read_parquet(['{parts}/rows.parquet', '{parts}/again.parquet']) order by arrival_ms, again, event_id) to '{folder}/events.jsonl' (format json)"
        )
    # A busy person whose events are all asked for: the one at the 99.9th percentile.
    busy = int(np.argsort(per, kind="stable")[int(0.999 * (count - 1))]) + 1
    manifest = {
        "rows": done,
        "duplicates": duplicates,
        "persons": count,
        "from": "2024-01-01",
        "to": "2025-12-31",
        "funnel": FUNNEL,
        "window_days": 14,
        "retention_from": "2024-12-30",
        "retention_weeks": 52,
        "pages_from": "2025-11-01",
        "pages_to": "2025-11-30",
        "pages_plan": "pro",
        "person": busy,
        "person_events": int(per[busy - 1]),
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1))
    shutil.rmtree(parts)
    print(f"{done} events of {count} persons, {duplicates} sent twice")


if __name__ == "__main__":
    main()
