//! What the docs of `Journal` say, as tests of any journal.
//!
//! ```text
//! macro_rules! tests {
//!     ($($name:ident)*) => { $(#[tokio::test] async fn $name() { conformance::$name(&place().await).await })* };
//! }
//! each_promise!(tests);
//! ```

mod claims;
mod ends;
mod letters;
mod resolving;
mod restart;
mod sweeps;
mod together;

use std::{sync::Arc, time::Duration};

use crossfade::{
    document::{Document, DocumentId, Version},
    error::Side,
    journal::{
        Carried, Claim, Deed, Duties, Duty, End, Entry, Intent, Journal, JournalOptions, Mark, Outcome, Seq, Settled,
        Status,
    },
    search::FilterInput,
    write::{Action, TaskId},
};
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::time::{Instant, sleep};

pub(crate) use {claims::*, ends::*, letters::*, resolving::*, restart::*, sweeps::*, together::*};

/// What journals are opened with here.
pub(crate) const OPTIONS: JournalOptions = JournalOptions { limbo: LIMBO };
pub(crate) const LIMBO: Duration = Duration::from_millis(300);
/// How long something that has to happen may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where a journal is kept. It is empty at first.
pub(crate) trait Place: Sync {
    /// Opens what is there as a process that starts does; the one from before has been killed, and its journal dropped.
    fn open(&self) -> BoxFuture<'_, Arc<dyn Journal>>;
}

/// Hands the names of all tests to a macro.
macro_rules! each_promise {
    ($run:ident) => {
        $run! {
            entries_come_back_as_they_were
            seqs_ascend_and_an_append_of_nothing_is_nothing
            a_dropped_append_is_all_or_nothing
            concurrent_appends_are_all_kept
            duties_follow_from_the_outcome
            nothing_is_to_be_done_while_the_authority_is_asked
            a_refused_entry_goes
            an_unknown_outcome_waits
            entries_no_longer_asked_are_told_and_stay
            a_mark_with_a_document_makes_a_put
            claims_are_oldest_first_and_limited
            a_claim_may_be_large
            claimed_entries_are_not_given_out_again
            a_document_is_with_one_claim_at_a_time
            one_claim_may_hold_several_of_a_document
            duties_are_claimed_apart
            reconcile_comes_after_all_other_duties
            concurrent_claims_share_nothing
            open_after_sees_later_entries
            carried_tells_how_far_documents_have_come
            index_carried_tells_how_far_all_of_it_has_come
            what_is_to_be_reconciled_of_a_document_is_given_out_together
            while_one_of_a_document_is_reconciled_none_is_given_out
            a_document_waits_for_the_last_that_is_put_off
            a_document_waits_for_the_last_that_is_unknown
            a_document_that_waits_holds_up_no_other
            the_limit_does_not_part_a_document
            what_was_given_out_with_others_is_not_given_out_again
            what_has_another_duty_is_not_part_of_it
            open_after_leaves_out_what_is_being_reconciled
            claims_are_those_of_the_journal_in_memory
            a_sweep_is_given_out_alone
            a_sweep_waits_for_older_duties
            a_sweep_waits_for_older_entries_being_asked
            entries_after_a_sweep_wait_for_it_on_pg
            sweeps_of_an_index_go_in_order
            done_ends_one_duty
            done_supersedes_earlier_entries_of_the_document
            supersedes_spares_what_it_must
            a_higher_version_is_not_superseded
            what_a_higher_version_will_come_over_is_to_be_reconciled
            then_adds_duties
            retry_comes_due_later
            retry_counts_attempts_if_asked_to
            what_failed_is_in_the_status
            settling_what_is_not_claimed_changes_nothing
            status_counts
            indexes_are_those_of_its_entries
            a_dead_letter_leaves_the_other_duties
            letters_are_listed_in_order
            letters_are_dropped
            letters_are_redriven_at_the_end
            a_restart_keeps_what_was_answered
            a_restart_ends_claims_and_waits
            a_restart_makes_asked_unknown
            a_restart_finds_what_was_noted
            a_restart_begins_limbo_anew
            a_restart_lets_what_was_left_to_be_reconciled_wait
            what_a_restart_lets_wait_is_not_given_out_with_something_new
            a_restart_forgets_ages
            highest_version_outlives_everything
        }
    };
}
pub(crate) use each_promise;

const INDEX: &str = "posts";

fn fields(text: &str) -> Document {
    json!({ "text": text }).as_object().unwrap().clone()
}

fn intent(id: &str, version: i64, deed: Deed) -> Intent {
    let id = DocumentId::from(id);
    Intent { index: INDEX.into(), id, version: Version(version), explicit: false, deed, authority: Side::Meili }
}

/// A put whose authority is Meilisearch: accepted, it has the duties meili and pg.
pub(crate) fn put(id: &str, version: i64) -> Intent {
    intent(id, version, Deed::Change(Action::Put(fields("put"))))
}

/// Accepted, it has the duty to reconcile.
fn resync(id: &str, version: i64) -> Intent {
    intent(id, version, Deed::Resync)
}

/// A sweep whose authority is PostgreSQL: accepted, it has the duty pg.
fn sweep(version: i64) -> Intent {
    let filter = FilterInput::Expression("year > 1990".into());
    Intent { authority: Side::Pg, ..intent("", version, Deed::Sweep(Some(filter))) }
}

fn elsewhere(intent: Intent) -> Intent {
    Intent { index: "users".into(), ..intent }
}

async fn append(journal: &dyn Journal, intent: Intent, outcome: Outcome) -> Seq {
    let seqs = journal.append(&[intent], outcome).await.unwrap();
    assert_eq!(seqs.len(), 1);
    seqs[0]
}

async fn accepted(journal: &dyn Journal, intent: Intent) -> Seq {
    append(journal, intent, Outcome::Accepted(None)).await
}

async fn resolve(journal: &dyn Journal, seq: Seq, outcome: Outcome) -> Vec<Seq> {
    journal.resolve(&[Mark { seq, outcome, document: None }]).await.unwrap()
}

async fn claim(journal: &dyn Journal, duty: Duty) -> Claim {
    journal.claim(duty, 100).await.unwrap()
}

/// The entries a claim finds now.
async fn claimed(journal: &dyn Journal, duty: Duty) -> Vec<Seq> {
    seqs(&claim(journal, duty).await.entries)
}

/// The entries a claim finds once it finds any.
async fn claimed_soon(journal: &dyn Journal, duty: Duty) -> Vec<Entry> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let claim = claim(journal, duty).await;
        if !claim.entries.is_empty() {
            return claim.entries;
        }
        assert!(Instant::now() < deadline, "nothing came due for {duty:?}");
        sleep(Duration::from_millis(5)).await;
    }
}

async fn settle(journal: &dyn Journal, duty: Duty, seq: Seq, end: End) {
    journal.settle(duty, &[Settled { seq, end }]).await.unwrap();
}

async fn done(journal: &dyn Journal, duty: Duty, seq: Seq) {
    settle(journal, duty, seq, End::Done { supersedes: false }).await;
}

async fn status(journal: &dyn Journal) -> Status {
    journal.status().await.unwrap()
}

/// How many entries there are, and how many are asked, and have each duty.
async fn counts(journal: &dyn Journal) -> [u64; 5] {
    let status = status(journal).await;
    [status.pending, status.asked, status.meili, status.pg, status.reconcile]
}

fn seqs(entries: &[Entry]) -> Vec<Seq> {
    entries.iter().map(|entry| entry.seq).collect()
}

fn duties(of: &[Duty]) -> Duties {
    of.iter().fold(Duties::NONE, |all, duty| all.and(Duties::from_bits(duty.bit())))
}

fn task(uid: u64) -> Outcome {
    Outcome::Accepted(Some(TaskId(uid)))
}
