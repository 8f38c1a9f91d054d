//! What stands in the tables of the service, for rows that only name their document.

use super::{
    OutboxError,
    row::{Change, Deed, Letter, Reason, document},
    tables::Tables,
};

/// Replaces every [`Deed::LookUp`] by what the present state says. What cannot be looked up becomes a letter, and is taken
/// out of the changes.
pub(super) async fn resolve(tables: &Tables, changes: &mut Vec<Change>) -> Result<Vec<Letter>, OutboxError> {
    let asked: Vec<usize> = (0..changes.len()).filter(|at| changes[*at].deed == Deed::LookUp).collect();
    let all = asked.len();
    let (mut letters, mut refused, mut chunks) = (Vec::new(), 0, vec![asked]);
    while let Some(mut chunk) = chunks.pop().filter(|chunk| !chunk.is_empty()) {
        let named: Vec<&Change> = chunk.iter().map(|at| &changes[*at]).collect();
        match tables.look_up(&named).await? {
            Ok(found) => {
                for (n, at) in chunk.into_iter().enumerate() {
                    let id = &changes[at].row.id;
                    let state = found.get(&n).map(|text| document(Some(text), id, &tables.options)).transpose();
                    match state {
                        Ok(state) => changes[at].deed = state.map_or(Deed::Delete, Deed::Put),
                        Err(why) => letters.push(changes[at].row.letter(Reason::Lookup, why)),
                    }
                }
            }
            Err(why) if chunk.len() == 1 => {
                refused += 1;
                if refused == all && all > 1 {
                    // Not one of them works: it is the query.
                    return Err(OutboxError::LookupRefused(why));
                }
                letters.push(named[0].row.letter(Reason::Lookup, why));
            }
            // One of them is to blame: the others are looked up without it.
            Err(_) => {
                let other = chunk.split_off(chunk.len() / 2);
                chunks.extend([chunk, other]);
            }
        }
    }
    changes.retain(|change| change.deed != Deed::LookUp);
    Ok(letters)
}
