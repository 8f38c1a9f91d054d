//! A sampled read on its way to the worker, and how it is asked and compared there.

use std::time::Duration;

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    sync::OwnedSemaphorePermit,
    task::yield_now,
    time::{Instant, timeout},
};

use super::{Outcome, StoredRequest, noise, ticket::Ticket, worker::Sides};
use crate::{
    backend::ask,
    codec::{Codec, CodecError, Observation, Observed},
    document::DocumentId,
    error::BackendErrorKind,
    relevance,
    search::{QueryClass, SearchQuery},
};

/// A sampled read. What the codec kept is behind one box, so that one worker serves routes of every kind.
pub(super) struct Job {
    pub(super) ticket: Ticket,
    pub(super) sent: Instant,
    pub(super) kept: Box<dyn Kept>,
}

/// What was kept of a read, undecoded.
pub(super) trait Kept: Send {
    /// The query; called once.
    fn query(&mut self) -> Result<SearchQuery, CodecError>;

    /// The primary's ids and latency, once it has answered.
    fn primary(self: Box<Self>) -> BoxFuture<'static, (Observed<Vec<DocumentId>>, Duration)>;
}

/// [`Kept`] by a codec.
pub(super) struct KeptBy<C, Q, A> {
    pub(super) codec: C,
    pub(super) question: Option<Q>,
    pub(super) answer: Observation<A>,
    /// Ties the codec to its request and response types.
    pub(super) decode: fn(&C, Q) -> Result<SearchQuery, CodecError>,
    pub(super) ids: fn(&C, A) -> Result<Vec<DocumentId>, CodecError>,
}

/// How long each leg of a pair may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadlines {
    pub(super) shadow: Duration,
    pub(super) primary: Duration,
}

impl<C, Q, A> KeptBy<C, Q, A> {
    pub(super) fn new<Req, Res>(codec: C, question: Q, answer: Observation<A>) -> Self
    where
        C: Codec<Req, Res, Question = Q, Answer = A>,
    {
        Self { codec, question: Some(question), answer, decode: C::decode, ids: C::ids }
    }
}

impl<C, Q, A> Kept for KeptBy<C, Q, A>
where
    C: Send + 'static,
    Q: Send + 'static,
    A: Send + 'static,
{
    fn query(&mut self) -> Result<SearchQuery, CodecError> {
        match self.question.take() {
            Some(question) => (self.decode)(&self.codec, question),
            None => Err(CodecError::Malformed("the question was read before".into())),
        }
    }

    fn primary(self: Box<Self>) -> BoxFuture<'static, (Observed<Vec<DocumentId>>, Duration)> {
        async move {
            let (observed, latency) = self.answer.wait().await;
            // Parsing comes after whatever else became ready with this answer: mostly requests that users wait for.
            yield_now().await;
            let observed = match observed {
                Observed::Answered(answer) => match (self.ids)(&self.codec, answer) {
                    Ok(ids) => Observed::Answered(ids),
                    Err(error) => Observed::Unreadable(error),
                },
                Observed::Failed => Observed::Failed,
                Observed::Unreadable(error) => Observed::Unreadable(error),
                Observed::Cancelled => Observed::Cancelled,
            };
            (observed, latency)
        }
        .boxed()
    }
}

impl Job {
    /// Drops a pair that has waited so long that its sides would not be asked at the same time.
    pub(super) fn unless_late(self, max_wait: Duration) -> Option<Self> {
        if self.sent.elapsed() <= max_wait {
            return Some(self);
        }
        self.ticket.resolve(Outcome::DroppedLate, "");
        None
    }

    /// Asks the other side, and Meilisearch once more if it is to be asked `twice`; waits for the primary, compares and
    /// records. The place is held until all have answered.
    pub(super) async fn run(self, place: OwnedSemaphorePermit, sides: Sides, deadlines: Deadlines, twice: bool) {
        let Self { mut ticket, sent, mut kept } = self;
        let query = match kept.query() {
            Ok(query) => query,
            Err(error) => return ticket.resolve(unread(&error), ""),
        };
        let mut other = None;
        ticket.note(|record| {
            record.user = query.user.clone().unwrap_or_default();
            record.query = normalize(&query.text);
            record.classes = QueryClass::of(&query);
            record.request = Some(StoredRequest::of(&query));
            record.offset = query.page.offset();
            record.limit = query.page.limit();
            other = Some(record.primary.other());
        });
        let Some(other) = other else { return };

        let shadow = async {
            let started = Instant::now();
            (ask(sides.get(other), &query, deadlines.shadow).await, started.elapsed())
        };
        let again = async {
            if !twice {
                return None;
            }
            noise::ask_again(&sides, &query, deadlines.shadow).await
        };
        let primary = timeout(deadlines.primary, kept.primary());
        let ((shadow, shadow_latency), primary, again) = tokio::join!(shadow, primary, again);
        drop(place);
        // As above.
        yield_now().await;
        // Asked when all have answered, about all the time since the read came in.
        let settled = sides.settled(&query, sent).await;

        ticket.note(|record| {
            record.settled = settled;
            if let Ok(hits) = &shadow {
                record.leg_mut(other).ids = Some(hits.ids());
                record.leg_mut(other).latency = Some(shadow_latency);
            }
            if let Ok((Observed::Answered(ids), latency)) = &primary {
                record.leg_mut(other.other()).ids = Some(ids.clone());
                record.leg_mut(other.other()).latency = Some(*latency);
            }
        });
        // The primary's failure is named first: without its answer the other side's says nothing.
        match primary {
            Err(_elapsed) => ticket.resolve(Outcome::PrimaryError, BackendErrorKind::Timeout.as_str()),
            Ok((Observed::Failed, _)) => ticket.resolve(Outcome::PrimaryError, ""),
            Ok((Observed::Cancelled, _)) => ticket.resolve(Outcome::DroppedCancelled, ""),
            Ok((Observed::Unreadable(error), _)) => ticket.resolve(unread(&error), ""),
            Ok((Observed::Answered(_), _)) => match shadow {
                Ok(_) => {
                    ticket.note(|record| {
                        if let (Some(meili), Some(pg)) = (&record.meili.ids, &record.pg.ids) {
                            record.overlap_at_10 = Some(relevance::overlap_at_k(meili, pg, 10));
                            record.noise_overlap_at_10 = again.map(|again| relevance::overlap_at_k(meili, &again, 10));
                        }
                    });
                    ticket.resolve(Outcome::Compared, "");
                }
                Err(error) if error.kind() == BackendErrorKind::Timeout => {
                    ticket.resolve(Outcome::ShadowTimeout, error.kind().as_str());
                }
                Err(error) => {
                    tracing::debug!(%error, "shadow read failed");
                    ticket.resolve(Outcome::ShadowError, error.kind().as_str());
                }
            },
        }
    }
}

pub(super) fn unread(error: &CodecError) -> Outcome {
    match error {
        CodecError::TooLarge => Outcome::DroppedBodyTooLarge,
        CodecError::Broken => Outcome::DroppedCancelled,
        CodecError::Malformed(_) | CodecError::NotOurs => Outcome::DroppedUndecodable,
        CodecError::Unsupported(_) | CodecError::Forbidden => Outcome::DroppedUnsupported,
    }
}

/// The form under which queries are counted as the same: trimmed, white space folded, lowercased.
fn normalize(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !normal.is_empty() {
            normal.push(' ');
        }
        normal.extend(word.chars().flat_map(char::to_lowercase));
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_folded() {
        assert_eq!(normalize("  The\t HANGOVER \u{3000}Ⅱ "), "the hangover ⅱ");
        assert_eq!(normalize(" "), "");
    }
}
