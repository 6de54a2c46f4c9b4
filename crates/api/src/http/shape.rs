//! The second half of the guard: what a parsed document amounts to when its fragments are spread, summed without
//! spreading them. See [`super::guard`] for why it stands before the validator.
//!
//! Each fragment is summed once and remembered, so the work is linear in the document. The recursion is as deep as the
//! brackets along one chain of fragments, which [`super::guard::text`] has bounded by the number of tokens.

use std::collections::HashMap;

use async_graphql::Name;
use async_graphql::Positioned;
use async_graphql::parser::types::{ExecutableDocument, FragmentDefinition, OperationType, Selection, SelectionSet};

use super::guard::{
    FIELDS_A_TYPE, INTROSPECTED_ITEMS, INTROSPECTED_TYPES, MAX_ALIASES, MAX_DEPTH, MAX_INTROSPECTED,
    MAX_ROOT_MUTATIONS, MAX_SELECTIONS, Refusal, within,
};

/// The fields of introspection whose answers are lists of objects.
const LISTS: [&str; 8] =
    ["types", "directives", "fields", "inputFields", "interfaces", "possibleTypes", "enumValues", "args"];

/// Checks the document's shape and says what kind of operation it is.
pub fn shape(document: &ExecutableDocument) -> Result<OperationType, Refusal> {
    let mut operations = document.operations.iter().map(|(_, operation)| &operation.node);
    let (Some(operation), 0) = (operations.next(), operations.count()) else {
        return Err(Refusal::Operations(document.operations.iter().count()));
    };
    let mut survey = Survey { fragments: &document.fragments, sums: HashMap::new(), aliases: 0 };
    let root = survey.sum(&operation.selection_set.node)?;
    for name in document.fragments.keys() {
        survey.fragment(name)?;
    }
    match operation.ty {
        OperationType::Query => {}
        OperationType::Mutation => within("root fields in the mutation", root.fields, MAX_ROOT_MUTATIONS)?,
        OperationType::Subscription => {
            let items = &operation.selection_set.node.items;
            if items.len() != 1 || !items.iter().all(|item| matches!(item.node, Selection::Field(_))) {
                return Err(Refusal::SubscriptionRoot(root.fields));
            }
        }
    }
    Ok(operation.ty)
}

/// What a selection set comes to when everything in it is spread.
#[derive(Clone, Copy, Default)]
struct Sum {
    /// Fields, inline fragments and spreads at every level.
    selections: usize,
    /// Levels of fields.
    depth: usize,
    /// Fields at the first level.
    fields: usize,
    /// Fields at every level, those in lists of introspection as often as there are items: what it comes to if this
    /// stands within introspection.
    multiplied: usize,
    /// The same for each type on average, if this stands in the list of all types: a few have many fields, most have few.
    of_each_type: usize,
    /// The same of what does stand within introspection.
    introspected: usize,
}

impl Sum {
    /// Of a field, by what is selected in it.
    fn field(name: &str, inner: Self) -> Self {
        let times = |items: usize, each: usize| each.saturating_add(1).saturating_mul(items);
        let is_list = LISTS.contains(&name);
        let multiplied = match name {
            "types" => times(INTROSPECTED_TYPES, inner.of_each_type),
            _ if is_list => times(INTROSPECTED_ITEMS, inner.multiplied),
            _ => times(1, inner.multiplied),
        };
        let average = if name == "fields" { FIELDS_A_TYPE } else { 1 };
        let of_each_type = times(average, if is_list { inner.of_each_type } else { inner.multiplied });
        let introspected = if matches!(name, "__schema" | "__type") { multiplied } else { inner.introspected };
        let (selections, depth) = (1 + inner.selections, 1 + inner.depth);
        Self { selections, depth, fields: 1, multiplied, of_each_type, introspected }
    }

    fn add(&mut self, other: Self) -> Result<(), Refusal> {
        self.selections += other.selections;
        self.depth = self.depth.max(other.depth);
        self.fields += other.fields;
        self.multiplied = self.multiplied.saturating_add(other.multiplied);
        self.of_each_type = self.of_each_type.saturating_add(other.of_each_type);
        self.introspected = self.introspected.saturating_add(other.introspected);
        within("selections, counted where their fragments are spread", self.selections, MAX_SELECTIONS)?;
        within("levels of fields", self.depth, MAX_DEPTH)?;
        within("fields of introspection, counted by the length of its lists", self.introspected, MAX_INTROSPECTED)
    }
}

struct Survey<'a> {
    fragments: &'a HashMap<Name, Positioned<FragmentDefinition>>,
    /// Of each fragment its sum, or `None` while it is being summed.
    sums: HashMap<&'a str, Option<Sum>>,
    aliases: usize,
}

impl<'a> Survey<'a> {
    fn sum(&mut self, set: &'a SelectionSet) -> Result<Sum, Refusal> {
        let mut sum = Sum::default();
        for item in &set.items {
            sum.add(match &item.node {
                Selection::Field(field) => {
                    self.aliases += usize::from(field.node.alias.is_some());
                    within("aliases", self.aliases, MAX_ALIASES)?;
                    let inner = self.sum(&field.node.selection_set.node)?;
                    Sum::field(&field.node.name.node, inner)
                }
                Selection::InlineFragment(fragment) => {
                    let inner = self.sum(&fragment.node.selection_set.node)?;
                    Sum { selections: 1 + inner.selections, ..inner }
                }
                Selection::FragmentSpread(spread) => {
                    let inner = self.fragment(&spread.node.fragment_name.node)?;
                    Sum { selections: 1 + inner.selections, ..inner }
                }
            })?;
        }
        Ok(sum)
    }

    fn fragment(&mut self, name: &Name) -> Result<Sum, Refusal> {
        // an unknown fragment is for the validator to name
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Ok(Sum::default()) };
        match self.sums.get(name.as_str()) {
            Some(Some(sum)) => Ok(*sum),
            Some(None) => Err(Refusal::Cycle(name.to_string())),
            None => {
                self.sums.insert(name, None);
                let sum = self.sum(&fragment.node.selection_set.node)?;
                self.sums.insert(name, Some(sum));
                Ok(sum)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape_of(document: &str) -> Result<OperationType, Refusal> {
        super::super::guard::text(document)?;
        shape(&async_graphql::parser::parse_query(document).unwrap())
    }

    fn doubling(fragments: usize) -> String {
        let doubled = |n: usize| format!("fragment F{n} on Q {{ ...F{} ...F{} }}", n + 1, n + 1);
        let fragment: Vec<String> = (0..fragments).map(doubled).collect();
        format!("{{ ...F0 }} {} fragment F{fragments} on Q {{ a }}", fragment.join(" "))
    }

    #[test]
    fn fragments_count_wherever_they_are_spread() {
        assert_eq!(shape_of(&doubling(5)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&doubling(22)), Err(Refusal::TooMuch { most: MAX_SELECTIONS, .. })));
        assert!(matches!(shape_of(&doubling(120)), Err(Refusal::TooMuch { most: MAX_SELECTIONS, .. })));
    }

    #[test]
    fn a_fragment_does_not_contain_itself() {
        let cycle = "{ ...A } fragment A on Q { a { ...B } } fragment B on Q { a { ...A } }";
        assert!(matches!(shape_of(cycle), Err(Refusal::Cycle(_))));
        assert_eq!(shape_of("{ a } fragment A on Q { ...A }"), Err(Refusal::Cycle("A".into())), "also when unused");
    }

    #[test]
    fn depth_is_measured_through_fragments() {
        let chain = |levels: usize| format!("{}a{}", "{ a ".repeat(levels - 1) + "{", "}".repeat(levels));
        assert_eq!(shape_of(&chain(20)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&chain(21)), Err(Refusal::TooMuch { most: MAX_DEPTH, .. })));
        let (ten, eleven) = ("{ a ".repeat(10), "{ a ".repeat(11));
        let spread = format!("{ten}{{ ...F }}{} fragment F on Q {eleven}{}", "}".repeat(10), "}".repeat(11));
        assert!(matches!(shape_of(&spread), Err(Refusal::TooMuch { most: MAX_DEPTH, .. })));
    }

    #[test]
    fn the_lists_of_introspection_multiply_below_each_other_and_add_up_beside() {
        let pairs = |n: usize| {
            format!(
                "{{ __type(name: \"N\") {{ {}name{} }} }}",
                "possibleTypes { interfaces { ".repeat(n),
                " } }".repeat(n)
            )
        };
        assert_eq!(shape_of(&pairs(1)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&pairs(2)), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })));
        let spread =
            "{ __type(name: \"N\") { ...A } } fragment A on __Type { fields { type { fields { type { ...B } } } } }
            fragment B on __Type { fields { type { fields { args { name } } } } }";
        assert!(matches!(shape_of(spread), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })), "through fragments");
        let beside = |n: usize| {
            let schema = |n| {
                format!("a{n}: __schema {{ types {{ fields {{ args {{ name description type {{ name }} }} }} }} }} ")
            };
            format!("{{ {} }}", (0..n).map(schema).collect::<String>())
        };
        assert_eq!(shape_of(&beside(20)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&beside(25)), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })));
        let names = |n: usize| format!("{{ __schema {{ types {{ fields {{ {} }} }} }} }}", "name ".repeat(n));
        assert_eq!(shape_of(&names(120)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&names(140)), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })));
        let elsewhere = format!("{}name{}", "{ fields ".repeat(10) + "{", "}".repeat(11));
        assert_eq!(
            shape_of(&elsewhere),
            Ok(OperationType::Query),
            "fields of these names that are not introspection's"
        );
    }

    #[test]
    fn aliases_and_root_fields_are_bounded() {
        let aliased = |n: usize| (0..n).map(|i| format!("a{i}: a")).collect::<Vec<_>>().join(" ");
        assert!(shape_of(&format!("{{ {} }}", aliased(30))).is_ok());
        assert!(matches!(
            shape_of(&format!("{{ {} }}", aliased(31))),
            Err(Refusal::TooMuch { most: MAX_ALIASES, found: 31, .. })
        ));
        assert!(shape_of(&format!("mutation {{ {} }}", aliased(10))).is_ok());
        let spread = format!("mutation {{ a ...F }} fragment F on M {{ {} }}", aliased(10));
        assert!(matches!(shape_of(&spread), Err(Refusal::TooMuch { most: MAX_ROOT_MUTATIONS, .. })));
    }

    #[test]
    fn a_request_is_one_operation_and_a_subscription_one_field() {
        assert_eq!(shape_of("query A { a } query B { a }"), Err(Refusal::Operations(2)));
        assert_eq!(shape_of("subscription { a }"), Ok(OperationType::Subscription));
        assert_eq!(shape_of("subscription { a b }"), Err(Refusal::SubscriptionRoot(2)));
        assert!(shape_of("subscription { ...F } fragment F on S { a }").is_err());
    }
}
