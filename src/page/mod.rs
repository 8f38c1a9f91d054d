//! The report as one page for people: where a migration stands, and what speaks for the next step.
//!
//! [`Page`] takes an [`Overview`] and what else is known, and makes one HTML document that needs nothing else: no script, no
//! font, no request. Its policy forbids everything but its own style. Whatever came from outside (queries, ids, names,
//! reasons) is escaped, and cut off where it is long.
//!
//! ```no_run
//! # async fn example(store: crossfade::store::Store) -> Result<(), Box<dyn std::error::Error>> {
//! use crossfade::{page::Page, store::{Overview, ReportOptions}};
//!
//! let yesterday = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(24);
//! let overview = Overview::compute(&store, yesterday, &ReportOptions::default()).await?;
//! let html = Page::new(overview).render()?;
//! # Ok(()) }
//! ```

mod decided;
mod format;
mod input;
mod part;
mod plot;

use crate::{backfill::Job, store::Overview};

pub use input::{ClassRow, DriftSeen, Noise, VerdictRow, VerdictTable};

pub use crate::gates::Verdict;
pub use plot::PlotError;

/// A page in the making. What is not given is shown as not known.
#[derive(Clone, Debug)]
pub struct Page {
    overview: Overview,
    endpoint: Option<String>,
    jobs: Option<Vec<Job>>,
    verdicts: Option<VerdictTable>,
    classes: Vec<ClassRow>,
    noise: Option<Noise>,
    drift: Option<Vec<DriftSeen>>,
}

impl Page {
    /// A page about what the control tables say.
    pub fn new(overview: Overview) -> Self {
        Self { overview, endpoint: None, jobs: None, verdicts: None, classes: Vec::new(), noise: None, drift: None }
    }

    /// The endpoint that the overview is restricted to.
    #[must_use]
    pub fn endpoint(self, endpoint: Option<String>) -> Self {
        Self { endpoint, ..self }
    }

    /// The backfills, oldest first.
    #[must_use]
    pub fn jobs(self, jobs: Vec<Job>) -> Self {
        Self { jobs: Some(jobs), ..self }
    }

    /// What the gates say.
    #[must_use]
    pub fn verdicts(self, verdicts: VerdictTable) -> Self {
        Self { verdicts: Some(verdicts), ..self }
    }

    /// The quality of each class of queries, in the order to show them in.
    #[must_use]
    pub fn classes(self, classes: Vec<ClassRow>) -> Self {
        Self { classes, ..self }
    }

    /// How much the source agrees with itself.
    #[must_use]
    pub fn noise(self, noise: Noise) -> Self {
        Self { noise: Some(noise), ..self }
    }

    /// What the last drift checks found; one an index. Empty: there was none.
    #[must_use]
    pub fn drift(self, checks: Vec<DriftSeen>) -> Self {
        Self { drift: Some(checks), ..self }
    }

    /// The HTML document.
    ///
    /// # Errors
    /// When a plot cannot be drawn, whatever the reason.
    pub fn render(&self) -> Result<String, PlotError> {
        part::document(self)
    }
}
