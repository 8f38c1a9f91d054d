//! How long to wait before trying again.

use std::time::Duration;

/// Exponential backoff with full jitter: each pause is drawn from 0 to a ceiling that doubles, so that the writers of a
/// fleet do not all come back in the same moment.
#[derive(Debug)]
pub(super) struct Backoff {
    ceiling: Duration,
}

const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(1);

impl Backoff {
    pub(super) fn new() -> Self {
        Self { ceiling: FIRST }
    }

    /// The next pause.
    pub(super) fn pause(&mut self) -> Duration {
        let pause = self.ceiling.mul_f64(rand::random());
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_limit() {
        let mut backoff = Backoff::new();
        for doubled in 0..20 {
            let ceiling = (FIRST * 2u32.pow(doubled.min(10))).min(LONGEST);
            assert!(backoff.pause() <= ceiling);
        }
        assert_eq!(backoff.ceiling, LONGEST);
    }
}
