"""The peers' answers: DuckDB, Polars and chDB, each in the idiom its own users would write, over sorted Parquet.

Every question runs in a process of its own (`python peers.py ENGINE QUESTION FOLDER`), on two threads, and prints one
JSON line: seconds from an opened engine to the last row, peak memory of the process, and a digest of the answer, so
that `run.py` can hold all answers against each other before it compares times.

The rules are Burgeon's: changes of one customer on one day are netted; a customer is new once, later returns are
reactivation; each row of the answer is the signed delta of one plan, labelled with the customer's class; money in USD
at the rate of the movement's month (JPY has no minor unit, hence the factor 100).
"""

import json
import pathlib
import resource
import sys
import time

MOVEMENTS_SQL = """
with monthly as (
  select customer_id, subscription_id, effective_at, currency, plan,
         case when status = 'active' then {div} else 0 end as mrr
  from {source}
), steps as (
  select *, lag(mrr, 1, 0) over w as mrr_before, lag(plan, 1, plan) over w as plan_before
  from monthly window w as (partition by customer_id, subscription_id order by effective_at)
), deltas as (
  select customer_id, effective_at, currency, plan, mrr - case when plan = plan_before then mrr_before else 0 end as delta
  from steps
  union all
  select customer_id, effective_at, currency, plan_before, -mrr_before from steps
  where plan <> plan_before and mrr_before <> 0
), instants as (
  select customer_id, effective_at, sum(delta) as delta from deltas group by customer_id, effective_at
), balances as (
  select customer_id, effective_at, delta, sum(delta) over w as after,
         count(case when delta > 0 then 1 end) over w as gains
  from instants window w as (partition by customer_id order by effective_at)
), classes as (
  select customer_id, effective_at,
         case when after = delta and after > 0 then
                case when max(after) over (partition by customer_id order by effective_at
                                           rows between unbounded preceding and 1 preceding) > 0
                     then 'reactivation' else 'new' end
              when after = 0 and delta < 0 then 'churn'
              when delta >= 0 then 'expansion' else 'contraction' end as movement
  from balances
)
"""

MONTHS = 60


def duck(folder):
    import duckdb

    con = duckdb.connect()
    con.execute("set threads to 2")
    con.execute(f"create view changes as select * from '{folder}/changes.parquet'")
    con.execute(f"create table rates as select date, base, rate::double as rate from '{folder}/rates.csv'")
    return con


DUCK_MOVEMENTS = (
    MOVEMENTS_SQL.format(source="changes", div="case when \"interval\" = 'year' then amount_minor // 12 else amount_minor end")
    + """
select date_trunc('month', d.effective_at at time zone 'UTC')::date as month, d.plan, c.movement,
       sum(d.delta * case d.currency when 'USD' then 1 when 'JPY' then r.rate * 100 else r.rate end) as amount
from deltas d join classes c using (customer_id, effective_at)
left join rates r on r.base = d.currency and r.date = date_trunc('month', d.effective_at at time zone 'UTC')::date
where d.delta <> 0 group by all
"""
)

# Balances a month for every customer and currency: the base of NRR, GRR and the cohort matrix.
DUCK_BALANCES = (
    MOVEMENTS_SQL.format(source="changes", div="case when \"interval\" = 'year' then amount_minor // 12 else amount_minor end")
    + """
, months as (
  select customer_id, currency, date_diff('month', date '2021-01-01', effective_at at time zone 'UTC') as m, sum(delta) as delta
  from deltas group by all
), spans as (
  select customer_id, currency, m, lead(m, 1, 60) over w as until, sum(delta) over w as balance, min(m) over (partition by customer_id) as cohort
  from months window w as (partition by customer_id order by m)
)
"""
)
DUCK_RETENTION = (
    DUCK_BALANCES
    + """
, a as (select customer_id, currency, unnest(range(m, until)) as m, balance from spans where balance > 0)
select x.m + 12 as month, x.currency, sum(x.balance), sum(coalesce(y.balance, 0)), sum(least(x.balance, coalesce(y.balance, 0)))
from a x left join a y on y.customer_id = x.customer_id and y.m = x.m + 12 where x.m + 12 < 60 group by all
"""
)
DUCK_COHORTS = (
    DUCK_BALANCES
    + """
, first_paid as (select customer_id, min(m) as cohort from spans where balance > 0 group by 1)
select cohort, m, currency, count(*), sum(balance) from
 (select customer_id, currency, unnest(range(m, until)) as m, balance from spans where balance > 0) join first_paid using (customer_id) group by all
"""
)


def duckdb_question(folder, question):
    con = duck(folder)
    started = time.perf_counter()
    rows = con.execute({"movements": DUCK_MOVEMENTS, "retention": DUCK_RETENTION, "cohorts": DUCK_COHORTS}[question]).fetchall()
    return time.perf_counter() - started, rows


def duckdb_import(folder):
    import duckdb

    target = pathlib.Path(folder) / "import.duckdb"
    target.unlink(missing_ok=True)
    con = duckdb.connect(str(target))
    con.execute("set threads to 2")
    con.execute(
        "create table changes (customer_id varchar, subscription_id varchar, effective_at date, status varchar,"
        " amount_minor bigint, currency varchar, \"interval\" varchar, plan varchar)"
    )
    started = time.perf_counter()
    con.execute(f"copy changes from '{folder}/changes.csv' (header)")
    con.execute("checkpoint")
    seconds = time.perf_counter() - started
    rows = con.execute("select count(*) from changes").fetchall()
    con.close()
    target.unlink()
    return seconds, rows


def polars_frames(folder):
    import polars as pl

    key = ["customer_id", "subscription_id"]
    plan_before = pl.col("plan").shift(1).over(key)
    steps = (
        pl.scan_parquet(f"{folder}/changes.parquet")
        .with_columns(
            mrr=pl.when(pl.col("status") == "active")
            .then(pl.when(pl.col("interval") == "year").then(pl.col("amount_minor") // 12).otherwise(pl.col("amount_minor")))
            .otherwise(0)
        )
        .with_columns(mrr_before=pl.col("mrr").shift(1).over(key).fill_null(0), plan_before=plan_before.fill_null(pl.col("plan")))
    )
    same = pl.col("plan") == pl.col("plan_before")
    columns = ["customer_id", "effective_at", "currency", "plan", "delta"]
    deltas = pl.concat(
        [
            steps.with_columns(delta=pl.col("mrr") - pl.when(same).then(pl.col("mrr_before")).otherwise(0)).select(columns),
            steps.filter(~same & (pl.col("mrr_before") != 0)).with_columns(plan=pl.col("plan_before"), delta=-pl.col("mrr_before")).select(columns),
        ]
    )
    return pl, deltas


def polars_question(folder, question):
    started = time.perf_counter()
    pl, deltas = polars_frames(folder)
    if question == "movements":
        instants = (
            deltas.group_by("customer_id", "effective_at").agg(pl.col("delta").sum()).sort("customer_id", "effective_at")
            .with_columns(after=pl.col("delta").cum_sum().over("customer_id"))
            .with_columns(paid=(pl.col("after").cum_max().over("customer_id").shift(1).over("customer_id").fill_null(0) > 0))
            .with_columns(
                movement=pl.when((pl.col("after") == pl.col("delta")) & (pl.col("after") > 0))
                .then(pl.when(pl.col("paid")).then(pl.lit("reactivation")).otherwise(pl.lit("new")))
                .when((pl.col("after") == 0) & (pl.col("delta") < 0)).then(pl.lit("churn"))
                .when(pl.col("delta") >= 0).then(pl.lit("expansion")).otherwise(pl.lit("contraction"))
            ).select("customer_id", "effective_at", "movement")
        )
        rates = pl.scan_csv(f"{folder}/rates.csv", try_parse_dates=True).select(month="date", currency="base", rate="rate")
        factor = pl.when(pl.col("currency") == "USD").then(1.0).when(pl.col("currency") == "JPY").then(pl.col("rate") * 100).otherwise(pl.col("rate"))
        answer = (
            deltas.filter(pl.col("delta") != 0).join(instants, on=["customer_id", "effective_at"])
            .with_columns(month=pl.col("effective_at").dt.truncate("1mo").dt.date())
            .join(rates, on=["month", "currency"], how="left")
            .group_by("month", "plan", "movement").agg(amount=(pl.col("delta") * factor).sum())
        )
    else:
        months = (
            deltas.with_columns(m=(pl.col("effective_at").dt.year().cast(pl.Int32) - 2021) * 12 + pl.col("effective_at").dt.month() - 1)
            .group_by("customer_id", "currency", "m").agg(pl.col("delta").sum()).sort("customer_id", "m")
            .with_columns(balance=pl.col("delta").cum_sum().over("customer_id"), until=pl.col("m").shift(-1).over("customer_id").fill_null(MONTHS))
            .filter(pl.col("balance") > 0)
            .with_columns(cohort=pl.col("m").min().over("customer_id"), m=pl.int_ranges("m", "until")).drop("until", "delta").explode("m")
        )
        if question == "cohorts":
            answer = months.group_by("cohort", "m", "currency").agg(pl.len(), pl.col("balance").sum().alias("mrr"))
        else:
            later = months.select("customer_id", m=pl.col("m") - 12, now="balance")
            answer = (
                months.filter(pl.col("m") + 12 < MONTHS).join(later, on=["customer_id", "m"], how="left").with_columns(pl.col("now").fill_null(0))
                .group_by(pl.col("m") + 12, "currency").agg(pl.col("balance").sum(), pl.col("now").sum(), capped=pl.min_horizontal("balance", "now").sum())
            )
    rows = answer.collect(engine="streaming").rows()
    return time.perf_counter() - started, rows


CH_BASE = """
with per as (
  select customer_id, any(currency) as currency,
    arraySort(x -> (x.1, x.2), groupArray((toDate(effective_at), subscription_id, plan,
      toInt64(if(status = 'active', if(`interval` = 'year', intDiv(amount_minor, 12), amount_minor), 0))))) as changes
  from file('{folder}/changes.parquet', Parquet) group by customer_id
)
"""

CH_SETTINGS = " settings max_threads = 2"


def chdb_question(folder, question):
    from chdb import session

    con = session.Session()
    source = f"file('{folder}/changes.parquet', Parquet)"
    div = "if(`interval` = 'year', intDiv(amount_minor, 12), amount_minor)"
    base = MOVEMENTS_SQL.format(source=source, div=div)
    base = base.replace("lag(mrr, 1, 0) over w", "lagInFrame(mrr, 1, 0) over w").replace(
        "lag(plan, 1, plan) over w", "lagInFrame(plan, 1, plan) over w"
    ).replace(
        "(partition by customer_id, subscription_id order by effective_at)",
        "(partition by customer_id, subscription_id order by effective_at rows between unbounded preceding and unbounded following)",
    )
    if question == "movements":
        query = (
            base
            + f"""select toStartOfMonth(d.effective_at) as month, d.plan, c.movement,
              sum(d.delta * multiIf(d.currency = 'USD', 1., d.currency = 'JPY', r.rate * 100, r.rate)) as amount
              from deltas d join classes c on c.customer_id = d.customer_id and c.effective_at = d.effective_at
              left join (select date, base, toFloat64(rate) as rate from file('{folder}/rates.csv', CSVWithNames)) r
                on r.base = d.currency and r.date = toDate(toStartOfMonth(d.effective_at))
              where d.delta <> 0 group by month, d.plan, c.movement"""
        )
    else:
        query = (
            base
            + """, months as (
              select customer_id, currency, dateDiff('month', toDate('2021-01-01'), toDate(effective_at)) as m, sum(delta) as delta
              from deltas group by customer_id, currency, m
            ), spans as (
              select customer_id, currency, m, leadInFrame(m, 1, 60) over (partition by customer_id order by m rows between unbounded preceding and unbounded following) as until,
                sum(delta) over (partition by customer_id order by m) as balance from months
            ), a as (select customer_id, currency, arrayJoin(range(toUInt16(m), toUInt16(until))) as m, balance from spans where balance > 0)
            """
        )
        if question == "cohorts":
            query += """select cohort, m, currency, count(), sum(balance) from a
              join (select customer_id, min(m) as cohort from a group by customer_id) f using (customer_id) group by cohort, m, currency"""
        else:
            query += """select x.m + 12 as month, x.currency, sum(x.balance), sum(ifNull(y.balance, 0)), sum(least(x.balance, ifNull(y.balance, 0)))
              from a x left join (select customer_id, toInt32(m) - 12 as earlier, balance from a where m >= 12) y
                on y.customer_id = x.customer_id and y.earlier = toInt32(x.m)
              where x.m + 12 < 60 group by month, x.currency"""
    started = time.perf_counter()
    out = con.query(query + CH_SETTINGS, "JSONCompactEachRow")
    seconds = time.perf_counter() - started
    rows = [json.loads(line) for line in str(out).splitlines() if line]
    return seconds, rows


def digest(question, rows):
    """What must be equal between all engines: the count of rows and the sums of the figures (money to whole units)."""
    if question == "import":
        return {"rows": rows[0][0]}
    if question == "movements":
        totals = {}
        for _, _, movement, amount in rows:
            totals[movement] = totals.get(movement, 0) + float(amount) / 100
        return {"rows": len(rows), **{name: round(total) for name, total in sorted(totals.items())}}
    return {"rows": len(rows), "sums": [sum(int(row[i]) for row in rows) for i in range(3 if question == "cohorts" else 2, len(rows[0]))]}


def main():
    engine, question, folder = sys.argv[1:4]
    run = {"duckdb": duckdb_question, "polars": polars_question, "chdb": chdb_question}[engine]
    seconds, rows = duckdb_import(folder) if question == "import" else run(folder, question)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"engine": engine, "question": question, "seconds": seconds, "peak_bytes": peak, "digest": digest(question, rows)}))


if __name__ == "__main__":
    main()
