//! What looks like chance and is not: the same seed throws the same.

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use uuid::Uuid;

/// Which rows a throw is for. Each kind of row has dice of its own, so that more of one changes no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Of {
    /// Products and what arranges them.
    Product = 1,
    /// Variants.
    Variant,
    /// Categories.
    Category,
    /// Pages of the site.
    Page,
    /// Their sections.
    Section,
    /// Articles.
    Post,
    /// What is new.
    Entry,
    /// Mails to be used again.
    Template,
    /// Mailings.
    Campaign,
    /// Steps of the loyalty programme.
    Tier,
    /// Customers.
    Customer,
    /// Orders.
    Order,
    /// Deposits.
    Deposit,
    /// Quotes.
    Quote,
    /// Enrollments.
    Enrollment,
    /// References at Stripe.
    StripeCustomer,
    /// Subscriptions.
    Subscription,
    /// Reviews.
    Review,
    /// Lines of the loyalty ledger.
    Line,
    /// Codes.
    Code,
    /// Places on waitlists.
    Place,
    /// Mails of a campaign.
    Recipient,
    /// Who wants the blog.
    Subscriber,
    /// Decisions.
    Consent,
    /// Views.
    View,
}

/// The id of a row: 5eed, the seed, the kind, the number. A valid UUID (version 8) that no generator of chance makes,
/// ascending as the rows do, so that indexes are filled from one end.
pub fn id_of(seed: u32, of: Of, number: u64) -> Uuid {
    let high = (0x5eed_u64 << 48) | (u64::from(seed) << 16) | 0x8000 | u64::from(of as u8);
    Uuid::from_u64_pair(high, (0x8000_u64 << 48) | (number & 0xffff_ffff_ffff))
}

/// The first and the last id that any seed can give.
pub fn all_ids() -> (Uuid, Uuid) {
    (Uuid::from_u64_pair(0x5eed << 48, 0), Uuid::from_u64_pair((0x5eed << 48) | 0xffff_ffff_ffff, u64::MAX))
}

/// Seeded dice.
#[derive(Debug)]
pub struct Dice(Rng);

impl Dice {
    /// The dice of one row, or of one batch of rows.
    pub fn of(seed: u32, of: Of, number: u64) -> Self {
        // Neighbours in seed and number must not be neighbours in what they throw.
        let mut state = (u64::from(seed) << 32) ^ (u64::from(of as u8) << 56) ^ number;
        for _ in 0..2 {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            state ^= state >> 31;
        }
        Self(Rng::with_seed(state))
    }

    /// True in so many of a hundred cases.
    pub fn chance(&mut self, percent: f64) -> bool {
        self.0.f64() * 100.0 < percent
    }

    /// From 0 to below 1.
    pub fn share(&mut self) -> f64 {
        self.0.f64()
    }

    /// From `from` to `to`, both included.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        self.0.i64(from..=to.max(from))
    }

    /// One of them.
    pub fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.0.usize(..of.len())]
    }

    /// One of them, each as likely as its weight says.
    pub fn weighed<T: Copy>(&mut self, of: &[(T, u32)]) -> T {
        let mut left = self.0.u32(..of.iter().map(|(_, weight)| weight).sum::<u32>());
        for (value, weight) in of {
            if left < *weight {
                return *value;
            }
            left -= weight;
        }
        of[0].0
    }

    /// A place in `0..count`; low ones are far more likely: best-sellers.
    pub fn favoured(&mut self, count: usize) -> usize {
        let share = self.0.f64();
        // Below 2^53, and not negative.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = (share * share * count as f64) as usize;
        place.min(count.saturating_sub(1))
    }

    /// As [`Dice::favoured`], but milder: regulars come often, and hardly anybody never.
    pub fn regular(&mut self, count: usize) -> usize {
        let share = self.0.f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = (share * share.sqrt() * count as f64) as usize;
        place.min(count.saturating_sub(1))
    }

    /// An amount in minor units: most are around `middle`, some far above. `spread` of 0.8 is a shop's.
    pub fn amount(&mut self, middle: f64, spread: f64) -> i64 {
        let (a, b) = (1.0 - self.0.f64(), self.0.f64());
        let normal = (-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos();
        // At most e^(6 * spread) times the middle.
        #[expect(clippy::cast_possible_truncation)]
        let amount = (middle * (normal.clamp(-6.0, 6.0) * spread).exp()) as i64;
        amount.max(100)
    }

    /// A point in time after `after`, by `from` to `to` minutes, and not after `until`.
    pub fn later(&mut self, after: DateTime<Utc>, from: i64, to: i64, until: DateTime<Utc>) -> DateTime<Utc> {
        let seconds = self.between(from * 60, to * 60);
        (after + TimeDelta::seconds(seconds)).min(until).max(after.min(until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_throws_the_same_and_another_does_not() {
        let throws = |seed, number| {
            let mut dice = Dice::of(seed, Of::Order, number);
            (0..8).map(|_| dice.between(0, 1_000_000)).collect::<Vec<_>>()
        };
        assert_eq!(throws(1, 7), throws(1, 7));
        assert_ne!(throws(1, 7), throws(2, 7));
        assert_ne!(throws(1, 7), throws(1, 8));
    }

    #[test]
    fn ids_ascend_and_lie_within_their_bounds() {
        let (first, last) = all_ids();
        for seed in [0, 1, u32::MAX] {
            let ids =
                [id_of(seed, Of::Order, 0), id_of(seed, Of::Order, 1 << 30), id_of(seed, Of::Deposit, 0)];
            assert!(first < ids[0] && ids.is_sorted_by(|a, b| (a < b) || *b == ids[2]) && ids[1] < last);
            assert_eq!((ids[0].get_version_num(), ids[0].get_variant()), (8, uuid::Variant::RFC4122));
        }
    }
}
