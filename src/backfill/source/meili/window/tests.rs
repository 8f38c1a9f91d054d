//! The decisions against a list that changes between any two requests.

use std::collections::{HashMap, HashSet};

use proptest::{prelude::*, sample::Index};

use super::*;

/// What happens to the list.
#[derive(Clone, Debug)]
enum Change {
    /// A new row takes a hole.
    Add(Index),
    /// Rows that stand together go.
    Delete(Index, usize),
    /// A row is deleted, and comes back in some hole.
    Move(Index, Index),
}

/// An index as it lists its documents.
struct List {
    ids: Vec<String>,
    next: u32,
    /// Rows that were not there all the time.
    touched: HashSet<String>,
}

/// A reader of one shard.
struct Reader {
    cursor: Cursor,
    end: Vec<String>,
    done: bool,
    lost: bool,
    seen: Vec<String>,
}

impl List {
    fn new(rows: u32) -> Self {
        Self { ids: (0..rows).map(|id| id.to_string()).collect(), next: rows, touched: HashSet::new() }
    }

    fn change(&mut self, change: &Change) {
        match change {
            Change::Add(at) => {
                let id = self.next.to_string();
                self.next += 1;
                self.touched.insert(id.clone());
                self.ids.insert(at.index(self.ids.len() + 1), id);
            }
            Change::Delete(at, many) if !self.ids.is_empty() => {
                let from = at.index(self.ids.len());
                let upto = (from + many).min(self.ids.len());
                self.touched.extend(self.ids.drain(from..upto));
            }
            Change::Move(from, to) if !self.ids.is_empty() => {
                let id = self.ids.remove(from.index(self.ids.len()));
                self.touched.insert(id.clone());
                self.ids.insert(to.index(self.ids.len() + 1), id);
            }
            Change::Delete(..) | Change::Move(..) => {}
        }
    }

    fn bound(&self, offset: usize) -> Bound {
        Bound { offset: offset as u64, ids: self.ids[offset.saturating_sub(TAIL)..offset].to_vec() }
    }

    fn readers(&self, shards: usize) -> Vec<Reader> {
        let cut = |shard: usize| (1..shards).contains(&shard).then(|| self.bound(self.ids.len() * shard / shards));
        let reader = |shard| Reader {
            cursor: Cursor::at(cut(shard)),
            end: cut(shard + 1).map(|bound| bound.ids).unwrap_or_default(),
            done: false,
            lost: false,
            seen: Vec::new(),
        };
        (0..shards).map(reader).collect()
    }
}

impl Reader {
    /// One request, and what follows from it.
    fn step(&mut self, list: &List, limit: usize) {
        let (begin, length) = self.cursor.ask(limit);
        let from = list.ids.len().min(begin as usize);
        let upto = list.ids.len().min(from + length as usize);
        let ids: Vec<&str> = list.ids[from..upto].iter().map(String::as_str).collect();
        let stretch = Stretch { begin, ids: &ids, total: list.ids.len() as u64 };
        let present: HashSet<String> = self.end.iter().filter(|id| list.ids.contains(id)).cloned().collect();
        let nears = self.cursor.nears(&self.end, stretch);
        let end = nears.then_some(End { ids: &self.end, present: &present });
        match self.cursor.take(stretch, end, limit) {
            Step::Rows { rows, next, end } => {
                assert!(rows.len() <= limit && (end || !rows.is_empty()), "no progress");
                self.seen.extend(rows.iter().map(|&at| ids[at].to_owned()));
                assert_eq!(next.count, self.seen.len() as u64);
                assert!(next.tail.len() <= TAIL);
                (self.cursor, self.done) = (next, end);
            }
            Step::Again(next) => self.cursor = next,
            Step::Lost => match list.ids.iter().position(|id| self.cursor.tail.contains(id)) {
                Some(position) => self.cursor = self.cursor.found_at(position as u64),
                None => (self.cursor, self.lost) = (self.cursor.restart(), true),
            },
        }
    }
}

/// Reads a list with changes between any two requests; the list as it is then, and the readers.
fn read(rows: u32, shards: usize, limit: usize, changes: &[Vec<Change>]) -> (List, Vec<Reader>) {
    let mut list = List::new(rows);
    let mut readers = list.readers(shards);
    let mut changes = changes.iter();
    for round in 0..20_000 {
        let open = readers.iter().filter(|reader| !reader.done).count();
        if open == 0 {
            return (list, readers);
        }
        if let Some(reader) = readers.iter_mut().filter(|reader| !reader.done).nth(round % open) {
            reader.step(&list, limit);
        }
        changes.next().into_iter().flatten().for_each(|change| list.change(change));
    }
    panic!("it reads for ever");
}

/// Every row that stood at its place all the time was read, in the order of the list.
fn check(list: &List, readers: &[Reader]) {
    let seen: HashSet<&String> = readers.iter().flat_map(|reader| &reader.seen).collect();
    let stayed = || list.ids.iter().filter(|id| !list.touched.contains(*id));
    let missing: Vec<&String> = stayed().filter(|id| !seen.contains(id)).collect();
    assert!(missing.is_empty(), "not read: {missing:?}");
    let places: HashMap<&String, usize> = stayed().zip(0..).collect();
    for reader in readers.iter().filter(|reader| !reader.lost) {
        let order: Vec<usize> = reader.seen.iter().filter_map(|id| places.get(id).copied()).collect();
        assert!(order.is_sorted(), "not in order: {order:?}");
    }
}

fn changes(change: impl Strategy<Value = Change>) -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change, 0..3), 0..60)
}

fn add() -> impl Strategy<Value = Change> + Clone {
    any::<Index>().prop_map(Change::Add)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_row_that_stays_is_read(
        rows in 0_u32..300,
        shards in 1_usize..4,
        limit in 1_usize..40,
        changes in changes(prop_oneof![
            2 => add(),
            3 => (any::<Index>(), 1_usize..4).prop_map(|(at, many)| Change::Delete(at, many)),
            1 => (any::<Index>(), 1_usize..120).prop_map(|(at, many)| Change::Delete(at, many)),
        ]),
    ) {
        let (list, readers) = read(rows, shards, limit, &changes);
        check(&list, &readers);
    }

    /// Whatever comes back somewhere else, as long as not all of what shows the way does.
    #[test]
    fn rows_that_move_lead_nobody_astray(
        rows in 0_u32..300,
        shards in 1_usize..4,
        limit in 1_usize..40,
        moves in prop::collection::vec((0_usize..40, any::<Index>(), any::<Index>()), 0..8),
        mut changes in prop::collection::vec(prop::collection::vec(add(), 0..2), 40),
    ) {
        for (at, from, to) in moves {
            changes[at].push(Change::Move(from, to));
        }
        let (list, readers) = read(rows, shards, limit, &changes);
        let seen: HashSet<&String> = readers.iter().flat_map(|reader| &reader.seen).collect();
        let missing: Vec<_> =
            list.ids.iter().filter(|id| !list.touched.contains(*id) && !seen.contains(id)).collect();
        prop_assert!(missing.is_empty(), "not read: {missing:?}");
    }

    /// While what was read last is found, nothing is read twice; so counts are right.
    #[test]
    fn nothing_is_read_twice(
        rows in 0_u32..300,
        limit in 1_usize..40,
        changes in changes(prop_oneof![
            2 => add(),
            1 => any::<Index>().prop_map(|at| Change::Delete(at, 1)),
        ]),
    ) {
        // Fewer than are known come and go in all.
        let mut left = TAIL - 1;
        let changes: Vec<Vec<Change>> = changes
            .into_iter()
            .map(|mut some| {
                some.truncate(left);
                left -= some.len();
                some
            })
            .collect();
        let (list, readers) = read(rows, 1, limit, &changes);
        check(&list, &readers);
        let distinct: HashSet<&String> = readers[0].seen.iter().collect();
        prop_assert_eq!(distinct.len(), readers[0].seen.len());
    }
}

#[test]
fn shards_of_a_list_that_rests_hold_every_row_once() {
    for (rows, shards, limit) in [(0, 1, 7), (1, 1, 1), (200, 3, 7), (200, 4, 1000), (129, 2, 1)] {
        let (list, readers) = read(rows, shards, limit, &[]);
        let seen: Vec<String> = readers.into_iter().flat_map(|reader| reader.seen).collect();
        assert_eq!(seen, list.ids);
    }
}

#[test]
fn an_index_that_was_emptied_ends() {
    let mut list = List::new(100);
    let [mut reader] = <[Reader; 1]>::try_from(list.readers(1)).unwrap_or_else(|_| panic!("one"));
    reader.step(&list, 50);
    list.ids.clear();
    for _ in 0..4 {
        if !reader.done {
            reader.step(&list, 50);
        }
    }
    assert!(reader.done);
}

#[test]
fn a_boundary_that_nobody_remembers_is_passed_over() {
    let mut list = List::new(200);
    let mut readers = list.readers(2);
    list.ids.drain(60..120);
    while !readers[0].done {
        readers[0].step(&list, 10);
    }
    assert_eq!(readers[0].seen, list.ids);
}

#[test]
fn a_first_row_that_comes_back_at_the_end_passes_over_none() {
    let mut list = List::new(20);
    let mut readers = list.readers(1);
    readers[0].step(&list, 1);
    let first = list.ids.remove(0);
    list.ids.push(first);
    while !readers[0].done {
        readers[0].step(&list, 3);
    }
    let expected: Vec<String> = (0..20).map(|id| id.to_string()).collect();
    assert_eq!(readers[0].seen, expected);
}
