//! How far words stand from each other, and from where they stand in the query.

use crate::tokens::Place;

/// The worst that a pair can cost.
pub(super) const FAR: u32 = 3;
/// The worst that a position can cost.
pub(super) const FARTHEST: u32 = 10;

/// Where something stands, as its neighbours see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) place: Place,
    pub(super) forward_only: bool,
}

/// The cost of the best pair.
pub(super) fn nearest(left: &[Seen], right: &[Seen]) -> u32 {
    let mut best = FAR;
    let mut from = 0;
    for l in left {
        let at = (l.place.field, i64::from(l.place.position));
        let key = |seen: &Seen| (seen.place.field, i64::from(seen.place.position));
        while right.get(from).is_some_and(|r| key(r) < (at.0, at.1 - 2)) {
            from += 1;
        }
        for r in &right[from..] {
            let cost = match key(r).1 - at.1 {
                _ if key(r) > (at.0, at.1 + 3) => break,
                1 => 0,
                2 => 1,
                3 => 2,
                -1 if !l.forward_only && !r.forward_only => 1,
                -2 if !l.forward_only && !r.forward_only => 2,
                _ => continue,
            };
            best = best.min(cost);
            if best == 0 {
                return 0;
            }
        }
    }
    best
}

/// Positions far from the start count as the next power of two.
pub(super) fn bucket(position: u32) -> u32 {
    match position {
        0..16 => position,
        16..24 => 24,
        _ => position.next_power_of_two(),
    }
}

/// The cost of standing so far away.
pub(super) fn displacement(distance: u32) -> u32 {
    match distance {
        0 => 0,
        1 => 1,
        2..=4 => 2,
        5..=7 => 3,
        8..=11 => 4,
        12..=16 => 5,
        17..=24 => 6,
        25..=64 => 7,
        65..=256 => 8,
        257..=1024 => 9,
        _ => FARTHEST,
    }
}
