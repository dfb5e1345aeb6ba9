//! Chance, from a seed: the same numbers on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of chance. Two streams of one seed never overlap.
#[derive(Debug, Clone)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of a number under a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Dice {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(stream);
        Dice(rng)
    }

    /// A number from 0 up to but not including 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something of this probability happens.
    pub(super) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A whole number from `low` to `high`, both included; `low` when they are the wrong way round.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = high.saturating_sub(low).max(0) as u64 + 1;
        // Multiply and shift: the bias is far below what anyone could see here.
        low + ((u128::from(self.0.next_u64()) * u128::from(width)) >> 64) as i64
    }

    /// One of the items.
    pub(super) fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.between(0, items.len() as i64 - 1) as usize]
    }

    /// The place of one of the weights, by its share of their sum.
    pub(super) fn weighted(&mut self, weights: impl Iterator<Item = f64> + Clone) -> usize {
        let mut rest = self.unit() * weights.clone().sum::<f64>();
        let mut last = 0;
        for (index, weight) in weights.enumerate() {
            last = index;
            if rest < weight {
                break;
            }
            rest -= weight;
        }
        last
    }

    /// How often something happens that happens `mean` times on average.
    pub(super) fn times(&mut self, mean: f64) -> usize {
        let mut count = mean as usize;
        if self.chance(mean - count as f64) {
            count += 1;
        }
        // Spread it: half of the time one of two neighbours.
        match self.between(0, 3) {
            0 if count > 0 && mean >= 1.0 => count - 1,
            1 if mean >= 1.0 => count + 1,
            _ => count,
        }
    }
}
