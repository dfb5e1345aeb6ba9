"""Runs every benchmark of Burgeon against its peers, in one go on one machine, and prints a table of ratios.

    make bench                       # one million customers, twelve million changes
    make bench CUSTOMERS=20000       # a quick look

Peers run in processes of their own on two threads (`peers.py`). Burgeon is the installed binary: a fresh process with its
data on disk for the cold questions (its time includes starting up), a running server for the warm ones. Answers are compared
before times are: a wrong answer stops the run.
"""

import argparse
import csv
import io
import json
import os
import pathlib
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
MOVEMENTS = ["new_mrr", "expansion_mrr", "contraction_mrr", "churn_mrr", "reactivation_mrr"]
RANGE = ["--grain", "month", "--from", "2021-01", "--to", "2025-12", "--format", "csv", "--now", "2026-01-15T00:00:00Z"]


def drop_caches():
    """Empties the page cache where we may, so that 'cold' is cold for everybody; says so where we may not."""
    try:
        os.sync()
        pathlib.Path("/proc/sys/vm/drop_caches").write_text("3")
        return True
    except OSError:
        return False


def measured(command):
    """Runs a command; returns its output, wall seconds and peak memory in bytes."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status != 0:
        sys.exit(f"failed ({status}): {' '.join(map(str, command))}")
    return out.decode(), seconds, usage.ru_maxrss * 1024


def peer(engine, question, folder):
    out, _, _ = measured([sys.executable, str(HERE / "peers.py"), engine, question, str(folder)])
    return json.loads(out.strip().splitlines()[-1])


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


class Burgeon:
    def __init__(self, binary, data):
        self.binary, self.data = binary, data

    def run(self, *words):
        return measured([self.binary, "--data", str(self.data), *map(str, words)])

    def serve(self, *words):
        port = 18_765
        process = subprocess.Popen([self.binary, "--data", str(self.data), *map(str, words), "--listen", f"127.0.0.1:{port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        base = f"http://127.0.0.1:{port}/api/v1"
        for _ in range(1200):
            try:
                urllib.request.urlopen(base + "/workspace", timeout=5).read()
                return process, base
            except OSError:
                if process.poll() is not None:
                    sys.exit("the server did not start")
                time.sleep(0.1)
        sys.exit("the server did not answer within two minutes")


def get(url):
    started = time.perf_counter()
    body = urllib.request.urlopen(url, timeout=120).read()
    return json.loads(body), time.perf_counter() - started


def post(url, payload):
    request = urllib.request.Request(url, json.dumps(payload).encode(), {"Content-Type": "application/json"})
    return json.loads(urllib.request.urlopen(request, timeout=60).read())


def our_digest(question, text):
    if question == "movements":
        totals = {name: 0.0 for name in MOVEMENTS}
        for row in rows(text):
            for name in MOVEMENTS:
                totals[name] += float(row[name] or 0)
        totals["contraction_mrr"] *= -1
        totals["churn_mrr"] *= -1
        return {name.removesuffix("_mrr"): round(total) for name, total in totals.items()}
    return None


def close(a, b, tolerance=2e-6):
    return abs(a - b) <= max(2.0, tolerance * max(abs(a), abs(b)))


def compare(question, ours, theirs, who):
    for name, value in ours.items():
        if not close(value, theirs.get(name, 0)):
            sys.exit(f"{question}: {name} is {value} here and {theirs.get(name)} in {who}: nothing is timed before the answers agree")


class Table:
    def __init__(self):
        self.lines = ["| question | Burgeon | best peer | time ÷ best peer | DuckDB | Polars | chDB | memory | memory ÷ DuckDB |", "|---|---|---|---|---|---|---|---|---|"]

    def add(self, question, ours, peers):
        times = {name: statistics.median(run["seconds"] for run in runs) for name, runs in peers.items()}
        best = min(times, key=times.get)
        mine = statistics.median(run["seconds"] for run in ours)
        memory = statistics.median(run["peak_bytes"] for run in ours)
        duck = statistics.median(run["peak_bytes"] for run in peers["duckdb"]) if "duckdb" in peers else None
        cell = lambda name: f"{times[name]:.2f} s" if name in times else "–"
        self.lines.append(
            f"| {question} | {mine:.2f} s | {best} {times[best]:.2f} s | **{mine / times[best]:.2f}** | {cell('duckdb')} | {cell('polars')} | {cell('chdb')}"
            f" | {memory / 2**20:.0f} MiB | {f'**{memory / duck:.2f}** of {duck / 2**20:.0f} MiB' if duck else '–'} |"
        )
        print(self.lines[-1], flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--engines", default="duckdb,polars,chdb")
    args = parser.parse_args()
    engines = args.engines.split(",")
    folder = args.work / f"changes-{args.customers}"
    if not (folder / "rates.csv").exists():
        subprocess.run([sys.executable, str(HERE / "generate.py"), str(folder), "--customers", str(args.customers)], check=True)
    data = args.work / f"burgeon-{args.customers}"
    shutil.rmtree(data, ignore_errors=True)
    ours = Burgeon(args.binary, data)
    ours.run("import", folder / "rates.csv", "--as", "fx_rates")

    # (d) import
    text, seconds, peak = ours.run("import", folder / "changes.csv", "--as", "subscription_changes", "--format", "json")
    table = Table()
    imports = [peer("duckdb", "import", folder) for _ in range(args.runs)]
    count = imports[0]["digest"]["rows"]
    table.add(f"import of {count:,} CSV rows", [{"seconds": seconds, "peak_bytes": peak}], {"duckdb": imports})

    # (a) and (c), cold: every engine in turn, so that a slow minute of the machine hits all of them
    questions = {
        "movements": ["query", ",".join(MOVEMENTS), "--by", "plan", *RANGE],
        "retention": ["query", "nrr_start_mrr,nrr_end_mrr,grr_end_mrr", "--by", "currency", *RANGE],
        "cohorts": ["query", "customers,mrr", "--by", "cohort,currency", *RANGE],
    }
    titles = {"movements": "MRR movements by month and plan, 60 months, cold", "retention": "NRR and GRR by month, cold", "cohorts": "cohort matrix 60 × 60, cold"}
    cold = True
    for question, words in questions.items():
        mine, peers = [], {name: [] for name in engines}
        for _ in range(args.runs):
            for name in engines:
                cold &= drop_caches()
                peers[name].append(peer(name, question, folder))
            cold &= drop_caches()
            text, seconds, peak = ours.run(*words)
            mine.append({"seconds": seconds, "peak_bytes": peak})
            digest = our_digest(question, text)
            for name in engines if digest else []:
                compare(question, digest, peers[name][-1]["digest"], name)
        table.add(titles[question], mine, peers)

    # (b) one more change
    process, base = ours.serve("serve", "--now", "2026-01-15T00:00:00Z")
    url = f"{base}/query?metrics={','.join(MOVEMENTS)}&by=plan&grain=month&from=2021-01&to=2025-12"
    _, first = get(url)
    again = []
    for i in range(20):
        post(f"{base}/records/subscription_changes", [{"customer_id": f"cus_{i * 37:08d}", "subscription_id": f"sub_{i * 37:08d}_a", "effective_at": f"2025-12-{i + 1:02d}T12:00:00Z", "status": "active", "amount_minor": 12_300 + i, "currency": "USD", "interval": "month", "plan": "team"}])
        answer, seconds = get(url)
        again.append(seconds)
    process.terminate()
    process.wait()
    text, _, _ = ours.run(*questions["movements"])
    live = {(s["dimensions"]["plan"], s["metric"]): sum(v or 0 for v in s["values"]) for s in answer["series"]}
    for name in MOVEMENTS:
        scratch = sum(float(row[name] or 0) for row in rows(text))
        kept = sum(value for (_, metric), value in live.items() if metric == name)
        if abs(scratch - kept) > 0.01:
            sys.exit(f"{name}: {kept} from the running server, {scratch} from scratch")
    print(f"\nAfter one more change: median {statistics.median(again) * 1000:.0f} ms, worst {max(again) * 1000:.0f} ms over HTTP (first answer of the server {first * 1000:.0f} ms); equal to a full recomputation.")

    # (e) the Pulse page of the demo company
    demo = Burgeon(args.binary, args.work / "demo")
    shutil.rmtree(demo.data, ignore_errors=True)
    process, base = demo.serve("demo", "--live", "off")
    cards = []
    for _ in range(12):
        dashboard, _ = get(f"{base}/dashboards/pulse")
        names = sorted({name for section in dashboard["sections"] for item in section["items"] if item["chart"] == "card" for name in item["metrics"]})
        _, seconds = get(f"{base}/query?metrics={','.join(names)}&grain=month&from=2025-11&to=2026-10&compare=previous")
        cards.append(seconds)
    process.terminate()
    process.wait()
    print(f"Pulse of the demo company, all {len(names)} cards in one request: warm median {statistics.median(cards[2:]) * 1000:.0f} ms, first {cards[0] * 1000:.0f} ms.")
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    print(f"\nMachine: {os.cpu_count()} processors ({cpu}), {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB; page cache {'emptied' if cold else 'not emptied'} before each cold run; median of {args.runs} runs.\n")
    print("\n".join(table.lines))


main()
