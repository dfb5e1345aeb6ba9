//! What goes on in the demo company while somebody looks at it.

use std::collections::HashMap;

use arrow::array::RecordBatch;
use burgeon_core::records::{Table, table};
use burgeon_core::revenue::Status;
use jiff::Timestamp;

use super::dice::Dice;
use super::life::{Change, History, Invoice, Profile, State, change_seats, reason_to_leave};
use super::records::{self, Texts};
use super::table::{Cell, Rows};
use super::world::{DAY, World};
use super::{DemoOptions, SEAT_CHANGES};

/// Customers whose present state is kept in memory; enough for days of watching.
const KEPT: usize = 50_000;

/// New records of the demo company, a handful at a time.
///
/// The batches of one call belong together (a new customer, the subscription, the first invoice and its
/// payment) and are to be appended in their order. The state lives in memory only: after a restart the
/// company goes on from where the drawn history ended, with other new customers.
pub struct Live {
    options: DemoOptions,
    world: World,
    dice: Dice,
    history: History,
    texts: Texts,
    /// Customers who signed up or changed while watched: who they are and how their subscription stands.
    known: HashMap<String, (Profile, State)>,
    /// Identifiers of those who signed up while watched.
    joined: Vec<String>,
    count: u64,
}

impl Live {
    /// Life after the company of these options, from the instant of its start on. The options must be those
    /// that the company was drawn with, so that it is the same company.
    pub fn new(options: DemoOptions, started: Timestamp) -> Live {
        Live {
            world: World::new(&options),
            dice: Dice::new(options.seed ^ started.as_microsecond() as u64, u64::MAX),
            options,
            history: History::default(),
            texts: Texts::default(),
            known: HashMap::new(),
            joined: Vec::new(),
            count: 0,
        }
    }

    /// What happened just now, at `now`: one believable event with all its records. Calls must not go back
    /// in time; a few seconds apart looks right.
    pub fn next(&mut self, now: Timestamp) -> Vec<(&'static Table, RecordBatch)> {
        let at = now.as_microsecond();
        self.world.now = self.world.now.max(at);
        self.count += 1;
        let mut batch = Batch { at, count: self.count, rows: Vec::new() };
        if self.dice.chance(0.34) {
            self.sign_up(at, &mut batch);
        } else {
            self.change(at, &mut batch);
        }
        batch.rows.iter_mut().filter_map(|rows| rows.take().map(|taken| (rows.table, taken))).collect()
    }

    /// Somebody new: half begin with a trial, half pay at once.
    fn sign_up(&mut self, at: i64, batch: &mut Batch) {
        // Any number beyond the drawn ones gives a new face; one who begins later is passed over.
        let first = (0..40).find_map(|_| {
            let number = self.options.customers + self.dice.between(1, i64::MAX / 2) as u64;
            self.history.draw(&self.world, self.options.seed, number, number + 1, SEAT_CHANGES);
            self.history.changes.first().copied()
        });
        let Some(first) = first else { return };
        let mut profile = self.history.profile.clone();
        profile.id = format!("cus_n{at:x}{:x}", self.count);
        profile.created_at = at;
        let trial = self.dice.chance(0.5);
        let state = State {
            status: if trial { Status::Trialing } else { Status::Active },
            off: 0,
            raised: true,
            ..first.state
        };
        records::customer(&profile, batch.rows("customers"), &mut self.texts);
        let trial_end = trial.then_some(at + 14 * DAY);
        let reason = if trial { "trial_started" } else { "" };
        self.write_change(
            &profile,
            Change { subscription: 1, at, state, reason, canceled_at: None, trial_end },
            batch,
        );
        if !trial {
            self.write_invoice(&profile, state, at, batch);
        }
        self.joined.push(profile.id.clone());
        self.keep(profile, state);
    }

    /// Somebody known: seats, a plan, a payment, a conversion, a return or a farewell.
    fn change(&mut self, at: i64, batch: &mut Batch) {
        let Some((profile, mut state)) = self.somebody() else { return self.sign_up(at, batch) };
        let mut change =
            Change { subscription: 1, at, state, reason: "", canceled_at: None, trial_end: None };
        match state.status {
            Status::Trialing => {
                state.status = Status::Active;
                self.write_invoice(&profile, state, at, batch);
            }
            Status::PastDue => {
                state.status = Status::Active;
                change.reason = "payment_recovered";
                self.write_invoice(&profile, state, at, batch);
            }
            _ => match self.dice.between(0, 99) {
                0..=44 => change.reason = change_seats(&self.world, &mut self.dice, &mut state, at),
                45..=59 if state.plan < 3 => {
                    state.plan += 1;
                    change.reason = "upgrade";
                }
                60..=64 if state.plan > 0 => {
                    state.plan -= 1;
                    change.reason = "downgrade";
                }
                65..=76 => {
                    state.status = Status::Canceled;
                    change.canceled_at = Some(at);
                    if let Some(why) = reason_to_leave(&self.world, &mut self.dice, at, false) {
                        let bare = profile.id.trim_start_matches("cus_");
                        batch.rows("cancellations").push(&[
                            Cell::Text(&format!("can_{bare}_{at:x}")),
                            Cell::Text(&profile.id),
                            Cell::Text(&format!("sub_{bare}_1")),
                            Cell::Int(at),
                            Cell::Text(why.reason),
                            Cell::text(why.comment),
                        ]);
                    }
                }
                77..=81 => {
                    state.status = Status::PastDue;
                    change.reason = "payment_failed";
                }
                _ => {
                    // A renewal: only money moves.
                    self.write_invoice(&profile, state, at, batch);
                    return;
                }
            },
        }
        change.state = state;
        self.write_change(&profile, change, batch);
        self.keep(profile, state);
    }

    /// A customer with a living subscription: now and then one who joined while watched, else one of the
    /// drawn ones.
    fn somebody(&mut self) -> Option<(Profile, State)> {
        if !self.joined.is_empty() && self.dice.chance(0.2) {
            let place = self.dice.between(0, self.joined.len() as i64 - 1) as usize;
            let known = self.known.get(&self.joined[place]).cloned();
            if known.as_ref().is_some_and(|(_, state)| living(state)) {
                return known;
            }
        }
        for _ in 0..60 {
            let total = self.options.customers.max(1);
            let number = self.dice.between(0, total as i64 - 1) as u64;
            // The history as it was drawn: up to the demo's own end.
            let now = std::mem::replace(&mut self.world.now, self.options.now.as_microsecond());
            self.history.draw(&self.world, self.options.seed, number, total, SEAT_CHANGES);
            self.world.now = now;
            if let Some((profile, state)) = self.known.get(&self.history.profile.id) {
                if living(state) {
                    return Some((profile.clone(), *state));
                }
                continue;
            }
            let main = self.history.changes.iter().rev().find(|change| change.subscription == 1);
            if let Some(change) = main.filter(|change| living(&change.state) && change.at <= now) {
                return Some((self.history.profile.clone(), change.state));
            }
        }
        None
    }

    fn keep(&mut self, profile: Profile, state: State) {
        if self.known.len() >= KEPT {
            self.known.clear();
            self.joined.clear();
        }
        self.known.insert(profile.id.clone(), (profile, state));
    }

    fn write_change(&mut self, profile: &Profile, change: Change, batch: &mut Batch) {
        records::change(&self.world, profile, &change, batch.rows("subscription_changes"), &mut self.texts);
    }

    /// An invoice for the term from now on, paid at once.
    fn write_invoice(&mut self, profile: &Profile, state: State, at: i64, batch: &mut Batch) {
        let months = if state.yearly { 12 } else { 1 };
        let invoice = Invoice {
            subscription: 1,
            at,
            until: self.world.months_after(at, months),
            state,
            failed: false,
            paid_at: Some(at),
            usage: 0,
            refunded_at: None,
            credited: false,
        };
        // Numbered by the instant, far above the drawn ones.
        let number = at as usize;
        for name in ["invoices", "invoice_lines", "payments"] {
            records::billing(&self.world, profile, &invoice, number, batch.rows(name), &mut self.texts);
        }
    }
}

fn living(state: &State) -> bool {
    matches!(state.status, Status::Active | Status::Trialing | Status::PastDue)
}

/// The rows of one event, by table in order of first use.
struct Batch {
    at: i64,
    count: u64,
    rows: Vec<Rows>,
}

impl Batch {
    fn rows(&mut self, name: &str) -> &mut Rows {
        let place = match self.rows.iter().position(|rows| rows.table.name == name) {
            Some(place) => place,
            None => {
                // Later versions than anything drawn; the tables are those of the records' own list.
                let known = table(name).unwrap_or(&burgeon_core::records::TABLES[0]);
                self.rows.push(Rows::new(known, self.at.saturating_add(self.count as i64)));
                self.rows.len() - 1
            }
        };
        &mut self.rows[place]
    }
}
