//! Asking a side.

use std::time::Duration;

use tokio::time::Instant;

use super::{Answer, EvalError, EvalQuery};
use crate::{
    backend::{SearchBackend, ask},
    error::{BackendError, BackendErrorKind},
};

/// Asks a side every query, one after the other: what a single reader sees on a side that does nothing else.
pub struct Run<'a> {
    backend: &'a dyn SearchBackend,
    warm_up: usize,
    deadline: Duration,
}

impl<'a> Run<'a> {
    /// Asks this side, after a warm-up of 50 queries, with a deadline of 30 s: a slow answer shows as a latency then,
    /// not as a query that failed.
    pub fn new(backend: &'a dyn SearchBackend) -> Self {
        Self { backend, warm_up: 50, deadline: Duration::from_secs(30) }
    }

    /// How many of the first queries are asked once before, and not measured.
    #[must_use]
    pub fn warm_up(mut self, queries: usize) -> Self {
        self.warm_up = queries;
        self
    }

    /// How long a query may take before it has failed.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The answers in the order of the queries; `tell` hears after each how many are done, those of the warm-up
    /// included. A query that fails has an answer that says why.
    ///
    /// Fails only if the side answered no query at all because it is away or lets nobody in.
    pub async fn ask(&self, queries: &[EvalQuery], mut tell: impl FnMut(usize)) -> Result<Vec<Answer>, EvalError> {
        let warm_up = &queries[..self.warm_up.min(queries.len())];
        for (done, query) in (1..).zip(warm_up) {
            let _unmeasured = ask(self.backend, &query.search, self.deadline).await;
            tell(done);
        }
        let (mut answers, mut last) = (Vec::with_capacity(queries.len()), None);
        for query in queries {
            let began = Instant::now();
            let answer = ask(self.backend, &query.search, self.deadline).await;
            let millis = began.elapsed().as_secs_f64() * 1e3;
            answers.push(Answer::of(answer.as_ref(), millis));
            tell(warm_up.len() + answers.len());
            last = answer.err();
        }
        match last {
            Some(error) if is_away(&error) && answers.iter().all(|answer| answer.error.is_some()) => Err(error.into()),
            _ => Ok(answers),
        }
    }
}

fn is_away(error: &BackendError) -> bool {
    use BackendErrorKind::{IndexNotFound, Unauthorized, Unavailable};
    matches!(error.kind(), Unavailable | Unauthorized | IndexNotFound)
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { backend, warm_up, deadline } = self;
        let (side, index) = (backend.side(), backend.index());
        f.debug_struct("Run")
            .field("side", &side)
            .field("index", &index)
            .field("warm_up", warm_up)
            .field("deadline", deadline)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::BoxFuture;

    use super::*;
    use crate::{
        error::Side,
        search::{Hit, SearchHits, SearchQuery},
    };

    /// Answers with the text as the id, in 40 ms; fails on the words it is told to.
    struct Echo {
        fails_on: &'static str,
        kind: BackendErrorKind,
        asked: AtomicUsize,
    }

    impl Echo {
        fn new(fails_on: &'static str, kind: BackendErrorKind) -> Self {
            Self { fails_on, kind, asked: AtomicUsize::new(0) }
        }
    }

    impl SearchBackend for Echo {
        fn side(&self) -> Side {
            Side::Pg
        }

        fn search<'a>(&'a self, query: &'a SearchQuery) -> BoxFuture<'a, Result<SearchHits, BackendError>> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            Box::pin(async move {
                tokio::time::sleep(Duration::from_millis(40)).await;
                if self.fails_on.contains(&query.text) {
                    return Err(BackendError::new(Side::Pg, self.kind, "doing as told"));
                }
                let hit = Hit::new(query.text.as_str(), crate::document::Document::new());
                Ok(SearchHits::new([hit], 7))
            })
        }
    }

    fn queries(texts: &str) -> Vec<EvalQuery> {
        let query = |text: &str| EvalQuery::new(format!("q{text}"), None, text);
        texts.split(' ').map(query).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn every_query_has_an_answer_and_its_own_time() {
        let echo = Echo::new("b", BackendErrorKind::Unavailable);
        let mut told = Vec::new();
        let run = Run::new(&echo).warm_up(2);
        let answers = run.ask(&queries("a b c"), |done| told.push(done)).await.unwrap();
        assert_eq!((told, echo.asked.load(Ordering::SeqCst)), (vec![1, 2, 3, 4, 5], 5));
        assert_eq!((&answers[0].ids, answers[0].total, answers[0].millis), (&vec!["a".into()], Some(7), Some(40.0)));
        assert!(answers[1].ids.is_empty() && answers[1].millis == Some(40.0) && answers[1].total.is_none());
        assert!(answers[1].error.as_ref().unwrap().contains("pg failed (unavailable)"), "{:?}", answers[1].error);
    }

    #[tokio::test(start_paused = true)]
    async fn what_takes_too_long_has_failed() {
        let echo = Echo::new("", BackendErrorKind::Internal);
        let run = Run::new(&echo).warm_up(0).deadline(Duration::from_millis(10));
        let answers = run.ask(&queries("a"), |_| ()).await.unwrap();
        assert!(answers[0].error.as_ref().unwrap().contains("timeout"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_side_that_is_away_is_no_measurement() {
        let asked = queries("a b");
        assert!(Run::new(&Echo::new("a b", BackendErrorKind::Unavailable)).ask(&asked, |_| ()).await.is_err());
        let refused = Run::new(&Echo::new("a b", BackendErrorKind::Unsupported)).ask(&asked, |_| ()).await.unwrap();
        assert!(refused.iter().all(|answer| answer.error.is_some()));
    }
}
