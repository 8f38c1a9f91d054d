//! Since when nothing has been under way, index by index: a busy index says nothing of its neighbours.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

/// More indexes than this are not told apart once they are quiet: their names come from requests.
const MOST_INDEXES: usize = 1_000;

#[derive(Debug, Default)]
pub(super) struct Quiet(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// For indexes of which nothing else is known; `None`: nothing is known of any.
    others: Option<Instant>,
    indexes: BTreeMap<Arc<str>, Index>,
}

#[derive(Debug)]
struct Index {
    /// Writes that are being made, and when the last of them began or ended.
    under_way: usize,
    moved: Option<Instant>,
    /// Since when nothing is under way and the journal holds nothing.
    since: Option<Instant>,
}

/// What the journal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// Entries of these indexes, and of no others.
    Of(Vec<Arc<str>>),
    /// Entries of any.
    Something,
}

impl Quiet {
    /// A write of this index begins.
    pub(super) fn begin(&self, index: &Arc<str>) {
        let mut known = self.known();
        let of = known.indexes.entry(index.clone()).or_insert(Index::BUSY);
        (of.under_way, of.moved, of.since) = (of.under_way + 1, Some(Instant::now()), None);
    }

    /// It has ended: what is left of it is in the journal.
    pub(super) fn end(&self, index: &str) {
        if let Some(of) = self.known().indexes.get_mut(index) {
            (of.under_way, of.moved) = (of.under_way.saturating_sub(1), Some(Instant::now()));
        }
    }

    /// What the journal was found to hold by a look that began then.
    pub(super) fn looked(&self, began: Instant, holds: &Holds) {
        let mut known = self.known();
        let Holds::Of(held) = holds else {
            known.others = None;
            return known.indexes.values_mut().for_each(|of| of.since = None);
        };
        let now = Instant::now();
        known.others.get_or_insert(now);
        for index in held {
            known.indexes.entry(index.clone()).or_insert(Index::BUSY).since = None;
        }
        for (index, of) in &mut known.indexes {
            // What has moved since may have come into the journal after it was looked at.
            let rests = of.under_way == 0 && of.moved.is_none_or(|moved| moved < began);
            if rests && !held.contains(index) {
                of.since.get_or_insert(now);
            }
        }
        known.forget();
    }

    /// Since when an index has been quiet (`None`: all of them), as far as is known.
    pub(super) fn since(&self, index: Option<&str>) -> Option<Instant> {
        let known = self.known();
        match index {
            Some(index) => known.indexes.get(index).map_or(known.others, |of| of.since),
            None => {
                let all: Option<Vec<Instant>> =
                    known.indexes.values().map(|of| of.since).chain([known.others]).collect();
                all?.into_iter().max()
            }
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Index {
    /// Nothing is known of it but that it is not quiet.
    const BUSY: Self = Self { under_way: 0, moved: None, since: None };
}

impl Known {
    /// Forgets quiet indexes if there are too many: what is said of the others is then true of them too.
    fn forget(&mut self) {
        if self.indexes.len() > MOST_INDEXES {
            self.others = self.others.max(self.indexes.values().filter_map(|of| of.since).max());
            self.indexes.retain(|_, of| of.since.is_none());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::advance;

    use super::*;

    const NOTHING: Holds = Holds::Of(Vec::new());

    fn index(name: &str) -> Arc<str> {
        name.into()
    }

    async fn later() -> Instant {
        advance(Duration::from_millis(10)).await;
        Instant::now()
    }

    #[tokio::test(start_paused = true)]
    async fn an_index_is_quiet_while_its_neighbour_is_written_without_a_pause() {
        let (quiet, busy, calm) = (Quiet::default(), index("busy"), index("calm"));
        assert_eq!(quiet.since(Some("calm")), None, "nothing has been seen");
        quiet.begin(&calm);
        quiet.begin(&busy);
        quiet.looked(later().await, &Holds::Of(vec![busy.clone(), calm.clone()]));
        quiet.end(&calm);
        let then = later().await;
        quiet.looked(then, &Holds::Of(vec![busy.clone()]));
        for _ in 0..3 {
            quiet.begin(&busy);
            quiet.looked(later().await, &Holds::Of(vec![busy.clone()]));
            quiet.end(&busy);
        }
        assert_eq!(quiet.since(Some("calm")), Some(then));
        assert_eq!((quiet.since(Some("busy")), quiet.since(None)), (None, None));
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_is_seen_although_it_came_and_went_between_two_looks() {
        let (quiet, posts) = (Quiet::default(), index("posts"));
        quiet.looked(later().await, &NOTHING);
        let first = quiet.since(Some("posts")).unwrap();
        assert_eq!(quiet.since(None), Some(first));
        later().await;
        quiet.begin(&posts);
        quiet.end(&posts);
        assert_eq!(quiet.since(Some("posts")), None);
        let again = later().await;
        quiet.looked(again, &NOTHING);
        assert_eq!((quiet.since(Some("posts")), quiet.since(Some("films"))), (Some(again), Some(first)));
        // A look may not have seen one that begins meanwhile, nor one that ends meanwhile: it may have come after.
        let look = later().await;
        quiet.begin(&posts);
        quiet.looked(look, &NOTHING);
        assert_eq!(quiet.since(Some("posts")), None);
        let look = later().await;
        quiet.end(&posts);
        quiet.looked(look, &NOTHING);
        assert_eq!(quiet.since(Some("posts")), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_of_any_index_touches_all_and_what_others_wrote_its_own() {
        let quiet = Quiet::default();
        quiet.looked(later().await, &NOTHING);
        quiet.looked(later().await, &Holds::Of(vec![index("posts")]));
        assert_eq!((quiet.since(Some("posts")), quiet.since(Some("films")).is_some()), (None, true));
        quiet.looked(later().await, &Holds::Something);
        assert_eq!((quiet.since(Some("posts")), quiet.since(Some("films"))), (None, None));
        let end = later().await;
        quiet.looked(end, &NOTHING);
        assert_eq!((quiet.since(Some("posts")), quiet.since(Some("films"))), (Some(end), Some(end)));
    }

    #[tokio::test(start_paused = true)]
    async fn many_names_are_forgotten_and_nothing_is_said_of_them_that_was_not_so() {
        let quiet = Quiet::default();
        quiet.looked(later().await, &NOTHING);
        for number in 0..=MOST_INDEXES {
            let name = index(&number.to_string());
            quiet.begin(&name);
            quiet.end(&name);
        }
        let end = later().await;
        quiet.looked(end, &NOTHING);
        assert_eq!(quiet.known().indexes.len(), 0);
        assert_eq!((quiet.since(Some("7")), quiet.since(Some("films"))), (Some(end), Some(end)));
    }
}
