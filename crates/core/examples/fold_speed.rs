//! How long the fold takes for a million customers with twelve changes each.
//!
//! Run with `time cargo run --release -p burgeon-core --example fold_speed`; the rows are made up on the
//! fly, from fixed texts, so nearly all of the time is the fold's.

use burgeon_core::currency::Currency;
use burgeon_core::revenue::{Change, Fold, FoldError, Movement, RevenueRules, Sink, Status, Term};

#[derive(Default)]
struct Sum {
    rows: u64,
    parts: i128,
}

impl Sink for Sum {
    fn movement(&mut self, row: &Movement<'_>) {
        self.rows += 1;
        self.parts += row.amount_parts;
    }
}

fn main() -> Result<(), FoldError> {
    let mut sum = Sum::default();
    let mut fold = Fold::new(&RevenueRules::default(), i64::MAX);
    let mut id = *b"cus_0000000000";
    for customer in 0..1_000_000_u64 {
        let mut rest = customer;
        for digit in id[4..].iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
        let name = std::str::from_utf8(&id).unwrap_or("");
        for step in 0..12_i64 {
            let status = if step == 11 && customer % 3 == 0 { Status::Canceled } else { Status::Active };
            let amount = 5_000 + (customer as i64 * 7 + step * 900) % 4_000;
            let at = (customer as i64 % 1000 + step * 90) * 86_400_000_000;
            let term = if customer % 4 == 0 { Term::YEAR } else { Term::MONTH };
            let change = Change {
                plan: if step < 6 { "Team" } else { "Business" },
                reason: if step == 11 { "price" } else { "" },
                ..Change::new(name, "sub_0000000001", at, status, amount, Currency::USD, term)
            };
            fold.push(&change, &mut sum)?;
        }
    }
    fold.finish(&mut sum);
    println!(
        "12000000 changes, {} movements, {} minor units a month",
        sum.rows,
        sum.parts / burgeon_core::PARTS
    );
    Ok(())
}
