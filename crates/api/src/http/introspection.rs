//! What introspection may cost: how often each of its fields is resolved.
//!
//! Anybody may ask for the schema, and the executor answers from memory without ever giving way, so no deadline could end
//! it. Its fields are lists of lists, a field may be written a thousand times, and some lead in circles: a type's
//! interfaces have possible types, which have interfaces. So what is selected is counted as often as it will be resolved,
//! items of lists too, before anything is. That is nearly in proportion to the time it takes.
//!
//! A list's length depends on what is asked, which a selection does not know. So each selection has four `Costs`, by
//! what it may stand in; whoever holds it takes the one that fits. Lists below `types` part what the whole schema has
//! among its types, so there averages are right, and they are what makes the standard query cost little more than it does.
//! Anywhere else a name may lead to the longest list there is.
//!
//! The numbers are the product's schema, with room to grow; a test of it says when they no longer fit.

/// The most that introspection may come to. The standard query, with all that is optional in it, comes to 51 900, and to
/// 68 900 as clients send it that add `__typename` to every selection. On the product's schema the former is 28 500 fields and
/// items, and nothing that is let in comes to much more than twice as many.
pub const MAX_INTROSPECTED: usize = 70_000;
/// How many types there are.
pub const TYPES: usize = 400;
/// Of the lists that all types have, how many items each list has in a hundred types.
pub const IN_A_HUNDRED_TYPES: [(&str, usize); 5] =
    [("fields", 300), ("inputFields", 130), ("enumValues", 80), ("interfaces", 8), ("possibleTypes", 32)];
/// How many arguments a hundred fields have.
pub const ARGUMENTS_IN_A_HUNDRED_FIELDS: usize = 50;
/// Of a hundred types of fields and arguments, how many are lists or cannot be null; of these, as many again.
pub const WRAPPED_IN_A_HUNDRED: usize = 70;
/// How long each list is at most.
pub const LONGEST: [(&str, usize); 8] = [
    ("fields", 120),
    ("inputFields", 16),
    ("enumValues", 150),
    ("interfaces", 2),
    ("possibleTypes", 35),
    ("args", 8),
    ("directives", 8),
    ("locations", 8),
];

/// What a selection costs, in hundredths of a field, by what it stands in.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Costs {
    /// In something of which nothing is known.
    any: usize,
    /// In each of all types, on average.
    each_type: usize,
    /// In each field or value of all types, and each argument of all fields, on average.
    each_member: usize,
    /// In the type of each of these.
    each_reference: usize,
}

impl Costs {
    /// Of a field, by those of what is selected in it.
    pub(super) fn field(name: &str, inner: Self) -> Self {
        let any = match (name, found(&LONGEST, name)) {
            ("types", _) => list(100 * TYPES, inner.each_type),
            (_, Some(longest)) => list(100 * longest, inner.any),
            (_, None) => inner.any.saturating_add(100),
        };
        let each_type = match (name, found(&IN_A_HUNDRED_TYPES, name)) {
            ("interfaces" | "possibleTypes", Some(items)) => list(items, inner.any),
            (_, Some(items)) => list(items, inner.each_member),
            (_, None) => any,
        };
        let each_member = match name {
            "args" => list(ARGUMENTS_IN_A_HUNDRED_FIELDS, inner.each_member),
            "type" => inner.each_reference.saturating_add(100),
            _ => any,
        };
        let each_reference = match name {
            "ofType" => (inner.each_reference.saturating_mul(WRAPPED_IN_A_HUNDRED) / 100).saturating_add(100),
            _ => any,
        };
        Self { any, each_type, each_member, each_reference }
    }

    /// Of both, beside each other.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            any: self.any.saturating_add(other.any),
            each_type: self.each_type.saturating_add(other.each_type),
            each_member: self.each_member.saturating_add(other.each_member),
            each_reference: self.each_reference.saturating_add(other.each_reference),
        }
    }

    /// Of a field of the root, in fields.
    pub(super) fn whole(self) -> usize {
        self.any / 100
    }
}

/// A field that lists so many hundredths of an item, each with what is selected in it.
fn list(hundredths: usize, inner: usize) -> usize {
    (inner.saturating_add(100).saturating_mul(hundredths) / 100).saturating_add(100)
}

fn found(lists: &[(&str, usize)], name: &str) -> Option<usize> {
    lists.iter().find(|(list, _)| *list == name).map(|(_, items)| *items)
}
