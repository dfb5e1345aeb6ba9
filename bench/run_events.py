"""Runs the benchmarks of events against the peers, in one go on one machine, and prints tables of ratios.

    make bench-events                    # 20 million events of two million persons
    make bench-events ROWS=200000        # a quick look
    make bench-events ROWS=100000000     # about 60 GB of disk and some hours; run_events.py --without-lines: half of both

- Questions: each peer in a process of its own, with its own best idiom and order of rows, over Parquet and its native tables
  (`events_peers.py`). Burgeon is asked over HTTP: a server that was started for that very question, with its storage on disk
  and nothing kept from earlier answers. The first answer of a process is held against the first of the peers' (the best run of
  theirs, the median of ours), and the second against the second. All read from a warm page cache.
- Answers are compared row by row before times are; a wrong answer stops the run.
- Import and intake: rows for each second of processor time, of the whole process until everything is on disk.
- After that: the same questions one second after 10,000 more events arrived, equal to those of a server that starts from
  scratch; and how long an accepted event takes to be seen at 20,000 events a second.
"""

import argparse
import concurrent.futures
import csv
import datetime
import http.client
import io
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

from events_peers import ENGINES, QUESTIONS

HERE = pathlib.Path(__file__).parent
NOW = "2026-01-01T00:00:00Z"
MAP = "person=user_id,event=event,at=timestamp,channel=acquisition_channel"
TITLES = {
    "rolling": "rolling 7- and 30-day actives for each day of 24 months",
    "funnel": "5-step funnel, 14-day window, by channel",
    "retention": "weekly retention triangle, 52 × 52",
    "days": "distinct visitors a day, 24 months",
    "months": "distinct visitors a month, 24 months",
    "pages": "top 20 pages by people, 30 days, one plan",
    "person": "all events of one person",
}
# What must be reached, as a share of the best peer's time.
BARS = {"rolling": 0.25, "funnel": 0.5, "retention": 0.5, "days": 0.5, "months": 0.5, "pages": 1.0, "person": 1.0}


def paths(m):
    """Where Burgeon is asked each question."""
    span = {"from": m["from"], "to": m["to"]}
    week = datetime.date.fromisoformat(m["retention_from"]) + datetime.timedelta(weeks=m["retention_weeks"], days=-1)
    q = lambda path, **words: f"/api/v1{path}?" + urllib.parse.urlencode(words, doseq=True)
    return {
        "rolling": q("/query", metrics="wau,mau", grain="day", **span),
        "funnel": q("/funnel", step=m["funnel"], within=f"{m['window_days']}d", by="channel", **span),
        "retention": q("/retention", **{"first": "*", "return": "*", "grain": "week", "from": m["retention_from"], "to": week.isoformat()}),
        "days": q("/query", metrics="dau", grain="day", **span),
        "months": q("/query", metrics="active_users", grain="month", **span),
        "pages": q("/query", metrics="page_viewers", by="path", where=f"event.plan:{m['pages_plan']}", grain="range", top=20, **{"from": m["pages_from"], "to": m["pages_to"]}),
        "person": q("/events/recent", person=m["person"], limit=min(1000, m["person_events"] + 500)),
    }


def monday(text):
    return datetime.date.fromisoformat(text if len(text) == 10 else f"{text}-1").isoformat()


def our_rows(question, answer, m):
    """Burgeon's answer in the common form of `events_peers.py`."""
    if question in ("rolling", "days", "months"):
        starts = [period["start"][: 7 if question == "months" else 10] for period in answer["periods"]]
        columns = {series["metric"]: [int(value or 0) for value in series["values"]] for series in answer["series"]}
        names = {"rolling": ["wau", "mau"], "days": ["dau"], "months": ["active_users"]}[question]
        return [list(row) for row in zip(starts, *(columns[name] for name in names))]
    if question == "funnel":
        rows = [[group["value"], step, people] for group in answer["groups"] for step, people in zip(m["funnel"], group["people"])]
    elif question == "retention":
        rows = [[monday(cohort["cohort"]), period, people] for cohort in answer["cohorts"] for period, people in enumerate(cohort["people"]) if people]
    elif question == "pages":
        found = [[series["dimensions"]["path"], int(series["values"][0] or 0)] for series in answer["series"] if not series["other"]]
        return sorted(found, key=lambda row: (-row[1], row[0]))[:20]
    else:
        at = lambda text: round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1e6)
        rows = [[at(event["at"]), event["event"], event["path"], event["event_id"]] for event in answer["events"]]
    # What is missing comes first, as the empty text.
    return sorted(rows, key=lambda row: ["" if cell is None else cell for cell in row])


def compare(question, ours, theirs, who):
    if question == "pages":
        # Pages with as many people as the last one that is shown may be others.
        last = theirs[-1][1] if theirs else 0
        same = [row[1] for row in ours] == [row[1] for row in theirs] and [row for row in ours if row[1] > last] == [row for row in theirs if row[1] > last]
    else:
        # Groups of nobody need not be told.
        keep = lambda rows: [row for row in rows if question != "funnel" or row[2]]
        ours, theirs = keep(ours), keep(theirs)
        same = ours == theirs
    if not same:
        different = [pair for pair in zip(ours, theirs) if pair[0] != pair[1]][:5]
        sys.exit(f"{question}: {len(ours)} rows here, {len(theirs)} in {who}; first differences {different}: nothing is timed before the answers agree")


def python(*words):
    out = subprocess.run([sys.executable, str(HERE / "events_peers.py"), *map(str, words)], stdout=subprocess.PIPE, check=True).stdout
    return json.loads(out.decode().strip().splitlines()[-1])


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid):
    line = next(line for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


class Server:
    """A running Burgeon; a context that ends with it."""

    def __init__(self, binary, data):
        self.port = 18_767
        self.words = [str(binary), "--data", str(data), "--now", NOW, "serve", "--listen", f"127.0.0.1:{self.port}"]

    def __enter__(self):
        self.process = subprocess.Popen(self.words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        for _ in range(1200):
            try:
                self.get("/api/v1/workspace")
                return self
            except OSError:
                if self.process.poll() is not None:
                    sys.exit("the server did not start: " + " ".join(self.words))
                time.sleep(0.1)
        sys.exit("the server did not answer within two minutes")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def connection(self):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)

    def get(self, path, connection=None):
        own = connection or self.connection()
        started = time.perf_counter()
        own.request("GET", path)
        response = own.getresponse()
        body = response.read()
        seconds = time.perf_counter() - started
        if own is not connection:
            own.close()
        if response.status != 200:
            sys.exit(f"{path} answered {response.status}: {body[:500]!r}")
        return json.loads(body), seconds

    def all(self, path):
        """An answer and the seconds it took; of a list that comes in pages all of them."""
        answer, seconds = self.get(path)
        cursor = answer.get("cursor")
        while cursor and len(answer["events"]) >= 1000:
            more, later = self.get(f"{path}&after={urllib.parse.quote(cursor)}")
            answer["events"] += more["events"]
            cursor, seconds = more.get("cursor") if more["events"] else None, seconds + later
        return answer, seconds

    def settle(self):
        """Waits until the server has nothing left to do on its own: its upkeep comes every five seconds."""
        before, quiet = processor_seconds(self.pid), 0
        while quiet < 6:
            time.sleep(2)
            now = processor_seconds(self.pid)
            quiet = quiet + 2 if now - before < 0.05 else 0
            before = now


def write_key(binary, data):
    out = subprocess.run([str(binary), "--data", str(data), "keys", "create", "bench", "--format", "csv"], stdout=subprocess.PIPE, check=True).stdout
    return next(csv.DictReader(io.StringIO(out.decode())))["key"]


def segment(key, events):
    """Events as the body of a request to /v1/batch."""
    items = [
        {
            "type": "track",
            "messageId": e["event_id"],
            "userId": str(e["user_id"]),
            "event": e["event"],
            "timestamp": e["timestamp"],
            "properties": {"channel": e["acquisition_channel"], "path": e["path"], "plan": e["plan"]},
        }
        for e in events
    ]
    return json.dumps({"writeKey": key, "batch": items}, separators=(",", ":")).encode()


def post(connection, body):
    """Sends until it is taken, as clients do: under pressure the server says when to come again."""
    while True:
        connection.request("POST", "/v1/batch", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        text = response.read()
        if response.status == 200:
            return
        if response.status not in (429, 503):
            sys.exit(f"/v1/batch answered {response.status}: {text[:500]!r}")
        time.sleep(float(response.headers.get("Retry-After", "1")))


def read_through(folder):
    """Has all files of a folder (or one file) in the page cache, where that is large enough."""
    for file in [folder] if folder.is_file() else sorted(folder.rglob("*")):
        if file.is_file():
            with open(file, "rb", buffering=0) as bytes_of:
                while bytes_of.read(1 << 24):
                    pass


def stored(engine, folder):
    """Where a peer has its rows."""
    if engine in ("duckdb", "chdb"):
        return [folder / f"native.{engine}"]
    return [folder / "events.parquet", folder / "events_by_person.parquet"]


def folder_bytes(folder):
    return sum(file.stat().st_size for file in pathlib.Path(folder).rglob("*") if file.is_file())


def import_file(binary, data, file):
    """The file's rows for each second of processor time, through the command line."""
    started = time.perf_counter()
    process = subprocess.Popen([str(binary), "--data", str(data), "--now", NOW, "import", str(file), "--as", "events", "--map", MAP], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    if status != 0:
        sys.exit("the import failed")
    return {"seconds": time.perf_counter() - started, "processor_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}


def intake(binary, data, folder, rows, senders):
    """Rows of /v1/batch for each second of the server's processor time, from an empty store to everything on disk."""
    key = write_key(binary, data)
    bodies, ids, events = [], set(), []
    with open(folder / "events.jsonl") as lines:
        for line, _ in zip(lines, range(rows)):
            event = json.loads(line)
            ids.add(event["event_id"])
            events.append(event)
            if len(events) == 1000:
                bodies.append(segment(key, events))
                events = []
    if events:
        bodies.append(segment(key, events))
    sent = min(rows, 1000 * len(bodies))
    with Server(binary, data) as server:
        before, started = processor_seconds(server.pid), time.perf_counter()
        local = threading.local()

        def send(body):
            if not hasattr(local, "connection"):
                local.connection = server.connection()
            begun = time.perf_counter()
            post(local.connection, body)
            return time.perf_counter() - begun

        with concurrent.futures.ThreadPoolExecutor(senders) as pool:
            waits = sorted(pool.map(send, bodies))
        wall = time.perf_counter() - started
        server.settle()
        processor = processor_seconds(server.pid) - before
        answer, _ = server.get("/api/v1/query?metrics=events&grain=year&from=2023&to=2026")
        kept = sum(int(value or 0) for series in answer["series"] for value in series["values"])
        if kept != len(ids):
            sys.exit(f"/v1/batch: {kept} events are there, {len(ids)} different ones were acknowledged")
        return {"rows": sent, "seconds": wall, "processor_seconds": processor, "peak_bytes": peak_bytes(server.pid), "p99": waits[int(0.99 * (len(waits) - 1))]}


def more_events(m, count, seed, prefix):
    dice = random.Random(seed)
    names = [*m["funnel"], "task_completed", "search"]
    for n in range(count):
        minute = dice.randrange(20 * 1440)
        at = datetime.datetime(2025, 12, 1) + datetime.timedelta(minutes=minute, milliseconds=dice.randrange(60_000))
        yield {
            "event_id": f"{prefix}{n}",
            "user_id": dice.randrange(1, m["persons"] + 1),
            "event": dice.choice(names),
            "timestamp": at.isoformat(timespec="milliseconds") + "Z",
            "acquisition_channel": None,
            "path": "/",
            "plan": "free",
        }


def after_more(binary, data, m, asks, cold):
    """The same questions one second after 10,000 events arrived; then against a server that knows nothing yet."""
    key = write_key(binary, data)
    times, answers = {}, {}
    with Server(binary, data) as server:
        for question, path in asks.items():
            # Each question meets the 10,000 events that arrived since it was asked, not those before as well.
            server.all(path)
            batch = list(more_events(m, 10_000, question, f"{question}-"))
            connection = server.connection()
            for first in range(0, len(batch), 1000):
                post(connection, segment(key, batch[first : first + 1000]))
            time.sleep(1)
            _, times[question] = server.all(path)
        for question, path in asks.items():
            answers[question] = our_rows(question, server.all(path)[0], m)
    with Server(binary, data) as server:
        for question, path in asks.items():
            scratch = our_rows(question, server.all(path)[0], m)
            if scratch != answers[question]:
                sys.exit(f"{question}: the running server and one from scratch differ after more events")
    lines = ["| question | cold | 1 s after 10,000 more events | ÷ cold |", "|---|---|---|---|"]
    for question, seconds in times.items():
        lines.append(f"| {TITLES[question]} | {cold[question] * 1000:.0f} ms | {seconds * 1000:.0f} ms | **{seconds / cold[question]:.2f}** (≤ 0.20) |")
    return lines


def visibility(binary, data, m, rate, seconds):
    """Seconds from an answer of 200 until a query shows the event, at `rate` events a second."""
    key = write_key(binary, data)
    batches = rate // 1000 * seconds
    bodies = []
    for n in range(batches):
        events = list(more_events(m, 1000, 1000 + n, f"seen-{n}-"))
        events[0]["user_id"] = f"probe-{n}"
        bodies.append(segment(key, events))
    with Server(binary, data) as server:
        local = threading.local()
        started = time.perf_counter() + 0.5

        def one(n):
            if not hasattr(local, "connection"):
                local.connection = server.connection()
            due = started + n * 1000 / rate
            time.sleep(max(0, due - time.perf_counter()))
            post(local.connection, bodies[n])
            accepted = time.perf_counter()
            while not server.get(f"/api/v1/events/recent?person=probe-{n}&limit=1", local.connection)[0]["events"]:
                time.sleep(0.005)
            return accepted - due, time.perf_counter() - accepted

        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            waits = list(pool.map(one, range(batches)))
        wall = time.perf_counter() - started
    at99 = lambda values: sorted(values)[int(0.99 * (len(values) - 1))]
    return {"rate": batches * 1000 / wall, "accepted_p99": at99([w[0] for w in waits]), "visible_p99": at99([w[1] for w in waits])}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engines", default=",".join(ENGINES))
    parser.add_argument("--questions", default=",".join(QUESTIONS))
    parser.add_argument("--batch-rows", type=int, default=2_000_000, help="events sent through /v1/batch")
    parser.add_argument("--keep", action="store_true", help="use what an earlier run imported")
    parser.add_argument("--without-lines", action="store_true", help="questions only: events are imported from Parquet, and no way in is compared")
    args = parser.parse_args()
    engines, questions = args.engines.split(","), args.questions.split(",")
    folder = args.work / f"events-{args.rows}"
    if not (folder / "manifest.json").exists():
        more = ["--without-lines"] if args.without_lines else []
        subprocess.run([sys.executable, str(HERE / "generate_events.py"), str(folder), "--rows", str(args.rows), *more], check=True)
    for engine, mark in (("duckdb", "native.duckdb"), ("chdb", "native.chdb")):
        if engine in engines and not (folder / mark).exists():
            python("prepare", engine, folder)
    m = json.loads((folder / "manifest.json").read_text())
    lines = m["rows"] + m["duplicates"]
    report = []

    # Import, and intake of the same rows over HTTP.
    data = args.work / f"burgeon-events-{args.rows}"
    speed = ["| way in | rows | seconds | rows / processor second | ÷ DuckDB | peak memory |", "|---|---|---|---|---|---|"]
    fresh = not (args.keep and data.exists())
    if fresh:
        shutil.rmtree(data, ignore_errors=True)

    def told(name, rows, run, base):
        mine = rows / run["processor_seconds"]
        speed.append(f"| {name} | {rows:,} | {run['seconds']:.1f} | {mine:,.0f} | **{mine / base:.2f}** | {run['peak_bytes'] / 2**20:.0f} MiB |")
        print(speed[-1], flush=True)

    if args.without_lines:
        if fresh:
            run = import_file(args.binary, data, folder / "events.parquet")
            print(f"import of Parquet: {m['rows']:,} rows in {run['seconds']:.0f} s, {run['processor_seconds']:.0f} processor seconds, {run['peak_bytes'] / 2**20:.0f} MiB", flush=True)
    else:
        duck = min((python("import", "-", folder) for _ in range(args.runs)), key=lambda run: run["processor_seconds"])
        if duck["rows"] != lines:
            sys.exit(f"DuckDB took {duck['rows']} of {lines} lines")
        base = lines / duck["processor_seconds"]
        told("DuckDB, JSON lines into its own file", lines, duck, base)
        if fresh:
            told("`burgeon import`, JSON lines, deduplicated", lines, import_file(args.binary, data, folder / "events.jsonl"), base)
        sink = args.work / "burgeon-intake"
        shutil.rmtree(sink, ignore_errors=True)
        sent = intake(args.binary, sink, folder, min(args.batch_rows, lines), 8)
        told(f"`/v1/batch`, acknowledged durable (p99 of a request {sent['p99'] * 1000:.0f} ms)", sent["rows"], sent, base)
        shutil.rmtree(sink, ignore_errors=True)

    # Questions: every engine in turn, so that a slow minute of the machine hits all of them.
    asks = {question: paths(m)[question] for question in questions}
    report += [
        "| question | Burgeon, first | best peer | time ÷ best peer | must | again | ÷ best peer again | " + " | ".join(engines) + " | memory | memory ÷ best peer |",
        "|---" * (9 + len(engines)) + "|",
    ]
    cold = {}
    for question, path in asks.items():
        peers, mine, again, memory = {}, [], [], []
        for _ in range(args.runs):
            for name in engines:
                for place in stored(name, folder):
                    read_through(place)
                run = python(name, question, folder)
                peers.setdefault(name, []).append(run)
            read_through(data / "hot")
            read_through(data / "lake" / "events")
            with Server(args.binary, data) as server:
                answer, seconds = server.all(path)
                for name in engines:
                    compare(question, our_rows(question, answer, m), peers[name][-1]["rows"], name)
                mine.append(seconds)
                again.append(server.all(path)[1])
                memory.append(peak_bytes(server.pid))
        times = {name: min(run["first"] for run in runs) for name, runs in peers.items()}
        best = min(times, key=times.get)
        best_again = min(run["again"] for runs in peers.values() for run in runs)
        second = statistics.median(again)
        best_memory = statistics.median(run["peak_bytes"] for run in peers[best])
        cold[question], ours_memory = statistics.median(mine), statistics.median(memory)
        report.append(
            f"| {TITLES[question]} | {cold[question]:.3f} s | {best} {times[best]:.3f} s | **{cold[question] / times[best]:.2f}** | {BARS[question]:.2f} | {second:.3f} s | {second / best_again:.2f} | "
            + " | ".join(f"{times[name]:.3f} s" for name in engines)
            + f" | {ours_memory / 2**20:.0f} MiB | {ours_memory / best_memory:.2f} |"
        )
        print(report[-1], flush=True)

    more = after_more(args.binary, data, m, asks, cold)
    seen = visibility(args.binary, data, m, 20_000, 20)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    print(f"\nMachine: {os.cpu_count()} processors ({cpu}), {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB; {m['rows']:,} events of {m['persons']:,} persons, {args.runs} runs.")
    print(f"On disk: Burgeon {folder_bytes(data) / 2**20:,.0f} MiB (lake, raw file, hot columns, log), DuckDB's table {(folder / 'native.duckdb').stat().st_size / 2**20:,.0f} MiB.\n")
    print("\n".join([*speed, "", *report, "", *more, ""]))
    print(f"At {seen['rate']:,.0f} events a second: accepted after {seen['accepted_p99'] * 1000:.0f} ms and visible {seen['visible_p99'] * 1000:.0f} ms later, at the 99th percentile.")


if __name__ == "__main__":
    main()
