//! Where words are looked for.

use super::postings::Postings;
use crate::{
    settings::{IndexSettings, ProximityPrecision},
    tokens::Field,
};

/// What the settings and the request say about where words are looked for.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    /// Whether all attributes are searched alike: their order means nothing then.
    pub alike: bool,
    /// The places of the attributes that are searched; `None` is all.
    pub attributes: Option<Vec<u32>>,
    /// The places of attributes whose words are found as they are only.
    pub literal: Vec<u32>,
    /// Whether words are near as soon as they stand in one attribute.
    pub near_by_attribute: bool,
}

impl Scope {
    /// That of an index, for a request that says nothing of it.
    pub fn new(settings: &IndexSettings) -> Self {
        let searchable = &settings.searchable_attributes;
        let literal = &settings.typo_tolerance.disable_on_attributes;
        let places = (0..).zip(searchable).filter(|(_, name)| literal.contains(name));
        Self {
            alike: searchable.len() < 2 || searchable.iter().any(|name| name == "*"),
            attributes: None,
            literal: places.map(|(place, _)| place).collect(),
            near_by_attribute: settings.proximity_precision == ProximityPrecision::ByAttribute,
        }
    }

    /// Whether a field is searched.
    pub(super) fn searches(&self, field: Field) -> bool {
        self.attributes.as_ref().is_none_or(|places| places.contains(&field.rank()))
    }

    /// The cost of a field.
    pub(super) fn rank(&self, field: Field) -> u32 {
        if self.alike { 0 } else { field.rank() }
    }

    /// Whether not every word counts wherever it stands.
    pub(super) fn restricts(&self) -> bool {
        self.attributes.is_some() || !self.literal.is_empty()
    }

    /// Whether an entry stands where it counts; see [`allows`](Self::allows).
    pub(super) fn holds(&self, postings: &Postings, entry: u32, literal: bool) -> bool {
        !self.restricts() || postings.places(entry).any(|place| self.allows(place.field, literal))
    }

    /// Whether a form may be found in a field; a `literal` one is the word as it was typed, or begins with it.
    pub(super) fn allows(&self, field: Field, literal: bool) -> bool {
        self.searches(field) && (literal || !self.literal.contains(&field.rank()))
    }
}
