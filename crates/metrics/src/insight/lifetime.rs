//! How long customers stay, predicted from how many stayed so far.
//!
//! The retention curve is that of a *shifted beta-geometric* distribution (P. S. Fader and B. G. S. Hardie, "How to
//! project customer retention", Journal of Interactive Marketing 21(1), 2007): each customer leaves at every renewal
//! with a chance of their own, and these chances are spread over the customers, so that those who are still there after
//! a while are the loyal ones. Of the customers who reached age `t` (1, 2, …) a share
//!
//! `h(t) = p ÷ (1 + q·(t − 1))`
//!
//! is lost on the way to the next (`α = p/q`, `β = (1 − p)/q` in the paper's letters): `p` is the loss at the first
//! age, `q` how fast it falls; `q = 0` is the same loss at every age. Both are fitted by maximum likelihood to the
//! observed losses, `d` of `n` at each age, with customers who are still there counted for the ages that they have
//! reached. The expected lifetime within a horizon of `H` ages is `Σ S(t)` over `0 ≤ t < H`, with `S(0) = 1` and
//! `S(t) = S(t − 1)·(1 − h(t))`. The interval of 95 % follows from the Fisher information by the delta method on the
//! logarithm. It tells how sure the fit is, if the curve has the right form and the future is like the window.
//!
//! Floats: this is an estimate, not a sum. Its callers round it to six decimals.

use crate::definition::Label;

/// What happened at one age.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposure {
    /// Periods since the first payment, from 1.
    pub age: u32,
    /// Customers who had not left before.
    pub at_risk: u64,
    /// Customers of these who were gone a period later; at most all of them.
    pub lost: u64,
}

/// A fitted curve and the lifetime that follows, in periods.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lifetime {
    /// Expected lifetime within the horizon.
    pub expected: f64,
    /// Lower end of the interval of 95 %; at least 1.
    pub low: f64,
    /// Upper end; at most the horizon.
    pub high: f64,
    /// The loss at the first age.
    pub first_loss: f64,
    /// How fast the loss falls with age; 0: it does not.
    pub fall: f64,
}

/// Why there is no curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoLifetime {
    /// Nobody was there long enough.
    #[error("no customer has been there for a whole month of the window")]
    NobodyAtRisk,
    /// Nobody left, so that the lifetime has no upper end.
    #[error("no customer left in the window, so the lifetime has no upper end")]
    NobodyLost,
}

impl NoLifetime {
    /// The reason in the languages of the product.
    pub fn label(self) -> Label {
        let en = self.to_string();
        match self {
            NoLifetime::NobodyAtRisk => {
                Label::of(&en, "ни один клиент не пробыл в окне целый месяц", "窗口内没有客户满一个月")
            }
            NoLifetime::NobodyLost => Label::of(
                &en,
                "за окно никто не ушёл, поэтому у срока жизни нет верхней границы",
                "窗口内没有客户流失，生命周期没有上限",
            ),
        }
    }
}

/// The most that the loss may be: at exactly 1 the likelihood has no slope.
const MOST: f64 = 1.0 - 1e-9;
/// 97.5 % of a normal distribution lie below this many standard deviations.
const Z95: f64 = 1.959_963_984_540_054;

/// Fits the curve and predicts the lifetime over `horizon` periods. Ages may come in any order, an age several times.
///
/// # Errors
/// [`NoLifetime`] where there is nothing to fit.
pub fn lifetime(exposures: &[Exposure], horizon: u32) -> Result<Lifetime, NoLifetime> {
    let data: Vec<Age> = exposures
        .iter()
        .filter(|one| one.at_risk > 0 && one.age > 0)
        .map(|one| {
            let lost = one.lost.min(one.at_risk) as f64;
            Age { since: f64::from(one.age - 1), lost, kept: one.at_risk as f64 - lost }
        })
        .collect();
    if data.is_empty() {
        return Err(NoLifetime::NobodyAtRisk);
    }
    if data.iter().all(|age| age.lost == 0.0) {
        return Err(NoLifetime::NobodyLost);
    }
    let (p, q) = fit(&data);
    let (expected, slope) = expected(p, q, horizon.max(1));
    let sigma = (variance(&data, p, q, slope)).sqrt() / expected;
    Ok(Lifetime {
        expected,
        low: (expected * (-Z95 * sigma).exp()).max(1.0_f64.min(expected)),
        high: (expected * (Z95 * sigma).exp()).min(f64::from(horizon.max(1))).max(expected),
        first_loss: p,
        fall: q,
    })
}

#[derive(Debug, Clone, Copy)]
struct Age {
    /// Age less one.
    since: f64,
    lost: f64,
    kept: f64,
}

/// The likeliest loss at the first age for a given fall: the root of the likelihood's slope, which falls with `p`.
fn best_loss(data: &[Age], q: f64) -> f64 {
    let slope = |p: f64| -> f64 {
        data.iter()
            .map(|age| {
                let g = 1.0 / (1.0 + q * age.since);
                age.lost / p - age.kept * g / (1.0 - p * g)
            })
            .sum()
    };
    if slope(MOST) >= 0.0 {
        return MOST;
    }
    let (mut low, mut high) = (0.0, MOST);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if slope(middle) > 0.0 { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

fn likelihood(data: &[Age], p: f64, q: f64) -> f64 {
    let part = |count: f64, chance: f64| if count == 0.0 { 0.0 } else { count * chance.ln() };
    data.iter()
        .map(|age| {
            let h = p / (1.0 + q * age.since);
            part(age.lost, h) + part(age.kept, 1.0 - h)
        })
        .sum()
}

/// The likeliest (p, q). `q` is looked for between 0 and 1000 on a logarithmic scale, then refined by Fisher scoring.
fn fit(data: &[Age]) -> (f64, f64) {
    let profile = |x: f64| {
        let q = x.exp_m1();
        likelihood(data, best_loss(data, q), q)
    };
    let last = 1001.0_f64.ln();
    let steps = 48;
    let place = |step: usize| last * step as f64 / steps as f64;
    let mut best = 0;
    let mut value = profile(0.0);
    for step in 1..=steps {
        let here = profile(place(step));
        // A tie is left to the simpler curve, also where the ages tell nothing of the fall.
        if here > value + 1e-9 * (1.0 + value.abs()) {
            (best, value) = (step, here);
        }
    }
    let (mut low, mut high) = (place(best.saturating_sub(1)), place((best + 1).min(steps)));
    let golden = 0.5 * (5.0_f64.sqrt() - 1.0);
    for _ in 0..50 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        // Towards zero where both are alike.
        if profile(a) >= profile(b) { high = b } else { low = a }
    }
    let q = (0.5 * (low + high)).exp_m1();
    if q < 1e-6 || !better(data, q) {
        return (best_loss(data, 0.0), 0.0);
    }
    polish(data, best_loss(data, q), q)
}

/// Whether a falling loss is likelier than the same loss at every age.
fn better(data: &[Age], q: f64) -> bool {
    let flat = likelihood(data, best_loss(data, 0.0), 0.0);
    likelihood(data, best_loss(data, q), q) > flat + 1e-9 * (1.0 + flat.abs())
}

/// A few steps of Fisher scoring, kept while they stay inside.
fn polish(data: &[Age], mut p: f64, mut q: f64) -> (f64, f64) {
    for _ in 0..20 {
        let mut score = [0.0, 0.0];
        for age in data {
            let (h, dp, dq) = loss(p, q, age.since);
            let by_h = age.lost / h - age.kept / (1.0 - h);
            score[0] += by_h * dp;
            score[1] += by_h * dq;
        }
        let [a, b, c] = information(data, p, q);
        let det = a * c - b * b;
        if det <= 1e-12 * a * c {
            break;
        }
        let (dp, dq) = ((c * score[0] - b * score[1]) / det, (a * score[1] - b * score[0]) / det);
        if !(0.0 < p + dp && p + dp < MOST && q + dq > 0.0) {
            break;
        }
        (p, q) = (p + dp, q + dq);
        if dp.abs() < 1e-15 * p && dq.abs() < 1e-15 * q {
            break;
        }
    }
    (p, q)
}

/// The loss at an age, and how it changes with p and q.
fn loss(p: f64, q: f64, since: f64) -> (f64, f64, f64) {
    let g = 1.0 / (1.0 + q * since);
    (p * g, g, -p * since * g * g)
}

/// The Fisher information: (p p), (p q), (q q).
fn information(data: &[Age], p: f64, q: f64) -> [f64; 3] {
    let mut sum = [0.0; 3];
    for age in data {
        let (h, dp, dq) = loss(p, q, age.since);
        let weight = (age.lost + age.kept) / (h * (1.0 - h));
        sum[0] += weight * dp * dp;
        sum[1] += weight * dp * dq;
        sum[2] += weight * dq * dq;
    }
    sum
}

/// The expected lifetime over the horizon, and how it changes with p and q.
fn expected(p: f64, q: f64, horizon: u32) -> (f64, [f64; 2]) {
    let (mut stay, mut sum) = (1.0, 1.0);
    // The logarithm of `stay` by p and q.
    let mut log = [0.0, 0.0];
    let mut slope = [0.0, 0.0];
    for age in 1..horizon {
        let (h, dp, dq) = loss(p, q, f64::from(age - 1));
        stay *= 1.0 - h;
        log[0] -= dp / (1.0 - h);
        log[1] -= dq / (1.0 - h);
        sum += stay;
        slope[0] += stay * log[0];
        slope[1] += stay * log[1];
    }
    (sum, slope)
}

/// The variance of the expected lifetime. Where the ages tell nothing of the fall, it is that of the loss alone.
fn variance(data: &[Age], p: f64, q: f64, slope: [f64; 2]) -> f64 {
    let [a, b, c] = information(data, p, q);
    let det = a * c - b * b;
    if q == 0.0 || det <= 1e-12 * a * c {
        return slope[0] * slope[0] / a;
    }
    (slope[0] * slope[0] * c - 2.0 * slope[0] * slope[1] * b + slope[1] * slope[1] * a) / det
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ages(all: &[(u64, u64)]) -> Vec<Exposure> {
        let one = |(age, (at_risk, lost)): (usize, &(u64, u64))| Exposure {
            age: age as u32 + 1,
            at_risk: *at_risk,
            lost: *lost,
        };
        all.iter().enumerate().map(one).collect()
    }

    #[test]
    fn a_tenth_every_month() {
        // The same loss at every age: 1 + 0.9 + 0.81 + … = (1 − 0.9^60) ÷ 0.1.
        let found = lifetime(&ages(&[(1000, 100), (900, 90), (810, 81)]), 60).unwrap();
        assert!((found.first_loss - 0.1).abs() < 1e-9 && found.fall == 0.0, "{found:?}");
        assert!((found.expected - (1.0 - 0.9_f64.powi(60)) / 0.1).abs() < 1e-6, "{found:?}");
        // One age tells nothing of the fall: the same loss goes on.
        let one = lifetime(&ages(&[(10, 1)]), 60).unwrap();
        assert!((one.expected - 9.982_030).abs() < 1e-6 && one.fall == 0.0, "{one:?}");
        // ± 1.96 · √(p(1−p)/n) on p, by the slope of 1/p: a wide interval for ten customers.
        assert!(one.low < 2.0 && one.high > 50.0, "{one:?}");
    }

    #[test]
    fn a_half_then_a_third_then_a_quarter() {
        // h = 1/2, 1/3, 1/4 is S = 1/2, 1/3, 1/4, …: the sum of sixty is the 60th harmonic number.
        let found = lifetime(&ages(&[(12, 6), (6, 2), (4, 1)]), 60).unwrap();
        let harmonic: f64 = (1..=60).map(|n| 1.0 / f64::from(n)).sum();
        assert!((found.expected - harmonic).abs() < 1e-9, "{found:?} {harmonic}");
        assert!((found.first_loss - 0.5).abs() < 1e-9 && (found.fall - 0.5).abs() < 1e-9);
        assert!(found.low < found.expected && found.expected < found.high && found.high < 60.0);
    }

    #[test]
    fn the_paper_by_fader_and_hardie() {
        // Table 1, "High End": 1000 customers, retained over seven years; the paper's fit is α = 0.668, β = 3.806.
        let kept = [1000, 869, 743, 653, 593, 551, 517, 491];
        let data: Vec<(u64, u64)> = kept.windows(2).map(|pair| (pair[0], pair[0] - pair[1])).collect();
        let found = lifetime(&ages(&data), 60).unwrap();
        let (alpha, beta) = (found.first_loss / found.fall, (1.0 - found.first_loss) / found.fall);
        assert!((alpha - 0.668).abs() < 5e-4 && (beta - 3.806).abs() < 5e-3, "{alpha} {beta}");
    }

    #[test]
    fn the_likeliest_of_a_fine_grid_is_no_likelier() {
        let mut seed = 7_u64;
        let mut draw = |n: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for _ in 0..60 {
            let data: Vec<(u64, u64)> = (0..1 + draw(8))
                .map(|_| {
                    let at_risk = 1 + draw(60);
                    (at_risk, draw(at_risk + 1))
                })
                .collect();
            let exposures = ages(&data);
            let found = match lifetime(&exposures, 36) {
                Ok(found) => found,
                Err(NoLifetime::NobodyLost) if data.iter().all(|(_, lost)| *lost == 0) => continue,
                Err(other) => panic!("{other}"),
            };
            assert!((1.0..=36.0).contains(&found.expected), "{found:?}");
            assert!(found.low <= found.expected && found.expected <= found.high, "{found:?}");
            assert!(found.low >= 1.0 - 1e-9 && found.high <= 36.0, "{found:?}");
            // The plainest likelihood, by the paper's formula, over a grid.
            let plain = |p: f64, q: f64| -> f64 {
                let mut sum = 0.0;
                for (age, (n, d)) in data.iter().enumerate() {
                    let h = p / (1.0 + q * age as f64);
                    sum += if *d > 0 { *d as f64 * h.ln() } else { 0.0 };
                    sum += if n > d { (n - d) as f64 * (1.0 - h).ln() } else { 0.0 };
                }
                sum
            };
            let best = plain(found.first_loss, found.fall);
            for i in 1..100 {
                for j in 0..60 {
                    let there = plain(f64::from(i) / 100.0, (f64::from(j) / 8.0).exp_m1());
                    assert!(there <= best + 1e-6 * (1.0 + best.abs()), "{data:?} {found:?} {there} {best}");
                }
            }
        }
    }

    #[test]
    fn more_customers_give_a_narrower_interval() {
        let few = lifetime(&ages(&[(120, 30), (90, 15), (75, 9)]), 60).unwrap();
        let many = lifetime(&ages(&[(12000, 3000), (9000, 1500), (7500, 900)]), 60).unwrap();
        assert!((few.expected - many.expected).abs() < 1e-6);
        let width = |one: Lifetime| (one.high / one.low).ln();
        // A hundred times the customers: a tenth of the width.
        assert!((width(few) / width(many) - 10.0).abs() < 0.3 || few.high == 60.0, "{few:?} {many:?}");
    }

    #[test]
    fn what_cannot_be_fitted_says_why() {
        assert_eq!(lifetime(&[], 60), Err(NoLifetime::NobodyAtRisk));
        assert_eq!(lifetime(&ages(&[(0, 0)]), 60), Err(NoLifetime::NobodyAtRisk));
        assert_eq!(lifetime(&ages(&[(10, 0), (4, 0)]), 60), Err(NoLifetime::NobodyLost));
        let all = lifetime(&ages(&[(10, 10)]), 60).unwrap();
        assert!((all.expected - 1.0).abs() < 1e-6, "{all:?}");
        assert_eq!(lifetime(&ages(&[(10, 3)]), 1).unwrap().expected, 1.0);
    }
}
