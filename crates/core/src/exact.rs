//! Exact fractions: every value computed from sums of money stays one until it is shown.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};
use std::str::FromStr;

use num_bigint::BigInt;
use num_integer::Integer;
use num_rational::BigRational;
use num_traits::{One, Signed, ToPrimitive, Zero};

use crate::PARTS;
use crate::currency::Currency;

/// An exact rational number. Money is in major units (dollars, not cents); a percentage is a fraction (0.1).
///
/// Add, subtract and multiply with the operators; divide with [`Exact::checked_div`], which knows zero.
/// Round once, at display, with [`Exact::to_fixed`] or [`Exact::to_f64`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Exact(BigRational);

/// The text is not a decimal number or a fraction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a number; write a decimal such as 12.5 or a fraction such as 1/3")]
pub struct ParseExactError(pub String);

impl Exact {
    /// Zero.
    pub fn zero() -> Exact {
        Exact(BigRational::zero())
    }

    /// One.
    pub fn one() -> Exact {
        Exact(BigRational::one())
    }

    /// A whole number.
    pub fn from_int(value: impl Into<BigInt>) -> Exact {
        Exact(BigRational::from_integer(value.into()))
    }

    /// The fraction `numerator / denominator`; `None` when the denominator is zero.
    pub fn ratio(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Option<Exact> {
        let denominator = denominator.into();
        (!denominator.is_zero()).then(|| Exact(BigRational::new(numerator.into(), denominator)))
    }

    /// A decimal number from its digits and its number of decimals, as Arrow's `Decimal128` stores it.
    pub fn from_decimal(unscaled: i128, scale: u32) -> Exact {
        Exact(BigRational::new(BigInt::from(unscaled), power_of_ten(scale)))
    }

    /// Minor units of a currency as major units: 11600 of USD is 116.
    pub fn from_minor(minor: impl Into<BigInt>, currency: Currency) -> Exact {
        Exact(BigRational::new(minor.into(), power_of_ten(currency.exponent())))
    }

    /// [Parts](crate::PARTS) of a currency's minor unit as major units.
    pub fn from_parts(parts: impl Into<BigInt>, currency: Currency) -> Exact {
        Exact::from_parts_decimal(parts, 0, currency)
    }

    /// Decimal parts (digits and number of decimals, as `convert` gives them: 10) as major units.
    pub fn from_parts_decimal(unscaled: impl Into<BigInt>, scale: u32, currency: Currency) -> Exact {
        let below = power_of_ten(currency.exponent() + scale) * BigInt::from(PARTS);
        Exact(BigRational::new(unscaled.into(), below))
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
        (!divisor.0.is_zero()).then(|| Exact(&self.0 / &divisor.0))
    }

    /// Whether the value is zero.
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether the value is below zero.
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// Whether the value is above zero.
    pub fn is_positive(&self) -> bool {
        self.0.is_positive()
    }

    /// The value without its sign.
    pub fn abs(&self) -> Exact {
        Exact(self.0.abs())
    }

    /// The value rounded to `decimals` decimals, half away from zero, still exact.
    pub fn round(&self, decimals: u32) -> Exact {
        Exact(BigRational::new(self.scaled(decimals), power_of_ten(decimals)))
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
        self.0.is_integer().then(|| self.0.to_integer().to_i64()).flatten()
    }

    /// The fraction behind the value.
    pub fn as_rational(&self) -> &BigRational {
        &self.0
    }

    /// `self × 10^decimals` rounded half away from zero to a whole number.
    fn scaled(&self, decimals: u32) -> BigInt {
        let below = self.0.denom();
        let twice: BigInt = self.0.numer().abs() * power_of_ten(decimals) * 2 + below;
        let rounded = twice.div_floor(&(below * BigInt::from(2)));
        if self.0.is_negative() { -rounded } else { rounded }
    }
}

fn power_of_ten(exponent: u32) -> BigInt {
    BigInt::from(10).pow(exponent)
}

impl fmt::Display for Exact {
    /// A whole number or `numerator/denominator`; it reads back with [`FromStr`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
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
        Ok(Exact(BigRational::new(unscaled, power_of_ten(part.len() as u32))))
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

macro_rules! operator {
    ($trait:ident, $method:ident) => {
        impl $trait for Exact {
            type Output = Exact;
            fn $method(self, other: Exact) -> Exact {
                Exact($trait::$method(self.0, other.0))
            }
        }
        impl $trait<&Exact> for &Exact {
            type Output = Exact;
            fn $method(self, other: &Exact) -> Exact {
                Exact($trait::$method(&self.0, &other.0))
            }
        }
        impl $trait<&Exact> for Exact {
            type Output = Exact;
            fn $method(self, other: &Exact) -> Exact {
                Exact($trait::$method(self.0, &other.0))
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);

impl AddAssign<&Exact> for Exact {
    fn add_assign(&mut self, other: &Exact) {
        self.0 += &other.0;
    }
}

impl AddAssign for Exact {
    fn add_assign(&mut self, other: Exact) {
        self.0 += other.0;
    }
}

impl SubAssign<&Exact> for Exact {
    fn sub_assign(&mut self, other: &Exact) {
        self.0 -= &other.0;
    }
}

impl Neg for Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        Exact(-self.0)
    }
}

impl Neg for &Exact {
    type Output = Exact;
    fn neg(self) -> Exact {
        Exact(-self.0.clone())
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

    proptest! {
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
