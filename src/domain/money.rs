//! Money: whole minor units (cents) and a currency. Never a float.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An amount in the currency's minor unit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: 25000 is 250.00 where the currency has two decimals.
    pub amount_minor: i64,
    /// ISO 4217, upper case.
    pub currency: String,
}

/// Why a text is not an amount of money.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an amount: write digits with at most two decimals, such as 250.00")]
pub struct NotMoney(pub String);

impl Money {
    /// `percent` of the amount, rounded up to the next minor unit. `None` when it leaves the range.
    pub fn share_rounded_up(&self, percent: u8) -> Option<Self> {
        let share = (i128::from(self.amount_minor) * i128::from(percent) + 99).div_euclid(100);
        Some(Self { amount_minor: i64::try_from(share).ok()?, currency: self.currency.clone() })
    }

    /// Reads `250`, `250.5` or `250.00` as minor units of a currency with two decimals.
    ///
    /// # Errors
    /// [`NotMoney`] for anything else, negative amounts and more than two decimals included.
    pub fn minor_from_decimal(text: &str) -> Result<i64, NotMoney> {
        let fault = || NotMoney(text.to_owned());
        let (whole, cents) = text.split_once('.').unwrap_or((text, "00"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(cents) || cents.len() > 2 {
            return Err(fault());
        }
        let cents: i64 = format!("{cents:0<2}").parse().map_err(|_| fault())?;
        let whole: i64 = whole.parse().map_err(|_| fault())?;
        whole.checked_mul(100).and_then(|minor| minor.checked_add(cents)).ok_or_else(fault)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.amount_minor < 0 { "-" } else { "" };
        let minor = self.amount_minor.unsigned_abs();
        write!(f, "{sign}{}.{:02} {}", minor / 100, minor % 100, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_an_odd_amount_is_rounded_up() {
        let total = Money { amount_minor: 24_999, currency: "EUR".into() };
        assert_eq!(total.share_rounded_up(50).map(|m| m.amount_minor), Some(12_500));
        let most = Money { amount_minor: i64::MAX, currency: "EUR".into() };
        assert_eq!(most.share_rounded_up(200), None);
    }

    #[test]
    fn decimals_are_read_exactly() {
        assert_eq!(Money::minor_from_decimal("250.00"), Ok(25_000));
        assert_eq!(Money::minor_from_decimal("250.5"), Ok(25_050));
        assert_eq!(Money::minor_from_decimal("0.07"), Ok(7));
        for bad in ["", "-1", "1.234", "1,50", "1.", ".5", "1e3", "99999999999999999999"] {
            assert!(Money::minor_from_decimal(bad).is_err(), "{bad}");
        }
    }
}
