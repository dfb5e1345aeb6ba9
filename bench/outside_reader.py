"""Reads a lake with other people's programs: its Delta tables by `deltalake` (delta-rs' Python package), its Parquet files
by DuckDB, and compares both with what Burgeon itself says.

    python bench/outside_reader.py --binary BURGEON        (needs: pip install deltalake duckdb pyarrow)

Imports 30,000 changes of subscriptions (base files), then a correction of a hundred of them (an overlay file beside
them), then the correction with `--replace` (rows are gone). Exit code 1 when anything differs.

Another reader sees base and overlay files side by side: of each entity and `_key` the row with the highest `_seq` counts,
unless it says `_deleted` (see the module documentation of `engine::lake`). Delta knows no unsigned numbers, so `_key` is
stored as signed bits.
"""

import argparse
import csv
import io
import pathlib
import subprocess
import sys
import tempfile

import deltalake
import duckdb

TABLE = "subscription_changes"
FIGURES = "count(*), sum(amount_minor), count(DISTINCT customer_id), max(epoch_us(effective_at))"
PRESENT = f"""
    SELECT {FIGURES} FROM (
      SELECT * FROM source QUALIFY row_number() OVER (PARTITION BY customer_id, _key ORDER BY _seq DESC) = 1
    ) WHERE NOT coalesce(_deleted, false)
"""


def burgeon(binary, data, *words):
    done = subprocess.run([binary, "--data", str(data), *map(str, words)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"burgeon {words}: {done.stderr}")
    return done.stdout


def write(path, rows):
    lines = ["customer_id,subscription_id,effective_at,status,amount,currency,interval"]
    lines += [f"c{n % 7000},s{n},2025-{n % 12 + 1:02}-{n % 28 + 1:02},active,{amount}.00,EUR,month" for n, amount in rows]
    path.write_text("\n".join(lines) + "\n")


def check(binary, data, step):
    delta = deltalake.DeltaTable(str(data / "lake" / TABLE))
    files = delta.file_uris()
    readers = {
        "deltalake": delta.to_pyarrow_dataset().to_table(),
        "duckdb": duckdb.sql(f"SELECT * FROM read_parquet({files!r}, union_by_name = true)"),
    }
    found = {name: duckdb.sql(PRESENT).fetchall()[0] for name, source in readers.items()}
    query = (
        "SELECT count(*) AS a, sum(amount_minor) AS b, count(DISTINCT customer_id) AS c, "
        f"max(CAST(effective_at AS BIGINT)) AS d FROM {TABLE}"
    )
    row = next(csv.reader(list(io.StringIO(burgeon(binary, data, "sql", "--format", "csv", query)))[1:]))
    expected = tuple(int(cell) for cell in row)
    failed = [name for name, values in found.items() if tuple(map(int, values)) != expected]
    said = f"DIFFERENT: {failed} {found}" if failed else "all the same"
    print(f"{step:34} version {delta.version()}, {len(files):2} files, burgeon {expected}: {said}")
    return bool(failed)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--binary", required=True)
    binary = str(pathlib.Path(arguments.parse_args().binary).resolve())
    failed = False
    with tempfile.TemporaryDirectory() as work:
        data, folder = pathlib.Path(work) / "data", pathlib.Path(work)
        rows = [(n, n % 90 + 1) for n in range(30_000)]
        write(folder / "all.csv", rows)
        burgeon(binary, data, "import", folder / "all.csv")
        failed |= check(binary, data, "base files")
        write(folder / "some.csv", [(n, amount + 1000) for n, amount in rows[:100]])
        burgeon(binary, data, "import", folder / "some.csv")
        failed |= check(binary, data, "an overlay file beside them")
        write(folder / "some.csv", [(n, amount + 1000) for n, amount in rows[:40]])
        burgeon(binary, data, "import", folder / "some.csv", "--replace")
        failed |= check(binary, data, "after a correction that replaces")
    sys.exit(failed)


if __name__ == "__main__":
    main()
