//! Exact fractions: every value computed from sums of money stays one until it is shown.

use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::{BigRational, Ratio};
use num_traits::{CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, Signed, ToPrimitive, Zero};

use crate::PARTS;
use crate::currency::Currency;

/// An exact rational number. Money is in major units (dollars, not cents); a percentage is a fraction (0.1).
///
/// Add, subtract and multiply with the operators; divide with [`Exact::checked_div`], which knows zero.
/// Round once, at display, with [`Exact::to_fixed`] or [`Exact::to_f64`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Exact(Repr);

/// Sums of money and their quotients fit 128 bits nearly always, and then cost no allocation.
///
/// A value has one form only: `Large` is never what `Small` could hold. Both are in lowest terms, the denominator above
/// zero. So equality and hashes are those of the form.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Repr {
    Small(Ratio<i128>),
    Large(Box<BigRational>),
}

impl Default for Repr {
    fn default() -> Self {
        Repr::Small(Ratio::zero())
    }
}

/// The text is not a decimal number or a fraction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a number; write a decimal such as 12.5 or a fraction such as 1/3")]
pub struct ParseExactError(pub String);

impl Exact {
    /// Zero.
    pub fn zero() -> Exact {
        Exact::default()
    }

    /// One.
    pub fn one() -> Exact {
        Exact::from_int(1)
    }

    /// A whole number.
    pub fn from_int(value: impl Into<i128>) -> Exact {
        Exact::over(value.into(), 1, 0)
    }

    /// The fraction `numerator / denominator`; `None` when the denominator is zero.
    pub fn ratio(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Option<Exact> {
        let denominator = denominator.into();
        (!denominator.is_zero()).then(|| Exact::large(BigRational::new(numerator.into(), denominator)))
    }

    /// A decimal number from its digits and its number of decimals, as Arrow's `Decimal128` stores it.
    pub fn from_decimal(unscaled: i128, scale: u32) -> Exact {
        Exact::over(unscaled, 1, scale)
    }

    /// Minor units of a currency as major units: 11600 of USD is 116.
    pub fn from_minor(minor: i128, currency: Currency) -> Exact {
        Exact::over(minor, 1, currency.exponent())
    }

    /// [Parts](crate::PARTS) of a currency's minor unit as major units.
    pub fn from_parts(parts: i128, currency: Currency) -> Exact {
        Exact::from_parts_decimal(parts, 0, currency)
    }

    /// Decimal parts (digits and number of decimals, as `convert` gives them: 10) as major units.
    pub fn from_parts_decimal(unscaled: i128, scale: u32, currency: Currency) -> Exact {
        Exact::over(unscaled, PARTS, currency.exponent() + scale)
    }

    /// `above / (below × 10^tens)`, where `below` is above zero.
    fn over(above: i128, below: i128, tens: u32) -> Exact {
        let fits = 10_i128.checked_pow(tens).and_then(|power| power.checked_mul(below));
        match fits {
            // The smallest number has no opposite, which lowest terms may ask for.
            Some(below) if above != i128::MIN => Exact(Repr::Small(Ratio::new(above, below))),
            _ => Exact::large(BigRational::new(above.into(), power_of_ten(tens) * BigInt::from(below))),
        }
    }

    /// The value in the form that is its own.
    fn large(value: BigRational) -> Exact {
        match (value.numer().to_i128(), value.denom().to_i128()) {
            (Some(above), Some(below)) if above != i128::MIN => {
                Exact(Repr::Small(Ratio::new_raw(above, below)))
            }
            _ => Exact(Repr::Large(Box::new(value))),
        }
    }

    /// Both values through `small`, or through `large` where a side or the result does not fit.
    fn combine(
        &self,
        other: &Exact,
        small: impl Fn(&Ratio<i128>, &Ratio<i128>) -> Option<Ratio<i128>>,
        large: impl Fn(BigRational, BigRational) -> BigRational,
    ) -> Exact {
        if let (Repr::Small(a), Repr::Small(b)) = (&self.0, &other.0)
            && let Some(result) = small(a, b)
            && *result.numer() != i128::MIN
        {
            return Exact(Repr::Small(result));
        }
        Exact::large(large(self.as_rational(), other.as_rational()))
    }

    /// The shortest decimal that reads back as this float, exactly; `None` for NaN and infinities.
    ///
    /// For numbers that users write in definitions (0.35 means 35/100); money never comes this way.
    pub fn from_f64(value: f64) -> Option<Exact> {
        if !value.is_finite() {
            return None;
        }
        format!("{value}").parse().ok()
    }

    /// The quotient; `None` when the divisor is zero.
    pub fn checked_div(&self, divisor: &Exact) -> Option<Exact> {
        (!divisor.is_zero()).then(|| self.combine(divisor, CheckedDiv::checked_div, |a, b| a / b))
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        matches!(&self.0, Repr::Small(value) if value.is_zero())
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        match &self.0 {
            Repr::Small(value) => value.is_negative(),
            Repr::Large(value) => value.is_negative(),
        }
    }

    /// Whether the value is above zero.
    pub fn is_positive(&self) -> bool {
        !self.is_negative() && !self.is_zero()
    }

    /// The value without its sign.
    pub fn abs(&self) -> Exact {
        if self.is_negative() { -self } else { self.clone() }
    }

    /// The value rounded to `decimals` decimals, half away from zero, still exact.
    pub fn round(&self, decimals: u32) -> Exact {
        Exact::large(BigRational::new(self.scaled(decimals), power_of_ten(decimals)))
    }

    /// The decimal text with exactly `decimals` decimals, half away from zero: `116.00`. Never `-0.00`.
    pub fn to_fixed(&self, decimals: u32) -> String {
        let scaled = self.scaled(decimals);
        let digits = scaled.magnitude().to_string();
        let decimals = decimals as usize;
        let digits = format!("{digits:0>width$}", width = decimals + 1);
        let (whole, part) = digits.split_at(digits.len() - decimals);
        let sign = if scaled.is_negative() { "-" } else { "" };
        if decimals == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{part}") }
    }

    /// The decimal text with at most `decimals` decimals, without trailing zeros: `0.1`, `20`.
    pub fn to_decimal(&self, decimals: u32) -> String {
        let text = self.to_fixed(decimals);
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    }

    /// The text of an amount of money in major units with the currency's decimals: `116.00`.
    pub fn to_money(&self, currency: Currency) -> String {
        self.to_fixed(currency.exponent())
    }

    /// The float nearest to the value rounded to `decimals` decimals; `None` beyond the range of floats.
    /// For JSON and charts only.
    pub fn to_f64(&self, decimals: u32) -> Option<f64> {
        self.to_fixed(decimals).parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// The whole number, if the value is one and fits.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Small(value) if value.is_integer() => value.numer().to_i64(),
            _ => None,
        }
    }

    /// The fraction behind the value.
    pub fn as_rational(&self) -> BigRational {
        match &self.0 {
            Repr::Small(value) => BigRational::new_raw((*value.numer()).into(), (*value.denom()).into()),
            Repr::Large(value) => value.as_ref().clone(),
        }
    }

    /// `self × 10^decimals` rounded half away from zero to a whole number.
    fn scaled(&self, decimals: u32) -> BigInt {
        if let Repr::Small(value) = &self.0
            && let Some(scaled) = scaled_small(*value.numer(), *value.denom(), decimals)
        {
            return scaled.into();
        }
        let value = self.as_rational();
        let below = value.denom();
        let twice: BigInt = value.numer().abs() * power_of_ten(decimals) * 2 + below;
        let rounded = twice.div_floor(&(below * BigInt::from(2)));
        if value.is_negative() { -rounded } else { rounded }
    }
}

/// `above / below × 10^decimals` rounded half away from zero; `None` when a step of it does not fit.
fn scaled_small(above: i128, below: i128, decimals: u32) -> Option<i128> {
    let power = 10_i128.checked_pow(decimals)?;
    let twice = above.abs().checked_mul(power)?.checked_mul(2)?.checked_add(below)?;
    let rounded = twice / below.checked_mul(2)?;
    Some(if above < 0 { -rounded } else { rounded })
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

impl fmt::Display for Exact {
    /// A whole number or `numerator/denominator`; it reads back with [`FromStr`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Repr::Small(value) => fmt::Display::fmt(value, f),
            Repr::Large(value) => fmt::Display::fmt(value, f),
        }
    }
}

impl FromStr for Exact {
    type Err = ParseExactError;

    fn from_str(text: &str) -> Result<Exact, ParseExactError> {
        let fail = || ParseExactError(text.to_owned());
        let trimmed = text.trim();
        if let Some((above, below)) = trimmed.split_once('/') {
            let above: BigInt = above.trim().parse().map_err(|_| fail())?;
            let below: BigInt = below.trim().parse().map_err(|_| fail())?;
            return Exact::ratio(above, below).ok_or_else(fail);
        }
        let (negative, digits) = match trimmed.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
        let plain = whole.bytes().chain(part.bytes()).all(|byte| byte.is_ascii_digit());
        if !plain || whole.len() + part.len() == 0 || part.len() > 10_000 {
            return Err(fail());
        }
        let unscaled: BigInt = format!("{whole}{part}").parse().map_err(|_| fail())?;
        let unscaled = if negative { -unscaled } else { unscaled };
        Ok(Exact::large(BigRational::new(unscaled, power_of_ten(part.len() as u32))))
    }
}

impl From<i64> for Exact {
    fn from(value: i64) -> Exact {
        Exact::from_int(value)
    }
}

impl From<i128> for Exact {
    fn from(value: i128) -> Exact {
        Exact::from_int(value)
    }
}

impl Ord for Exact {
    fn cmp(&self, other: &Exact) -> Ordering {
        match (&self.0, &other.0) {
            (Repr::Small(a), Repr::Small(b)) => a.cmp(b),
            _ => self.as_rational().cmp(&other.as_rational()),
        }
    }
}

impl PartialOrd for Exact {
    fn partial_cmp(&self, other: &Exact) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

macro_rules! operator {
    ($trait:ident, $method:ident, $checked:path) => {
        impl $trait<&Exact> for &Exact {
            type Output = Exact;
            fn $method(self, other: &Exact) -> Exact {
                self.combine(other, $checked, $trait::$method)
            }
        }
        impl $trait for Exact {
            type Output = Exact;
            fn $method(self, other: Exact) -> Exact {
                $trait::$method(&self, &other)
            }
        }
        impl $trait<&Exact> for Exact {
            type Output = Exact;
            fn $method(self, other: &Exact) -> Exact {
                $trait::$method(&self, other)
            }
        }
    };
}

operator!(Add, add, CheckedAdd::checked_add);
operator!(Sub, sub, CheckedSub::checked_sub);
operator!(Mul, mul, CheckedMul::checked_mul);

impl AddAssign<&Exact> for Exact {
    fn add_assign(&mut self, other: &Exact) {
        *self = &*self + other;
    }
}

impl AddAssign for Exact {
    fn add_assign(&mut self, other: Exact) {
        *self += &other;
    }
}

impl SubAssign<&Exact> for Exact {
    fn sub_assign(&mut self, other: &Exact) {
        *self = &*self - other;
    }
}

impl Neg for &Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        match &self.0 {
            Repr::Small(value) => Exact(Repr::Small(-value)),
            Repr::Large(value) => Exact::large(-value.as_ref().clone()),
        }
    }
}

impl Neg for Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        -&self
    }
}

impl Sum for Exact {
    fn sum<I: Iterator<Item = Exact>>(values: I) -> Exact {
        values.fold(Exact::zero(), Add::add)
    }
}

impl<'a> Sum<&'a Exact> for Exact {
    fn sum<I: Iterator<Item = &'a Exact>>(values: I) -> Exact {
        values.fold(Exact::zero(), |sum, value| sum + value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn exact(text: &str) -> Exact {
        text.parse().unwrap()
    }

    #[test]
    fn rounds_half_away_from_zero() {
        assert_eq!(exact("0.005").to_fixed(2), "0.01");
        assert_eq!(exact("-0.005").to_fixed(2), "-0.01");
        assert_eq!(exact("0.0049999").to_fixed(2), "0.00");
        assert_eq!(exact("-0.0049999").to_fixed(2), "0.00");
        assert_eq!(exact("2.5").to_fixed(0), "3");
        assert_eq!(exact("-2.5").to_fixed(0), "-3");
        assert_eq!(exact("1/3").to_fixed(6), "0.333333");
        assert_eq!(exact("2/3").to_f64(4), Some(0.6667));
        assert_eq!(exact("20").to_decimal(6), "20");
        assert_eq!(exact("0.10").to_decimal(6), "0.1");
        assert_eq!(exact("2/3").round(2), exact("0.67"));
    }

    #[test]
    fn money_and_parts() {
        assert_eq!(Exact::from_minor(11_600, Currency::USD).to_money(Currency::USD), "116.00");
        assert_eq!(Exact::from_minor(11_600, Currency::JPY).to_money(Currency::JPY), "11600");
        assert_eq!(Exact::from_parts(11_600 * PARTS, Currency::USD), exact("116"));
        let ten = 10_i128.pow(10);
        assert_eq!(Exact::from_parts_decimal(PARTS * ten / 2, 10, Currency::USD), exact("0.005"));
    }

    #[test]
    fn zero_divides_nothing() {
        assert_eq!(exact("1").checked_div(&Exact::zero()), None);
        assert_eq!(exact("1").checked_div(&exact("4")), Some(exact("0.25")));
        assert_eq!(Exact::ratio(1, 0), None);
        assert!("1/0".parse::<Exact>().is_err());
        assert!(
            "".parse::<Exact>().is_err() && "1e3".parse::<Exact>().is_err() && "-".parse::<Exact>().is_err()
        );
    }

    #[test]
    fn floats_are_read_as_written() {
        assert_eq!(Exact::from_f64(0.35), Some(exact("35/100")));
        assert_eq!(Exact::from_f64(f64::NAN), None);
        assert_eq!(Exact::from_int(10_i64).to_i64(), Some(10));
        assert_eq!(exact("1/2").to_i64(), None);
    }

    /// Numbers about the ends of what 128 bits hold, and small ones.
    fn any_rational() -> impl Strategy<Value = BigRational> {
        let whole = prop_oneof![
            any::<i64>().prop_map(i128::from),
            any::<i128>(),
            Just(i128::MIN),
            Just(i128::MAX),
            -3i128..4,
        ];
        (whole.clone(), whole, 0u32..3).prop_map(|(above, below, power)| {
            let below = if below == 0 { 1 } else { below };
            BigRational::new(above.into(), below.into()).pow(power as i32)
        })
    }

    proptest! {
        #[test]
        fn is_the_same_as_a_fraction_without_bounds(a in any_rational(), b in any_rational(), decimals in 0u32..40) {
            let (x, y) = (Exact::large(a.clone()), Exact::large(b.clone()));
            prop_assert_eq!((&x + &y).as_rational(), &a + &b);
            prop_assert_eq!((&x - &y).as_rational(), &a - &b);
            prop_assert_eq!((&x * &y).as_rational(), &a * &b);
            prop_assert_eq!((-&x).as_rational(), -a.clone());
            prop_assert_eq!(x.abs().as_rational(), a.abs());
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert_eq!(x == y, a == b);
            prop_assert_eq!(x.is_zero(), a.is_zero());
            prop_assert_eq!(x.is_positive(), a.is_positive());
            prop_assert_eq!(x.to_string(), a.to_string());
            if let Some(quotient) = x.checked_div(&y) {
                prop_assert_eq!(quotient.as_rational(), &a / &b);
            }
            // One form for one value, however it was reached.
            prop_assert_eq!(&(&x + &y) - &y, x.clone());
            let tens = BigRational::from_integer(power_of_ten(decimals));
            prop_assert_eq!(x.round(decimals).as_rational(), (&a * &tens).round() / tens);
        }

        #[test]
        fn text_reads_back(unscaled in any::<i64>(), scale in 0u32..12, below in 1i64..1000) {
            let value = Exact::from_decimal(i128::from(unscaled), scale);
            prop_assert_eq!(&value.to_fixed(scale).parse::<Exact>().unwrap(), &value);
            let fraction = Exact::ratio(unscaled, below).unwrap();
            prop_assert_eq!(&fraction.to_string().parse::<Exact>().unwrap(), &fraction);
            let error = (&fraction - &fraction.round(scale)).abs();
            prop_assert!(error * Exact::from_int(2) <= Exact::from_decimal(1, scale));
        }
    }
}
