//! What goes wrong, by script: slow, failing, hanging or dropped requests, and what requests there were.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{Method, StatusCode};

/// The routes that can be slowed, failed and counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Route {
    /// `GET /health`
    Health,
    /// `GET /version`
    Version,
    /// Creating, reading, listing and deleting indexes.
    Indexes,
    /// Reading and changing settings.
    Settings,
    /// Getting, listing and fetching documents.
    DocumentReads,
    /// Adding, changing and deleting documents.
    DocumentWrites,
    /// The stats of an index.
    Stats,
    /// `POST` and `GET` of one index's search.
    Search,
    /// `POST /multi-search`
    MultiSearch,
    /// Reading tasks.
    Tasks,
    /// Anything else.
    Other,
}

/// How a request fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An error body with this status and code.
    Answer {
        /// The HTTP status.
        status: StatusCode,
        /// Meilisearch's error code, for example `internal`.
        code: String,
    },
    /// No answer, ever.
    Hang,
    /// The connection is closed without an answer.
    Drop,
}

/// How long a route takes before it begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Latency {
    /// Nothing is added.
    #[default]
    None,
    /// Always the same.
    Fixed(Duration),
    /// Drawn from a log-normal distribution.
    LogNormal {
        /// Half of the requests take longer.
        median: Duration,
        /// One in a hundred takes longer.
        p99: Duration,
    },
}

/// How a task ends that is not carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TaskFault {
    /// It fails with this error code.
    Fail {
        /// Meilisearch's error code, for example `internal`.
        code: String,
    },
    /// It is canceled.
    Cancel,
    /// It is carried out, but its record is gone: the task is not found afterwards.
    Vanish,
    /// It is not carried out, and its record is gone.
    VanishUndone,
}

/// The script, changeable at any time.
#[derive(Debug, Default)]
pub(super) struct Script(Mutex<Rules>);

#[derive(Debug, Default)]
struct Rules {
    latency: HashMap<Route, Latency>,
    next: HashMap<Route, VecDeque<Fault>>,
    always: HashMap<Route, Fault>,
    requests: HashMap<Route, u64>,
}

/// What one request meets.
#[derive(Debug)]
pub(super) struct Fate {
    pub(super) delay: Duration,
    pub(super) fault: Option<Fault>,
}

impl Route {
    /// Where a request goes.
    pub(super) fn of(method: &Method, path: &str) -> Self {
        let read = method == Method::GET;
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        match segments.as_slice() {
            ["health"] => Self::Health,
            ["version"] => Self::Version,
            ["indexes"] | ["indexes", _] => Self::Indexes,
            ["indexes", _, "settings"] => Self::Settings,
            ["indexes", _, "stats"] => Self::Stats,
            ["indexes", _, "search"] => Self::Search,
            ["indexes", _, "documents", "fetch"] => Self::DocumentReads,
            ["indexes", _, "documents", ..] if read => Self::DocumentReads,
            ["indexes", _, "documents", ..] => Self::DocumentWrites,
            ["multi-search"] => Self::MultiSearch,
            ["tasks", ..] => Self::Tasks,
            _ => Self::Other,
        }
    }
}

impl Latency {
    /// How long this time.
    fn draw(self) -> Duration {
        /// The 99th percentile of the standard normal distribution.
        const Z99: f64 = 2.326_347_9;
        match self {
            Self::None => Duration::ZERO,
            Self::Fixed(delay) => delay,
            Self::LogNormal { median, p99 } => {
                let median = median.as_secs_f64().max(f64::MIN_POSITIVE);
                let sigma = (p99.as_secs_f64() / median).max(1.0).ln() / Z99;
                // Box-Muller; 1 - u is never 0.
                let (u, v): (f64, f64) = (rand::random(), rand::random());
                let normal = (-2.0 * (1.0 - u).ln()).sqrt() * (std::f64::consts::TAU * v).cos();
                Duration::try_from_secs_f64(median * (sigma * normal).exp()).unwrap_or(Duration::ZERO)
            }
        }
    }
}

impl Script {
    /// Counts a request and tells what it meets.
    pub(super) fn meet(&self, route: Route) -> Fate {
        let mut rules = self.rules();
        *rules.requests.entry(route).or_default() += 1;
        let scripted = rules.next.get_mut(&route).and_then(VecDeque::pop_front);
        let fault = scripted.or_else(|| rules.always.get(&route).cloned());
        Fate { delay: rules.latency.get(&route).copied().unwrap_or_default().draw(), fault }
    }

    pub(super) fn requests(&self, route: Route) -> u64 {
        self.rules().requests.get(&route).copied().unwrap_or_default()
    }

    pub(super) fn slow(&self, route: Route, latency: Latency) {
        self.rules().latency.insert(route, latency);
    }

    pub(super) fn fail_next(&self, route: Route, times: usize, fault: Fault) {
        self.rules().next.entry(route).or_default().extend(std::iter::repeat_n(fault, times));
    }

    pub(super) fn fail_always(&self, route: Route, fault: Fault) {
        self.rules().always.insert(route, fault);
    }

    pub(super) fn heal(&self, route: Route) {
        let mut rules = self.rules();
        rules.next.remove(&route);
        rules.always.remove(&route);
        rules.latency.remove(&route);
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_normal_latency_has_its_median_and_its_p99() {
        let (median, p99) = (Duration::from_millis(10), Duration::from_millis(80));
        let mut drawn: Vec<Duration> = (0..20_000).map(|_| Latency::LogNormal { median, p99 }.draw()).collect();
        drawn.sort_unstable();
        let near = |at: usize, expected: Duration| {
            let ratio = drawn[at].as_secs_f64() / expected.as_secs_f64();
            assert!((0.8..1.25).contains(&ratio), "{:?} for {expected:?}", drawn[at]);
        };
        near(10_000, median);
        near(19_800, p99);
    }

    #[test]
    fn the_next_faults_come_before_the_lasting_one_and_routes_are_apart() {
        let script = Script::default();
        script.fail_always(Route::Search, Fault::Hang);
        script.fail_next(Route::Search, 1, Fault::Drop);
        assert_eq!(script.meet(Route::Search).fault, Some(Fault::Drop));
        assert_eq!(script.meet(Route::Search).fault, Some(Fault::Hang));
        assert_eq!(script.meet(Route::Tasks).fault, None);
        script.heal(Route::Search);
        assert_eq!(script.meet(Route::Search).fault, None);
        assert_eq!((script.requests(Route::Search), script.requests(Route::Tasks)), (3, 1));
    }

    #[test]
    fn reading_and_writing_documents_are_routes_apart() {
        assert_eq!(Route::of(&Method::GET, "/indexes/a/documents/1"), Route::DocumentReads);
        assert_eq!(Route::of(&Method::POST, "/indexes/a/documents/fetch"), Route::DocumentReads);
        assert_eq!(Route::of(&Method::POST, "/indexes/a/documents"), Route::DocumentWrites);
        assert_eq!(Route::of(&Method::DELETE, "/indexes/a/documents/1"), Route::DocumentWrites);
    }
}
