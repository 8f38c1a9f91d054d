//! What may happen in the run of a seed.

use std::time::Duration;

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// What may happen. Drawn from the seed; a run with little trouble finds other faults than one with much.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) replicas: usize,
    pub(super) documents: usize,
    pub(super) clients: usize,
    pub(super) manner: Manner,
    /// In the end, when all has healed, many write so many documents at the same time, if there are as many; 0 if nobody does.
    pub(super) rush: usize,
    /// The service gives versions. Then there are no partial updates.
    pub(super) explicit: bool,
    pub(super) merges: bool,
    pub(super) sweeps: bool,
    /// Whether the service passes on which task Meilisearch answered with.
    pub(super) tells_tasks: bool,
    /// PostgreSQL may decide.
    pub(super) swaps: bool,
    pub(super) crashes: bool,
    /// Crashes may take the last unsynced records of the journal with them.
    pub(super) power_loss: bool,
    /// What Meilisearch has accepted may fail, be canceled or vanish.
    pub(super) task_loss: bool,
    /// Calls to sides may fail, hang, or come late.
    pub(super) faults: bool,
    /// Clients may hang up.
    pub(super) hang_ups: bool,
    pub(super) journal_faults: bool,
    pub(super) clock_steps: bool,
    /// Responses wait for both sides.
    pub(super) ack_both: bool,
}

/// How a client writes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) writes: usize,
    /// How long it thinks between two writes, at most.
    pub(super) think: Duration,
    pub(super) documents: usize,
    /// Only whole documents: partial updates wait for others, and come last.
    pub(super) whole: bool,
}

impl Manner {
    /// All at the same time: what came in a wrong order is seen only if nothing comes after it.
    pub(super) fn rushing(documents: usize) -> Self {
        Self { writes: 1, think: Duration::from_millis(2), documents, whole: true }
    }
}

impl Profile {
    pub(super) fn of(seed: u64) -> Self {
        let mut dice = StdRng::seed_from_u64(seed ^ 0x5eed);
        let mut often = |share: f64| dice.random_bool(share);
        let replicas = if often(0.5) { 2 } else { 1 };
        let explicit = often(0.25);
        let tells_tasks = often(0.7);
        let merges = !explicit && often(0.5) && replicas == 1;
        let sweeps = !explicit && often(0.15) && replicas == 1;
        // What is not promised, see the limits in the README.
        let power_loss = often(0.2) && !((explicit || merges) && replicas > 1) && !(merges && sweeps);
        let (crashes, swaps) = (often(0.6), often(0.5) && !(merges && replicas > 1));
        let (faults, hang_ups) = (often(0.7), often(0.5));
        let journal_faults = often(0.3) && !(crashes && (swaps || replicas > 1));
        let clock_steps = often(0.4);
        let known = tells_tasks && !power_loss && !(crashes && journal_faults);
        let ordered = replicas == 1 || !(merges || clock_steps);
        let task_loss = often(0.5) && known && ordered && !sweeps;
        let ack_both = often(0.15);
        let (documents, clients) = (dice.random_range(1..4), dice.random_range(1..5));
        let writes = dice.random_range(5..30);
        let think = if dice.random_bool(0.5) { dice.random_range(1..20) } else { dice.random_range(20..600) };
        Self {
            replicas,
            explicit,
            merges,
            sweeps,
            tells_tasks,
            swaps,
            crashes,
            power_loss,
            task_loss,
            faults,
            hang_ups,
            journal_faults,
            clock_steps,
            ack_both,
            documents,
            clients,
            manner: Manner { writes, think: Duration::from_millis(think), documents, whole: false },
            rush: [0, 0, 1, 3][dice.random_range(0..4)],
        }
    }
}
