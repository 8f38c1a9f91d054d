//! Watches how PostgreSQL answers readers, and sends them back to Meilisearch when it does not.
//!
//! While reads go to PostgreSQL (`canary`, `target_primary`) a [`GuardTask`] looks at the [`Tally`] of this process, window
//! by window. A window is bad when too many reads failed ([`Figure::Errors`]), when too many were not answered by
//! PostgreSQL at all, the breaker's included ([`Figure::Fallbacks`]), or when too many took too long
//! ([`Figure::Latency`]). After so many bad windows in a row as the [policy](GuardPolicy) says, it
//! [latches](crate::plan::PlanHandle::latch) the plan: from the next request on Meilisearch answers, without asking
//! anybody, so also while PostgreSQL is gone. The flag table is told as soon as it can be, and then every replica follows.
//! Only a person brings reads forward again.
//!
//! - **One good window begins the count anew**, one that is neither good nor bad does not: a window with too few reads is
//!   extended by the next one until there are enough. A canary of few readers is guarded too, only more slowly.
//! - **A breaker is not a guard.** The breaker spares readers the wait while PostgreSQL is down, and tries again and again
//!   by itself; the guard ends the attempt.
//! - **In `target_only` it can do nothing**: Meilisearch has missed writes. That it would have is counted and logged.
//! - Each process judges by its own reads, so that one with a broken network rolls all back. That is meant: rolling back
//!   costs little, and a person looks.
//!
//! What is decided is [`Guard`], which knows neither time nor plan:
//!
//! ```
//! use crossfade::{guard::{Figure, Guard, GuardPolicy, Seen}, tally::Counts};
//!
//! let mut guard = Guard::new(GuardPolicy::default());
//! let bad = Counts { answered: 80, failed: 20, ..Counts::default() };
//! assert_eq!(guard.see(&bad), Seen::Bad);
//! assert_eq!(guard.see(&bad), Seen::Bad);
//! let Seen::Breach(breach) = guard.see(&bad) else { panic!() };
//! assert_eq!(breach.figure, Figure::Errors);
//! assert_eq!(
//!     breach.to_string(),
//!     "errors: 20.0 % of 100 reads that pg was asked failed in the last of 3 windows of 10 s, and at most 5.0 % may"
//! );
//! ```
//!
//! [`Tally`]: crate::tally::Tally

mod breach;
mod judge;
mod policy;
mod task;

pub use self::{
    breach::{Breach, Figure},
    judge::{Guard, Seen},
    policy::{GuardPolicy, GuardPolicyError},
    task::GuardTask,
};
