//! What stands for one or more terms taken as one, in one document.

use std::collections::BTreeSet;

use super::model::{Asked, Film, Spot};

/// Letters from which on one typo is allowed, and two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Typos(pub(super) usize, pub(super) usize);

/// Terms taken as one.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) len: usize,
    pub(super) position: u32,
    /// Positions it takes in the query.
    pub(super) width: u32,
    /// By level: words that stand for it, and pairs that do.
    pub(super) words: [Vec<String>; 3],
    pub(super) pairs: [Vec<Vec<String>>; 3],
    /// What was typed, if the index has it.
    pub(super) own: Option<Vec<String>>,
}

/// How a document holds a node at one level.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) first: Vec<Spot>,
    pub(super) last: Vec<Spot>,
    pub(super) forward_only: bool,
    pub(super) own: bool,
}

pub(super) fn nodes(asked: &Asked, films: &[Film], typos: Typos) -> Vec<Node> {
    let positions = asked.positions();
    let vocabulary: BTreeSet<String> = films
        .iter()
        .flat_map(|film| film.words().into_iter().map(|(word, _)| word.to_owned()).collect::<Vec<_>>())
        .collect();
    let mut nodes = Vec::new();
    for start in 0..asked.parts.len() {
        for len in 1..=3.min(asked.parts.len() - start) {
            let parts = &asked.parts[start..start + len];
            let position = positions[start];
            let words: Vec<String> = parts.iter().flat_map(|part| part.words.clone()).collect();
            let mut node = Node {
                start,
                len,
                position,
                width: words.len() as u32,
                words: Default::default(),
                pairs: Default::default(),
                own: None,
            };
            if parts.iter().any(|part| part.phrase) {
                if len == 1 {
                    node.pairs[0].push(words.clone());
                    node.own = Some(words);
                    nodes.push(node);
                }
                continue;
            }
            if (0..len).any(|nth| positions[start + nth] != position + nth as u32) {
                continue;
            }
            let open = asked.is_open() && start + len == asked.parts.len();
            let joined = words.concat();
            for word in &vocabulary {
                if let Some(level) = level(&joined, word, open, typos, len) {
                    node.words[level].push(word.clone());
                }
            }
            node.own = (len == 1 && vocabulary.contains(&joined)).then(|| words.clone());
            node.pairs[1].extend(split(&joined, &words, films));
            nodes.push(node);
        }
    }
    nodes
}

fn level(typed: &str, word: &str, open: bool, Typos(one, two): Typos, parts: usize) -> Option<usize> {
    let letters = typed.chars().count();
    let allowance = (usize::from(letters >= one) + usize::from(letters >= two)).saturating_sub(parts - 1);
    let word_letters: Vec<char> = word.chars().collect();
    let typed_letters: Vec<char> = typed.chars().collect();
    let distance = match open {
        true if word.starts_with(typed) => 0,
        true => open_distance(&typed_letters, &word_letters, allowance),
        false => distance(&typed_letters, &word_letters),
    };
    let same_first = typed_letters[0] == word_letters[0];
    match (distance, allowance, same_first) {
        (0, _, _) => Some(0),
        (1, 1.., true) => Some(1),
        (1, 2.., false) | (2, 2.., true) => Some(2),
        _ => None,
    }
}

/// Of a beginning of the word: the first that is near enough and of which no less of what was typed is nearer. As
/// Meilisearch has it, that need not be the nearest.
fn open_distance(typed: &[char], word: &[char], allowance: usize) -> usize {
    let is_best = |end: &usize| {
        let whole = distance(typed, &word[..*end]);
        whole <= allowance && (0..typed.len()).all(|less| distance(&typed[..less], &word[..*end]) >= whole)
    };
    distance(typed, &word[..(0..word.len()).find(is_best).unwrap_or(word.len())])
}

/// Letters added, left out, changed, or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut table = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, j) => j,
                (i, 0) => i,
                (i, j) => {
                    let change = table[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                    let mut least = change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1);
                    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                        least = least.min(table[i - 2][j - 2] + 1);
                    }
                    least
                }
            };
        }
    }
    table[a.len()][b.len()]
}

/// The two parts that most documents hold side by side, the first such two; none if they are what was typed.
fn split(joined: &str, typed: &[String], films: &[Film]) -> Option<Vec<String>> {
    let mut best: Option<(usize, Vec<String>)> = None;
    for at in 1..joined.len() {
        let pair = vec![joined[..at].to_owned(), joined[at..].to_owned()];
        let count = films.iter().filter(|film| film.holds(&pair)).count();
        if count > best.as_ref().map_or(0, |(most, _)| *most) {
            best = Some((count, pair));
        }
    }
    best.map(|(_, pair)| pair).filter(|pair| pair != typed)
}

/// How a document holds a node, by level.
pub(super) fn held(node: &Node, film: &Film) -> [Vec<Held>; 3] {
    [0, 1, 2].map(|level| {
        let own = |words: &[String]| level == 0 && node.own.as_deref() == Some(words);
        let words = node.words[level].iter().map(|word| {
            let places = film.places(word);
            Held { first: places.clone(), last: places, forward_only: false, own: own(std::slice::from_ref(word)) }
        });
        let pairs = node.pairs[level].iter().filter(|pair| film.holds(pair)).map(|pair| Held {
            first: film.places(&pair[0]),
            last: film.places(&pair[pair.len() - 1]),
            forward_only: true,
            own: own(pair),
        });
        words.chain(pairs).filter(|held| !held.first.is_empty()).collect()
    })
}
