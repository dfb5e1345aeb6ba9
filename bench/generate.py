"""Makes the benchmark's ledger: subscription changes of many customers over five years, in four currencies.

The rows are independent of Burgeon's own generator, so that a fault there cannot hide in both. They are written once as
CSV (what is imported) and once as Parquet sorted by customer and time (what the peers read).

Amounts are whole minor units a month (yearly prices divide by 12), so that peers can compute exactly in integers.
"""

import argparse
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

DAY = 86_400_000_000
START = np.datetime64("2021-01-01", "us").astype(np.int64)
DAYS = 1826  # 2021-01-01 .. 2025-12-31
PLANS = np.array(["starter", "team", "business", "enterprise"])
BASE = np.array([2_900, 9_900, 29_900, 99_000])
CURRENCIES = np.array(["USD", "EUR", "GBP", "JPY"])


def chunk(rng, first, count, changes):
    """Rows of customers [first, first + count), as a dict of numpy arrays sorted by (customer, time)."""
    per = np.maximum(1, rng.poisson(changes, count))
    customer = np.repeat(np.arange(first, first + count), per)
    rows = len(customer)
    start = rng.integers(0, DAYS - 60, count)
    # One in four customers has a second subscription; its changes are interleaved in time.
    second = rng.random(count) < 0.25
    sub = np.where(np.repeat(second, per), rng.integers(0, 2, rows), 0)
    day = np.repeat(start, per) + (rng.random(rows) * (DAYS - np.repeat(start, per))).astype(np.int64)
    order = np.lexsort((sub, day, customer))
    customer, sub, day = customer[order], sub[order], day[order]
    # One change of one subscription a day: later rows of the same day are dropped.
    keep = np.ones(rows, bool)
    keep[1:] = (customer[1:] != customer[:-1]) | (sub[1:] != sub[:-1]) | (day[1:] != day[:-1])
    customer, sub, day = customer[keep], sub[keep], day[keep]
    rows = len(customer)
    home = rng.integers(0, 4, count)
    plan = np.where(rng.random(rows) < 0.85, home[customer - first], rng.integers(0, 4, rows))
    seats = rng.integers(1, 20, rows)
    yearly = rng.random(rows) < 0.3
    canceled = rng.random(rows) < 0.12
    monthly = BASE[plan] * seats
    return {
        "customer_id": np.char.add("cus_", np.char.zfill(customer.astype("U8"), 8)),
        "subscription_id": np.char.add(
            np.char.add("sub_", np.char.zfill(customer.astype("U8"), 8)), np.where(sub == 0, "_a", "_b")
        ),
        "effective_at": START + day * DAY,
        "status": np.where(canceled, "canceled", "active"),
        "amount_minor": np.where(yearly, monthly * 12, monthly),
        "currency": CURRENCIES[rng.choice(4, count, p=[0.55, 0.25, 0.15, 0.05])][customer - first],
        "interval": np.where(yearly, "year", "month"),
        "plan": PLANS[plan],
    }


def main():
    args = argparse.ArgumentParser()
    args.add_argument("folder", type=pathlib.Path)
    args.add_argument("--customers", type=int, default=1_000_000)
    args.add_argument("--changes", type=float, default=12.2)
    args = args.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20260101)
    parquet = csv = None
    rows = 0
    for first in range(0, args.customers, 50_000):
        columns = chunk(rng, first, min(50_000, args.customers - first), args.changes)
        table = pa.table(columns)
        table = table.set_column(2, "effective_at", table["effective_at"].cast(pa.timestamp("us", "UTC")))
        if parquet is None:
            parquet = pq.ParquetWriter(args.folder / "changes.parquet", table.schema, compression="snappy")
        parquet.write_table(table, row_group_size=200_000)
        text = table.set_column(2, "effective_at", pc.strftime(table["effective_at"], "%Y-%m-%d"))
        if csv is None:
            csv = pacsv.CSVWriter(
                args.folder / "changes.csv", text.schema, write_options=pacsv.WriteOptions(quoting_style="none")
            )
        csv.write_table(text)
        rows += table.num_rows
    parquet.close()
    csv.close()
    with open(args.folder / "rates.csv", "w") as out:
        out.write("date,base,quote,rate\n")
        for month in np.arange(np.datetime64("2021-01"), np.datetime64("2026-01")):
            for code, rate in (("EUR", 1.08), ("GBP", 1.26), ("JPY", 0.0072)):
                out.write(f"{month}-01,{code},USD,{rate * (1 + rng.normal(0, 0.02)):.6f}\n")
    print(f"{rows} changes of {args.customers} customers")


main()
