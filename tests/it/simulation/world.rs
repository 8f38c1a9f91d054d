//! What everything in a run shares: dice, weather, virtual time; and the line that every call goes over.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::StdRng};
use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, sleep},
};

use super::profile::Profile;

/// How long after its caller has given up a call may still arrive.
pub(super) const LATE: Duration = Duration::from_millis(1_500);

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whom a call goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Station {
    Meili,
    Pg,
    Journal,
}

/// How calls to a station go at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    Slow,
    Flaky,
    Down,
    Hanging,
}

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Pass,
    /// It never arrives, and the caller is told so after a while.
    Lost,
    /// It arrives, and the caller is told that it failed.
    AnswerLost,
    /// Nobody listens.
    Refused,
    /// The caller hears nothing; it arrives when the caller gives up, later, or never.
    Hang,
}

/// A call that did not come through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

pub(super) struct World {
    pub(super) profile: Profile,
    pub(super) start: Instant,
    dice: Mutex<StdRng>,
    weather: Mutex<[Weather; 3]>,
    healed: AtomicBool,
    told: bool,
    /// A sum over all that happened, in its order.
    story: AtomicU64,
    /// Calls that came to nothing, or did not tell.
    pub(super) broken: AtomicU64,
    /// Calls that arrived after their callers were gone.
    pub(super) late: AtomicU64,
    /// One of those arrives at this moment.
    pub(super) is_late: AtomicBool,
}

/// What a process has to the world: it is cut when the process dies.
pub(super) struct Fuse {
    left: AtomicI64,
    dead: AtomicBool,
    blown: Notify,
}

/// How a process reaches a station.
#[derive(Clone)]
pub(super) struct Line {
    pub(super) world: Arc<World>,
    pub(super) fuse: Arc<Fuse>,
    pub(super) name: Arc<str>,
}

/// A call that has been sent, and has not arrived.
struct Underway<T: Send + 'static> {
    line: Line,
    station: Station,
    effect: Option<Box<dyn FnOnce() -> T + Send>>,
}

impl World {
    pub(super) fn new(seed: u64, told: bool) -> Arc<Self> {
        Arc::new(Self {
            profile: Profile::of(seed),
            start: Instant::now(),
            dice: Mutex::new(StdRng::seed_from_u64(seed)),
            weather: Mutex::new([Weather::Fair; 3]),
            healed: AtomicBool::new(false),
            told,
            story: AtomicU64::new(0),
            broken: AtomicU64::new(0),
            late: AtomicU64::new(0),
            is_late: AtomicBool::new(false),
        })
    }

    pub(super) fn roll<T>(&self, roll: impl FnOnce(&mut StdRng) -> T) -> T {
        roll(&mut locked(&self.dice))
    }

    pub(super) fn chance(&self, share: f64) -> bool {
        self.roll(|dice| dice.random_bool(share))
    }

    pub(super) fn below(&self, number: usize) -> usize {
        self.roll(|dice| dice.random_range(0..number))
    }

    pub(super) fn up_to(&self, longest: Duration) -> Duration {
        let longest = u64::try_from(longest.as_millis()).unwrap();
        Duration::from_millis(self.roll(|dice| dice.random_range(0..=longest)))
    }

    /// Tells what happens, if anybody listens.
    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        let now = self.start.elapsed();
        let beat = u64::try_from(now.as_millis()).unwrap() + 1;
        let story = self.story.load(Ordering::Relaxed);
        self.story.store(story.rotate_left(7) ^ beat.wrapping_mul(0x9e37_79b9_7f4a_7c15), Ordering::Relaxed);
        if self.told {
            eprintln!("{:>9.3} {}", now.as_secs_f64(), what());
        }
    }

    pub(super) fn story(&self) -> u64 {
        self.story.load(Ordering::Relaxed)
    }

    pub(super) fn set_weather(&self, station: Station, weather: Weather) {
        if !self.healed() {
            locked(&self.weather)[station as usize] = weather;
        }
    }

    /// From now on nothing goes wrong any more.
    pub(super) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        *locked(&self.weather) = [Weather::Fair; 3];
    }

    pub(super) fn healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    fn fate(&self, station: Station) -> Fate {
        let may = match station {
            Station::Journal => self.profile.journal_faults,
            Station::Meili | Station::Pg => self.profile.faults,
        };
        if !may || self.healed() {
            return Fate::Pass;
        }
        let weather = locked(&self.weather)[station as usize];
        let trouble = match weather {
            Weather::Fair | Weather::Slow => 0.01,
            Weather::Flaky => 0.4,
            Weather::Down => return Fate::Refused,
            Weather::Hanging => 0.9,
        };
        if !self.chance(trouble) {
            return Fate::Pass;
        }
        if weather == Weather::Hanging {
            return Fate::Hang;
        }
        [Fate::Lost, Fate::AnswerLost, Fate::Refused, Fate::Hang][self.below(4)]
    }

    /// How long a call is on its way.
    async fn travel(&self, station: Station) {
        let slow = locked(&self.weather)[station as usize] == Weather::Slow;
        let longest = match self.below(20) {
            _ if slow => 300,
            0 => 60,
            1..8 => 4,
            _ => 0,
        };
        let time = self.up_to(Duration::from_millis(longest));
        if time.is_zero() { tokio::task::yield_now().await } else { sleep(time).await }
    }
}

impl Fuse {
    /// Blows at the step given, or never.
    pub(super) fn new(steps: Option<i64>) -> Arc<Self> {
        let left = AtomicI64::new(steps.unwrap_or(i64::MAX));
        Arc::new(Self { left, dead: AtomicBool::new(false), blown: Notify::new() })
    }

    /// A step of the process, which may be its last: then it is not made, nor is any after it.
    async fn step(&self) {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.dead.store(true, Ordering::Relaxed);
            self.blown.notify_one();
        }
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }

    /// It does not blow any more.
    pub(super) fn mend(&self) {
        self.left.store(i64::MAX, Ordering::Relaxed);
    }

    pub(super) async fn blown(&self) {
        self.blown.notified().await;
    }
}

impl Line {
    /// Makes a call: `effect` is what the station does when it arrives.
    pub(super) async fn call<T: Send + 'static>(
        &self,
        station: Station,
        doing: &'static str,
        effect: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        self.fuse.step().await;
        let fate = self.world.fate(station);
        if fate != Fate::Pass {
            self.world.broken.fetch_add(1, Ordering::Relaxed);
            self.tell(|| format!("{station:?} {doing}: {fate:?}"));
        }
        if fate == Fate::Refused {
            self.world.travel(station).await;
            return Err(Broken);
        }
        let mut call = Underway { line: self.clone(), station, effect: Some(Box::new(effect)) };
        if fate == Fate::Hang {
            return std::future::pending().await;
        }
        self.world.travel(station).await;
        self.fuse.step().await;
        if fate == Fate::Lost {
            call.effect = None;
            return Err(Broken);
        }
        let answer = call.arrive();
        self.fuse.step().await;
        self.world.travel(station).await;
        if fate == Fate::AnswerLost { Err(Broken) } else { answer.ok_or(Broken) }
    }

    /// What the journal does on its own disk: it fails without effect, or takes its time.
    pub(super) async fn local<T>(&self, doing: &'static str, effect: impl FnOnce() -> T) -> Result<T, Broken> {
        self.fuse.step().await;
        let fate = self.world.fate(Station::Journal);
        self.world.travel(Station::Journal).await;
        match fate {
            Fate::Pass | Fate::AnswerLost => {}
            Fate::Lost | Fate::Refused => {
                self.world.broken.fetch_add(1, Ordering::Relaxed);
                self.tell(|| format!("journal {doing}: failed"));
                return Err(Broken);
            }
            Fate::Hang => sleep(self.world.up_to(LATE)).await,
        }
        self.fuse.step().await;
        let answer = effect();
        self.fuse.step().await;
        Ok(answer)
    }

    /// The same for what is done at once or not at all: whether it says that it is.
    pub(super) fn at_once(&self, effect: impl FnOnce() -> bool) -> bool {
        match self.world.fate(Station::Journal) {
            Fate::Pass | Fate::Hang => effect(),
            Fate::AnswerLost => {
                effect();
                false
            }
            Fate::Lost | Fate::Refused => false,
        }
    }

    pub(super) fn tell(&self, what: impl FnOnce() -> String) {
        self.world.tell(|| format!("{}: {}", self.name, what()));
    }
}

impl<T: Send + 'static> Underway<T> {
    fn arrive(&mut self) -> Option<T> {
        self.effect.take().map(|effect| effect())
    }
}

/// Whoever made the call has given up, or died. It may be on its way nevertheless.
impl<T: Send + 'static> Drop for Underway<T> {
    fn drop(&mut self) {
        let Some(effect) = self.effect.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return };
        if self.line.world.chance(0.5) {
            return;
        }
        if self.station == Station::Pg {
            // A transaction of several statements: its commit has arrived, or nothing of it will come to be.
            effect();
            return;
        }
        let (line, time) = (self.line.clone(), self.line.world.up_to(LATE));
        runtime.spawn(async move {
            sleep(time).await;
            line.tell(|| "a call arrives late".to_owned());
            line.world.late.fetch_add(1, Ordering::Relaxed);
            line.world.is_late.store(true, Ordering::Relaxed);
            effect();
            line.world.is_late.store(false, Ordering::Relaxed);
        });
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("profile", &self.profile).finish_non_exhaustive()
    }
}
