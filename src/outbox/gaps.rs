//! Which rows may be taken already.
//!
//! A number is drawn before its row is committed: row 8 may be there while 7 is still under way. So a number that is
//! missing is passed only when it can no longer appear. Rows without a gap before them are taken at once. When there is a gap,
//! the transactions are listed that have drawn numbers and not ended; one of them may hold the missing number, and no
//! later one can, because numbers are given out in order and one beyond the gap was seen. When all of those have ended, what is
//! missing up to there was rolled back. The rows beyond the gap wait until then.
//!
//! The transactions are told by the lock that `nextval` takes on the sequence. Transaction ids would not do: a transaction
//! that has drawn a number and written nothing yet has none, and is in no snapshot.

use std::collections::BTreeSet;

/// A transaction that has drawn a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Transaction {
    /// Unlike any other that was or will be, while the server runs.
    pub(super) id: String,
    /// Prepared to be committed in two phases: it then goes by another name than before.
    pub(super) prepared: bool,
}

/// What a consumer knows of the gaps before it. Nothing of it has to be kept over a restart.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    /// No row up to here can appear any more.
    settled: i64,
    waiting: Option<Waiting>,
}

/// Transactions whose end settles everything up to a number.
#[derive(Debug)]
pub(super) struct Waiting {
    upto: i64,
    on: BTreeSet<Transaction>,
}

impl Gaps {
    /// How many of these rows, which come after `cursor` in order, may be taken.
    pub(super) fn passable(&self, cursor: i64, seqs: impl Iterator<Item = i64>) -> usize {
        let mut last = cursor;
        seqs.take_while(|seq| {
            let passable = *seq <= self.settled || last.checked_add(1) == Some(*seq);
            last = *seq;
            passable
        })
        .count()
    }

    /// Whether some transactions are waited for.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// A row with this number was seen, and after that these transactions.
    pub(super) fn seen(&mut self, seq: i64, holders: Vec<Transaction>) {
        self.waiting = Some(Waiting::new(seq, holders));
        self.settle();
    }

    /// These transactions are there now. What was not there when it was read before may be there when it is read after this.
    pub(super) fn look(&mut self, holders: &[Transaction]) {
        if let Some(waiting) = &mut self.waiting {
            waiting.look(holders);
        }
        self.settle();
    }

    fn settle(&mut self) {
        if let Some(settled) = self.waiting.as_ref().and_then(Waiting::over) {
            self.settled = self.settled.max(settled);
            self.waiting = None;
        }
    }
}

impl Waiting {
    /// For these transactions, seen after a row with this number.
    pub(super) fn new(upto: i64, holders: Vec<Transaction>) -> Self {
        Self { upto, on: holders.into_iter().collect() }
    }

    /// Takes those away that are gone.
    pub(super) fn look(&mut self, holders: &[Transaction]) {
        let before = self.on.iter().filter(|one| !one.prepared).count();
        self.on.retain(|one| holders.contains(one));
        if self.on.iter().filter(|one| !one.prepared).count() < before {
            // It may not have ended but been prepared: any of those may be it.
            self.on.extend(holders.iter().filter(|one| one.prepared).cloned());
        }
    }

    /// Whether this one is waited for.
    pub(super) fn is_on(&self, one: &Transaction) -> bool {
        self.on.contains(one)
    }

    /// The number up to which all is settled, if it is.
    pub(super) fn over(&self) -> Option<i64> {
        self.on.is_empty().then_some(self.upto)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ids: &[&str]) -> Vec<Transaction> {
        let one = |id: &&str| Transaction { id: (*id).to_owned(), prepared: id.starts_with("-1/") };
        ids.iter().map(one).collect()
    }

    fn passable(gaps: &Gaps, cursor: i64, seqs: &[i64]) -> usize {
        gaps.passable(cursor, seqs.iter().copied())
    }

    #[test]
    fn rows_without_a_gap_pass_at_once_and_those_beyond_one_wait() {
        let gaps = Gaps::default();
        assert_eq!(passable(&gaps, 4, &[5, 6, 8, 9]), 2);
        assert_eq!(passable(&gaps, 4, &[6]), 0);
        assert_eq!(passable(&gaps, i64::MAX, &[]), 0);
    }

    #[test]
    fn a_gap_is_passed_when_all_that_may_fill_it_have_ended() {
        let mut gaps = Gaps::default();
        gaps.seen(9, of(&["3/7", "4/1"]));
        gaps.look(&of(&["4/1", "3/8"]));
        assert_eq!(passable(&gaps, 4, &[6, 9, 11]), 0);
        gaps.look(&of(&["3/8", "4/2"]));
        assert!(!gaps.is_waiting());
        // Not further than what was seen: 10 may be with one that began since.
        assert_eq!(passable(&gaps, 4, &[6, 9, 11]), 2);
    }

    #[test]
    fn a_gap_that_nobody_can_fill_is_passed_at_once() {
        let mut gaps = Gaps::default();
        gaps.seen(9, Vec::new());
        assert_eq!(passable(&gaps, 4, &[6, 9]), 2);
    }

    #[test]
    fn a_transaction_that_is_prepared_is_still_waited_for() {
        let mut gaps = Gaps::default();
        gaps.seen(9, of(&["3/7", "-1/700"]));
        gaps.look(&of(&["-1/700", "-1/701"]));
        assert!(gaps.is_waiting());
        // It was there already, or has come since; which of the two cannot be told.
        gaps.look(&of(&["-1/701", "-1/702"]));
        assert!(gaps.is_waiting());
        gaps.look(&of(&["-1/702"]));
        assert!(!gaps.is_waiting(), "waits for one that came later");
    }
}
