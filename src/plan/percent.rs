//! Shares in percent, exact to four decimals, and the buckets they cut.

use std::{fmt, hash::Hasher, str::FromStr};

use siphasher::sip::SipHasher13;

/// A share from 0 to 100 %, in steps of 0.0001 %.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Percent(u32);

/// Text that is no share.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a share: give a number from 0 to 100 with at most four decimals")]
pub struct PercentError(pub String);

/// Buckets in all; one is 0.0001 %.
const BUCKETS: u32 = 1_000_000;

impl Percent {
    /// Nobody.
    pub const ZERO: Self = Self(0);
    /// Everybody.
    pub const HUNDRED: Self = Self(BUCKETS);

    /// A whole share; more than 100 is 100.
    pub const fn whole(percent: u32) -> Self {
        if percent >= 100 { Self::HUNDRED } else { Self(percent * (BUCKETS / 100)) }
    }

    /// The share as a number from 0 to 100.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) * 100.0 / f64::from(BUCKETS)
    }

    /// Whether a bucket lies within the share. A larger share covers all that a smaller one does.
    #[inline]
    pub fn covers(self, bucket: u32) -> bool {
        bucket < self.0
    }

    /// The bucket of a reader: the same on every replica, in every version of this crate, for one salt
    /// (SipHash-1-3 under a fixed key).
    pub fn bucket(salt: &str, reader: &str) -> u32 {
        let mut hasher = SipHasher13::new_with_keys(0x6372_6f73_7366_6164, 0x6520_7265_6164_6572);
        hasher.write(salt.as_bytes());
        hasher.write_u8(0xff);
        hasher.write(reader.as_bytes());
        Self::bucket_of(hasher.finish())
    }

    /// The bucket of 64 uniform random bits.
    #[inline]
    pub fn bucket_of(bits: u64) -> u32 {
        // The high half scaled to the buckets: no modulo bias worth the name, no division.
        (((bits >> 32) * u64::from(BUCKETS)) >> 32) as u32
    }
}

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let refuse = || PercentError(text.to_owned());
        let trimmed = text.trim();
        let (whole, decimals) = trimmed.split_once('.').unwrap_or((trimmed, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || decimals.len() > 4 || !digits(whole) || !digits(decimals) {
            return Err(refuse());
        }
        let whole: u32 = whole.parse().map_err(|_| refuse())?;
        let decimals: u32 = format!("{decimals:0<4}").parse().map_err(|_| refuse())?;
        match whole * 10_000 + decimals {
            parts if parts <= BUCKETS => Ok(Self(parts)),
            _ => Err(refuse()),
        }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0 / 10_000, self.0 % 10_000);
        if decimals == 0 {
            return write!(f, "{whole}");
        }
        f.write_str(format!("{whole}.{decimals:04}").trim_end_matches('0'))
    }
}

impl fmt::Debug for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} %")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn refuses_what_is_no_share() {
        for text in ["", "-1", "101", "100.0001", "1e2", "NaN", "5%", "0.00001", "1.2.3", ".5", "+5"] {
            assert!(text.parse::<Percent>().is_err(), "{text:?} was taken");
        }
    }

    proptest! {
        #[test]
        fn text_round_trips(parts in 0..=BUCKETS) {
            let share = Percent(parts);
            prop_assert_eq!(share.to_string().parse::<Percent>(), Ok(share));
        }

        #[test]
        fn raising_only_adds_readers(a in 0..=BUCKETS, b in 0..=BUCKETS, reader in ".*") {
            let bucket = Percent::bucket("salt", &reader);
            prop_assert!(bucket < BUCKETS);
            let (low, high) = (Percent(a.min(b)), Percent(a.max(b)));
            prop_assert!(!low.covers(bucket) || high.covers(bucket));
        }
    }

    #[test]
    fn buckets_are_spread_evenly() {
        let share = Percent::whole(25);
        let inside = (0..40_000).filter(|n| share.covers(Percent::bucket("s", &format!("user{n}")))).count();
        // Four standard deviations of a binomial(40 000, 0.25).
        assert!((inside as i64 - 10_000).abs() < 350, "{inside} of 40000");
    }
}
