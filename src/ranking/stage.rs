//! Documents that are ranked together, with where each holds what.

/// A form of a node in a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot {
    /// By its place in the stage.
    pub(super) document: u32,
    pub(super) level: u8,
    /// Only seen from before.
    pub(super) forward_only: bool,
    /// The word that was typed, where it counts.
    pub(super) own: bool,
    /// The entry of its first word, and of its last.
    pub(super) first: u32,
    pub(super) last: u32,
}

/// Documents that are ranked together.
#[derive(Debug, Default)]
pub(super) struct Stage {
    /// Their numbers, ascending.
    pub(super) documents: Vec<u64>,
    /// Their patterns.
    pub(super) patterns: Vec<u32>,
    /// By node: what it finds, in the order of the documents, and where that of each document ends.
    nodes: Vec<(Vec<Spot>, Vec<u32>)>,
}

impl Stage {
    pub(super) fn new(documents: Vec<u64>, patterns: Vec<u32>) -> Self {
        Self { documents, patterns, nodes: Vec::new() }
    }

    /// Adds what the next node finds; `mixed`: in no order.
    pub(super) fn add_node(&mut self, spots: Vec<Spot>, mixed: bool) {
        if spots.is_empty() {
            self.nodes.push(Default::default());
            return;
        }
        let mut ends = vec![0u32; self.documents.len()];
        for spot in &spots {
            ends[spot.document as usize] += 1;
        }
        let mut end = 0;
        for count in &mut ends {
            end += *count;
            *count = end;
        }
        let spots = if mixed { sorted(&spots, &ends) } else { spots };
        self.nodes.push((spots, ends));
    }

    /// What a node finds in a document.
    pub(super) fn spots(&self, node: usize, document: u32) -> &[Spot] {
        let (spots, ends) = &self.nodes[node];
        if spots.is_empty() {
            return &[];
        }
        let start = if document == 0 { 0 } else { ends[document as usize - 1] };
        &spots[start as usize..ends[document as usize] as usize]
    }
}

/// By document, those of one document in the order they were given.
fn sorted(spots: &[Spot], ends: &[u32]) -> Vec<Spot> {
    let mut sorted = spots.to_vec();
    let mut next: Vec<u32> = Vec::with_capacity(ends.len());
    let mut start = 0;
    for end in ends {
        next.push(start);
        start = *end;
    }
    for spot in spots {
        let at = &mut next[spot.document as usize];
        sorted[*at as usize] = *spot;
        *at += 1;
    }
    sorted
}
