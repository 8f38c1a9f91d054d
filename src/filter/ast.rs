//! The syntax tree of a filter.

/// A filter expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All must hold; empty holds.
    And(Vec<Filter>),
    /// One must hold; empty does not hold.
    Or(Vec<Filter>),
    /// Must not hold.
    Not(Box<Filter>),
    /// A condition on one attribute (`a.b` names a nested field).
    Condition {
        /// The attribute as written.
        attribute: String,
        /// What it must satisfy.
        condition: Condition,
    },
}

/// What an attribute must satisfy. An array satisfies a comparison when one element does.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `=`, `<` and so on.
    Compare(Comparison, Literal),
    /// `a TO b`, both ends included.
    Between(Literal, Literal),
    /// `IN [a, b]`
    In(Vec<Literal>),
    /// `EXISTS`: the document has the field, whatever its value.
    Exists,
    /// `IS NULL`
    IsNull,
    /// `IS EMPTY`: an empty string, array or object.
    IsEmpty,
}

/// A comparison operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`, which also holds for documents without the field.
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A value as written; whether it is a number is for the comparison to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(pub String);
