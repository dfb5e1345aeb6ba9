"""The peers' answers to the questions about events: DuckDB, chDB and Polars, each in its own best idiom and layout.

    python events_peers.py prepare ENGINE FOLDER            fills the engine's native tables
    python events_peers.py import - FOLDER                  DuckDB reads the JSON lines into a file of its own
    python events_peers.py ENGINE[:LAYOUT] QUESTION FOLDER  answers one question

FOLDER is what `generate_events.py` made. Engines: `duckdb-parquet`, `duckdb` (native tables), `chdb-parquet`, `chdb` (native
MergeTree), `polars`. The layout says in which order the rows lie: `person` (person, time) or `time`; without it, the better
one for that engine and question as measured (`BEST`).

Each question runs in a process of its own, on two threads, and prints one JSON line: seconds of the first answer and the
fewest of two more in the same process (from an opened engine to the last row), the fewest processor seconds of the three, peak memory of the process, and the whole
answer as rows of texts and whole numbers, so that `run_events.py` can hold all answers against each other before it compares
times.

Native tables use what a user of that engine would reach for: enumerations or dictionaries for the event, channel and plan,
whole numbers for persons, sorted rows, a sparse primary key.
"""

import datetime
import json
import os
import pathlib
import resource
import shutil
import sys
import time

QUESTIONS = ["rolling", "funnel", "retention", "days", "months", "pages", "person"]
ENGINES = ["duckdb-parquet", "duckdb", "chdb-parquet", "chdb", "polars"]
# Where the order by time is better than the order by person.
BEST = {("duckdb", "pages"): "time", ("duckdb-parquet", "pages"): "time", ("chdb", "pages"): "time", ("chdb-parquet", "pages"): "time", ("polars", "pages"): "time"}
DAY_US = 86_400_000_000
EPOCH = datetime.date(1970, 1, 1)


class Ask:
    """The parameters of the questions, in the forms that the engines want."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        m = self.manifest = json.loads((self.folder / "manifest.json").read_text())
        number = lambda date: (datetime.date.fromisoformat(date) - EPOCH).days
        self.first_day, self.end_day = number(m["from"]), number(m["to"]) + 1
        self.days = self.end_day - self.first_day
        # Weeks are counted from a Monday before everything: 1969-12-29 is day -3.
        self.first_week = (number(m["retention_from"]) + 3) // 7
        self.weeks = m["retention_weeks"]
        self.window_us = m["window_days"] * DAY_US
        self.funnel = m["funnel"]
        self.pages_first, self.pages_end = number(m["pages_from"]), number(m["pages_to"]) + 1
        self.plan = m["pages_plan"]
        self.person = m["person"]

    def parquet(self, layout):
        return self.folder / ("events.parquet" if layout == "time" else "events_by_person.parquet")

    def date(self, day):
        return (EPOCH + datetime.timedelta(days=day)).isoformat()

    def answer(self, question, rows):
        """Rows in the common form and order; days and weeks as dates."""
        if question == "rolling":
            rows = [(self.date(day), int(week), int(month)) for day, week, month in rows]
        elif question == "funnel":
            rows = [(channel, step, int(people)) for channel, *steps in rows for step, people in zip(self.funnel, steps)]
        elif question == "retention":
            rows = [(self.date(int(cohort) * 7 - 3), int(period), int(people)) for cohort, period, people in rows]
        elif question == "days":
            rows = [(self.date(int(day)), int(people)) for day, people in rows]
        elif question == "months":
            rows = [(str(month)[:7], int(people)) for month, people in rows]
        elif question == "pages":
            return [(path, int(people)) for path, people in rows]
        elif question == "person":
            rows = [(int(at), event, path, event_id) for at, event, path, event_id in rows]
        return sorted(rows)


# --- DuckDB --------------------------------------------------------------------------------------------------------------------

DUCK_DAY = "(epoch_us(timestamp) // 86400000000)::integer"


def duck_questions(ask, source):
    # The latest start of a chain for each row that extends it, by an equal join on the person and an aggregate: quicker here
    # than windows, ASOF joins or sorted lists, since each step has far fewer rows than the one before.
    pick = lambda i: f"select user_id, acquisition_channel as channel, epoch_us(timestamp) as t from {source} where event = '{ask.funnel[i]}'"
    chain = f"with c0 as (select user_id, t, t as start from ({pick(0)}))\n"
    for i in range(1, len(ask.funnel)):
        chain += (
            f", c{i} as materialized (select s.user_id, s.t, any_value(s.channel) as channel, max(c.start) as start from ({pick(i)}) s join c{i - 1} c using (user_id)"
            f" where c.t <= s.t and s.t - c.start <= {ask.window_us} group by s.user_id, s.t)\n"
        )
    people = lambda i, rows: f"select channel, {i} as step, count(*) as n from (select user_id, any_value(channel) as channel from {rows} group by user_id) group by channel"
    steps = " union all ".join(people(i, f"c{i}" if i else f"({pick(0)})") for i in range(len(ask.funnel)))
    sums = ", ".join(f"coalesce(sum(n) filter (step = {i}), 0)" for i in range(len(ask.funnel)))
    chain += f"select channel, {sums} from ({steps}) group by channel"
    return {
        # One pass with a difference array: each active day covers [day, min(next, day + window)).
        "rolling": f"""
          with a as (select distinct user_id, {DUCK_DAY} as d from {source}),
          n as (select d, coalesce(lead(d) over (partition by user_id order by d), 1000000) as n from a),
          x as (
            select d as edge, count(*) as w, count(*) as m from n group by 1
            union all select least(n, d + 7), -count(*), 0 from n group by 1
            union all select least(n, d + 30), 0, -count(*) from n group by 1
          ), y as (select edge, sum(w) as w, sum(m) as m from x group by edge)
          select g.d, sum(coalesce(w, 0)) over o, sum(coalesce(m, 0)) over o
          from (select unnest(range({ask.first_day}, {ask.end_day})) as d) g left join y on y.edge = g.d window o as (order by g.d)""",
        "funnel": chain,
        "retention": f"""
          with a as (select distinct user_id, ({DUCK_DAY} + 3) // 7 as w from {source}),
          f as (select user_id, min(w) as c from a group by user_id)
          select c, w - c, count(*) from a join f using (user_id)
          where c >= {ask.first_week} and c < {ask.first_week + ask.weeks} and w < {ask.first_week + ask.weeks} group by all""",
        "days": f"select {DUCK_DAY}, count(distinct user_id) from {source} group by 1",
        "months": f"select date_trunc('month', make_timestamp(epoch_us(timestamp)))::date, count(distinct user_id) from {source} group by 1",
        "pages": f"""
          select path, count(distinct user_id) as people from {source}
          where timestamp >= make_timestamptz({ask.pages_first * DAY_US}) and timestamp < make_timestamptz({ask.pages_end * DAY_US}) and plan = '{ask.plan}'
            and event = 'page_view'
          group by path order by people desc, path limit 20""",
        "person": f"select epoch_us(timestamp), event::varchar, path, event_id from {source} where user_id = {ask.person}",
    }


class DuckDB:
    def __init__(self, ask, native, layout):
        import duckdb

        self.con = duckdb.connect(str(ask.folder / "native.duckdb"), read_only=True) if native else duckdb.connect()
        self.con.execute("set threads = 2; set TimeZone = 'UTC'; set preserve_insertion_order = false")
        self.questions = duck_questions(ask, f"events_by_{layout}" if native else f"'{ask.parquet(layout)}'")

    def run(self, question):
        return self.con.execute(self.questions[question]).fetchall()

    @staticmethod
    def prepare(ask):
        import duckdb

        target = ask.folder / "native.duckdb"
        target.unlink(missing_ok=True)
        con = duckdb.connect(str(target))
        con.execute("set threads = 2; set TimeZone = 'UTC'; set memory_limit = '8GB'")
        for name in ("event", "acquisition_channel", "plan"):
            con.execute(f"create type {name}_t as enum (select distinct {name} from '{ask.parquet('time')}' order by 1)")
        for layout in ("person", "time"):
            con.execute(
                f"create table events_by_{layout} as select event_id, user_id::integer as user_id, event::event_t as event, timestamp,"
                f" acquisition_channel::acquisition_channel_t as acquisition_channel, path, plan::plan_t as plan from '{ask.parquet(layout)}'"
            )
        con.execute("checkpoint")


def duckdb_import(ask):
    """The events' JSON lines into a table on disk, as they come."""
    import duckdb

    target = ask.folder / "import.duckdb"
    target.unlink(missing_ok=True)
    con = duckdb.connect(str(target))
    con.execute("set threads = 2; set TimeZone = 'UTC'")
    columns = "event_id: 'varchar', user_id: 'bigint', event: 'varchar', timestamp: 'timestamptz', acquisition_channel: 'varchar', path: 'varchar', plan: 'varchar'"
    used = resource.getrusage(resource.RUSAGE_SELF)
    started = time.perf_counter()
    con.execute(f"create table events as select * from read_json('{ask.folder}/events.jsonl', format = 'newline_delimited', columns = {{{columns}}})")
    con.execute("checkpoint")
    seconds = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    rows, distinct = con.execute("select count(*), count(distinct event_id) from events").fetchone() if ask.manifest["rows"] <= 1_000_000 else (con.execute("select count(*) from events").fetchone()[0], None)
    con.close()
    size = target.stat().st_size
    target.unlink()
    return {"seconds": seconds, "processor_seconds": processor, "rows": rows, "distinct": distinct, "bytes": size, "peak_bytes": after.ru_maxrss * 1024}


# --- chDB ----------------------------------------------------------------------------------------------------------------------

CH_DAY = "toInt32(intDiv(toUnixTimestamp64Micro(timestamp), 86400000000))"
# What a user of ClickHouse on two cores sets; the last lets GROUP BY follow the order in which a table is sorted.
CH_SETTINGS = {"max_threads": 2, "optimize_aggregation_in_order": 0}


def chdb_questions(ask, source, sorted_by_person):
    steps = ", ".join(f"event = '{name}'" for name in ask.funnel)
    names = ", ".join(f"'{name}'" for name in ask.funnel)
    counts = ", ".join(f"countIf(r >= {i + 1})" for i in range(len(ask.funnel)))
    in_order = " settings optimize_aggregation_in_order = 1" if sorted_by_person else ""
    return {
        # The active days of a person as a sorted array, then the difference array over all of them.
        "rolling": f"""
          with n as (
            select arraySort(groupUniqArray({CH_DAY})) as ds, arrayPushBack(arrayPopFront(ds), 1000000) as ns from {source} group by user_id{in_order}
          ), p as (select arrayJoin(arrayZip(ds, ns)) as x, x.1 as d, x.2 as n from n),
          q as (
            select arrayJoin([(d, 1, 1), (least(n, d + 7), -1, 0), (least(n, d + 30), 0, -1)]) as y, y.1 as at, y.2 as w, y.3 as m from p
          ), s as (select toInt32(at) as at, sum(w) as w, sum(m) as m from q group by at),
          f as (select at, sum(w) over (order by at) as w, sum(m) over (order by at) as m from s order by at with fill from {ask.first_day} to {ask.end_day} interpolate (w, m))
          select at, w, m from f where at < {ask.end_day} order by at""",
        "funnel": f"""
          select channel, {counts} from (
            select user_id, any(acquisition_channel) as channel, windowFunnel({ask.window_us})(toUInt64(toUnixTimestamp64Micro(timestamp)), {steps}) as r
            from {source} where event in ({names}) group by user_id{in_order}
          ) where r > 0 group by channel""",
        "retention": f"""
          with a as (select groupUniqArray(toInt32(intDiv({CH_DAY} + 3, 7))) as ws, arrayMin(ws) as c from {source} group by user_id{in_order})
          select c, arrayJoin(ws) - c as p, count() from a where c >= {ask.first_week} and c < {ask.first_week + ask.weeks}
            and p + c < {ask.first_week + ask.weeks} group by c, p""",
        "days": f"select {CH_DAY} as d, uniqExact(user_id) from {source} group by d",
        "months": f"select toStartOfMonth(timestamp) as m, uniqExact(user_id) from {source} group by m",
        "pages": f"""
          select path, uniqExact(user_id) as people from {source}
          where timestamp >= fromUnixTimestamp64Micro({ask.pages_first * DAY_US}, 'UTC') and timestamp < fromUnixTimestamp64Micro({ask.pages_end * DAY_US}, 'UTC')
            and plan = '{ask.plan}' and event = 'page_view'
          group by path order by people desc, path limit 20""",
        "person": f"select toUnixTimestamp64Micro(timestamp), toString(event), path, event_id from {source} where user_id = {ask.person}",
    }


class ChDB:
    def __init__(self, ask, native, layout):
        from chdb import session

        self.con = session.Session(str(ask.folder / "native.chdb")) if native else session.Session()
        for name, value in CH_SETTINGS.items():
            self.con.query(f"set {name} = {value}")
        source = f"bench.events_by_{layout}" if native else f"file('{ask.parquet(layout)}', Parquet)"
        self.questions = chdb_questions(ask, source, native and layout == "person")

    def run(self, question):
        out = self.con.query(self.questions[question], "JSONCompactEachRow")
        return [json.loads(line) for line in str(out).splitlines() if line]

    @staticmethod
    def prepare(ask):
        from chdb import session

        shutil.rmtree(ask.folder / "native.chdb", ignore_errors=True)
        con = session.Session(str(ask.folder / "native.chdb"))
        con.query("set max_threads = 2")
        con.query("create database if not exists bench engine = Atomic")
        for layout, order in (("person", "user_id, timestamp"), ("time", "timestamp, user_id")):
            con.query(
                f"create table bench.events_by_{layout} (event_id String, user_id UInt32, event LowCardinality(String), timestamp DateTime64(6, 'UTC'),"
                f" acquisition_channel LowCardinality(String), path LowCardinality(String), plan LowCardinality(String)) engine = MergeTree order by ({order})"
            )
            con.query(f"insert into bench.events_by_{layout} select * from file('{ask.parquet(layout)}', Parquet)")
            con.query(f"optimize table bench.events_by_{layout} final")


# --- Polars --------------------------------------------------------------------------------------------------------------------


class Polars:
    """Lazy frames over Parquet, collected by the streaming engine where that is quicker."""

    def __init__(self, ask, layout):
        import polars as pl

        self.pl, self.ask = pl, ask
        self.events = pl.scan_parquet(ask.parquet(layout))
        self.sorted_by_person = layout == "person"

    def day(self):
        return (self.pl.col("timestamp").dt.epoch("us") // DAY_US).cast(self.pl.Int32)

    def run(self, question):
        return getattr(self, question)().rows()

    def rolling(self):
        pl, ask = self.pl, self.ask
        a = self.events.select(user=pl.col("user_id").cast(pl.UInt32), d=self.day()).unique().collect(engine="streaming").sort("user", "d")
        a = a.with_columns(n=pl.when(pl.col("user").shift(-1) == pl.col("user")).then(pl.col("d").shift(-1)).otherwise(1_000_000))
        parts = [a.group_by(at="d").agg(w=pl.len().cast(pl.Int64), m=pl.len().cast(pl.Int64))]
        for width, w, m in ((7, -1, 0), (30, 0, -1)):
            end = pl.min_horizontal("n", pl.col("d") + width)
            parts.append(a.group_by(at=end.cast(pl.Int32)).agg(w=pl.len().cast(pl.Int64) * w, m=pl.len().cast(pl.Int64) * m))
        sums = pl.concat(parts).group_by("at").agg(pl.col("w", "m").sum())
        days = pl.DataFrame({"at": pl.Series(range(ask.first_day, ask.end_day), dtype=pl.Int32)})
        return days.join(sums, on="at", how="left").sort("at").select("at", pl.col("w", "m").fill_null(0).cum_sum())

    def funnel(self):
        pl, ask = self.pl, self.ask
        e = (
            self.events.filter(pl.col("event").is_in(ask.funnel))
            .select(
                user=pl.col("user_id").cast(pl.UInt32),
                channel="acquisition_channel",
                t=pl.col("timestamp").dt.epoch("us"),
                s=pl.col("event").cast(pl.String).replace_strict(ask.funnel, list(range(len(ask.funnel))), return_dtype=pl.Int8),
            )
            .collect(engine="streaming")
        )
        if not self.sorted_by_person:
            e = e.sort("user", "t")
        # Forward fill within a person: fill over all rows, then drop what came from a person before. The position of
        # each person's first row tells.
        row = pl.int_range(pl.len(), dtype=pl.Int64)
        e = e.with_columns(first=pl.when(pl.col("user") != pl.col("user").shift(1, fill_value=0)).then(row).forward_fill(), row=row)
        start = pl.when(pl.col("s") == 0).then("row").forward_fill()
        e = e.with_columns(c0=pl.when(start >= pl.col("first")).then(start))
        times = e["t"]
        for i in range(1, len(ask.funnel)):
            before = e[f"c{i - 1}"]
            begun = times.gather(before.fill_null(0))
            take = (e["s"] == i) & before.is_not_null() & (times - begun <= ask.window_us)
            # What is carried forward is the start of the chain and the row at which it was reached.
            e = e.with_columns(take=take)
            at = pl.when("take").then("row").forward_fill()
            got = pl.when("take").then(f"c{i - 1}").forward_fill()
            e = e.with_columns(pl.when(at >= pl.col("first")).then(got).alias(f"c{i}"))
        reach = sum((pl.col(f"c{i}").is_not_null().any().cast(pl.Int8) for i in range(1, len(ask.funnel))), pl.col("c0").is_not_null().any().cast(pl.Int8))
        people = e.group_by("user").agg(channel=pl.col("channel").first(), r=reach).filter(pl.col("r") > 0)
        return people.group_by("channel").agg(*((pl.col("r") > i).sum().alias(f"n{i}") for i in range(len(ask.funnel))))

    def retention(self):
        pl, ask = self.pl, self.ask
        week = ((self.day() + 3) // 7).cast(pl.Int16)
        a = self.events.select(user=pl.col("user_id").cast(pl.UInt32), w=week).unique()
        f = a.group_by("user").agg(c=pl.col("w").min())
        end = ask.first_week + ask.weeks
        f = f.filter((pl.col("c") >= ask.first_week) & (pl.col("c") < end))
        return (
            a.filter(pl.col("w") < end).join(f, on="user").group_by("c", p=pl.col("w") - pl.col("c")).agg(n=pl.len()).collect(engine="streaming")
        )

    def days(self):
        pl = self.pl
        return self.events.select(user=pl.col("user_id").cast(pl.UInt32), d=self.day()).unique().group_by("d").agg(pl.len()).collect(engine="streaming")

    def months(self):
        pl = self.pl
        month = pl.col("timestamp").dt.date().dt.truncate("1mo")
        return self.events.select(user=pl.col("user_id").cast(pl.UInt32), m=month).unique().group_by("m").agg(pl.len()).collect(engine="streaming")

    def pages(self):
        pl, ask = self.pl, self.ask
        at = lambda day: pl.lit(day * DAY_US).cast(pl.Datetime("us", "UTC"))
        return (
            self.events.filter(
                (pl.col("timestamp") >= at(ask.pages_first)) & (pl.col("timestamp") < at(ask.pages_end)) & (pl.col("plan") == ask.plan) & (pl.col("event") == "page_view")
            )
            .select(pl.col("path").cast(pl.String), user="user_id")
            .unique()
            .group_by("path")
            .agg(people=pl.len())
            .collect(engine="streaming")
            .sort(["people", "path"], descending=[True, False])
            .head(20)
        )

    def person(self):
        pl = self.pl
        mine = self.events.filter(pl.col("user_id") == self.ask.person)
        return mine.select(pl.col("timestamp").dt.epoch("us"), pl.col("event").cast(pl.String), pl.col("path").cast(pl.String), "event_id").collect(engine="streaming")


def open_engine(name, ask, layout):
    if name == "polars":
        return Polars(ask, layout)
    engine = DuckDB if name.startswith("duckdb") else ChDB
    return engine(ask, "-" not in name, layout)


def main():
    os.environ.setdefault("POLARS_MAX_THREADS", "2")
    verb, question, folder = sys.argv[1:4]
    ask = Ask(folder)
    if verb == "prepare":
        started = time.perf_counter()
        {"duckdb": DuckDB, "chdb": ChDB}[question].prepare(ask)
        print(json.dumps({"seconds": time.perf_counter() - started}))
        return
    if verb == "import":
        print(json.dumps(duckdb_import(ask)))
        return
    name, _, layout = verb.partition(":")
    layout = layout or BEST.get((name, question), "person")
    engine = open_engine(name, ask, layout)
    times, processor = [], []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_SELF)
        started = time.perf_counter()
        rows = engine.run(question)
        times.append(time.perf_counter() - started)
        after = resource.getrusage(resource.RUSAGE_SELF)
        processor.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"engine": name, "layout": layout, "question": question, "first": times[0], "again": min(times[1:]), "processor": min(processor), "peak_bytes": peak, "rows": ask.answer(question, rows)}))


if __name__ == "__main__":
    main()
