//! The second half of the guard: what a parsed document amounts to when its fragments are spread, summed without
//! spreading them. See [`super::guard`] for why it stands before the validator.
//!
//! Each fragment is summed once and remembered, so the work is linear in the document and its variables. The recursion
//! is as deep as the brackets along one chain of fragments, which [`super::guard::text`] has bounded by the number of
//! tokens.

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;

use async_graphql::parser::types::{
    Directive, ExecutableDocument, Field, FragmentDefinition, OperationDefinition, OperationType, Selection,
    SelectionSet,
};
use async_graphql::{Name, Positioned, Value, Variables};

use super::guard::{
    MAX_ALIASES, MAX_COPIED_BYTES, MAX_DEPTH, MAX_ROOT_MUTATIONS, MAX_SELECTIONS, Refusal, USE_BYTES, VALUE_BYTES,
    within,
};
use super::introspection::{Costs, MAX_INTROSPECTED};

/// What is bounded of variables.
const COPIED: &str = "bytes of variables, counted wherever they are used";

/// Checks the document's shape and says what kind of operation it is.
pub fn shape(document: &ExecutableDocument, variables: &Variables) -> Result<OperationType, Refusal> {
    let mut operations = document.operations.iter().map(|(_, operation)| &operation.node);
    let (Some(operation), 0) = (operations.next(), operations.count()) else {
        return Err(Refusal::Operations(document.operations.iter().count()));
    };
    let weights = weights(operation, variables);
    let most_copied = weights.values().fold(MAX_COPIED_BYTES, |most, weight| most.saturating_add(*weight));
    let fragments = &document.fragments;
    let mut survey = Survey { fragments, sums: HashMap::new(), aliases: 0, weights, most_copied, copied: 0 };
    survey.used(None, &operation.directives)?;
    let root = survey.sum(&operation.selection_set.node)?;
    for name in document.fragments.keys() {
        survey.fragment(name)?;
    }
    match operation.ty {
        OperationType::Query => {}
        OperationType::Mutation => {
            within("root fields in the mutation", root.fields, MAX_ROOT_MUTATIONS)?;
            survey.once(&operation.selection_set.node, &mut HashSet::new())?;
        }
        OperationType::Subscription => {
            let items = &operation.selection_set.node.items;
            if items.len() != 1 || !items.iter().all(|item| matches!(item.node, Selection::Field(_))) {
                return Err(Refusal::SubscriptionRoot(root.fields));
            }
        }
    }
    Ok(operation.ty)
}

/// What a use of each variable copies, by its name: the value that was given, or its default.
fn weights<'a>(operation: &'a OperationDefinition, variables: &'a Variables) -> HashMap<&'a str, usize> {
    let declared = operation.variable_definitions.iter().map(|declared| &declared.node);
    let defaults = declared.filter_map(|it| Some((&it.name.node, &it.default_value.as_ref()?.node)));
    let mut weights = HashMap::new();
    for (name, value) in variables.iter().chain(defaults) {
        // Of a variable that is declared twice the validator says so, and reads one of the two before.
        let heaviest: &mut usize = weights.entry(name.as_str()).or_default();
        *heaviest = weight(value).max(*heaviest);
    }
    weights
}

/// What a copy of a value takes, about. Bodies and documents nest no deeper than this recursion can go.
fn weight(value: &Value) -> usize {
    let inner = match value {
        Value::String(text) => text.len(),
        Value::List(items) => items.iter().map(weight).sum(),
        Value::Object(fields) => fields.values().map(weight).sum(),
        Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) => 0,
    };
    VALUE_BYTES + inner
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
    /// What it costs if it stands within introspection.
    costs: Costs,
    /// What that comes to which does.
    introspected: usize,
    /// Bytes of variables' values, at every level.
    copied: usize,
}

impl Sum {
    /// Of a field, by what is selected in it.
    fn field(name: &str, inner: Self) -> Self {
        let costs = Costs::field(name, inner.costs);
        let introspected = if matches!(name, "__schema" | "__type") { costs.whole() } else { inner.introspected };
        let (selections, depth) = (1 + inner.selections, 1 + inner.depth);
        Self { selections, depth, fields: 1, costs, introspected, copied: inner.copied }
    }

    fn add(&mut self, other: Self) -> Result<(), Refusal> {
        self.selections += other.selections;
        self.depth = self.depth.max(other.depth);
        self.fields += other.fields;
        self.costs = self.costs.and(other.costs);
        self.introspected = self.introspected.saturating_add(other.introspected);
        self.copied = self.copied.saturating_add(other.copied);
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
    /// What a use of each variable copies.
    weights: HashMap<&'a str, usize>,
    most_copied: usize,
    /// What was copied so far, each fragment counted once: the validator reads those that nobody spreads too.
    copied: usize,
}

impl<'a> Survey<'a> {
    fn sum(&mut self, set: &'a SelectionSet) -> Result<Sum, Refusal> {
        let mut sum = Sum::default();
        for item in &set.items {
            let field = if let Selection::Field(field) = &item.node { Some(&field.node) } else { None };
            let used = self.used(field, item.node.directives())?;
            let inner = match &item.node {
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
            };
            sum.add(Sum { copied: inner.copied.saturating_add(used), ..inner })?;
            within(COPIED, sum.copied, self.most_copied)?;
        }
        Ok(sum)
    }

    /// What the arguments of a field and of directives copy of variables.
    fn used(&mut self, field: Option<&Field>, directives: &[Positioned<Directive>]) -> Result<usize, Refusal> {
        let own = field.into_iter().flat_map(|field| &field.arguments);
        let all = own.chain(directives.iter().flat_map(|directive| &directive.node.arguments));
        let mut used = 0_usize;
        for (_, value) in all {
            // The way to what is in it, whose type the library does not name; nothing in it fails.
            let _nothing = value.node.clone().into_const_with(|name| {
                let weight = self.weights.get(name.as_str()).copied().unwrap_or_default();
                used = used.saturating_add(weight).saturating_add(USE_BYTES);
                Ok::<Value, Infallible>(Value::Null)
            });
        }
        self.copied = self.copied.saturating_add(used);
        within(COPIED, self.copied, self.most_copied)?;
        Ok(used)
    }

    /// Refuses these root fields where two have the same response key, fragments spread: they are one field (GraphQL October
    /// 2021, section 6.4.3), and the executor would run both. `__typename` may stand twice, as clients have it that add it to
    /// every selection: nothing is run for it. They were summed before, so there are few, and no circle.
    fn once(&self, set: &'a SelectionSet, keys: &mut HashSet<&'a str>) -> Result<(), Refusal> {
        for item in &set.items {
            match &item.node {
                Selection::Field(field) => {
                    let key = field.node.response_key().node.as_str();
                    let is_its_name = field.node.alias.is_none() && key == "__typename";
                    if !is_its_name && !keys.insert(key) {
                        return Err(Refusal::Twice(key.to_owned()));
                    }
                }
                Selection::InlineFragment(fragment) => self.once(&fragment.node.selection_set.node, keys)?,
                Selection::FragmentSpread(spread) => {
                    if let Some(fragment) = self.fragments.get(&spread.node.fragment_name.node) {
                        self.once(&fragment.node.selection_set.node, keys)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn fragment(&mut self, name: &Name) -> Result<Sum, Refusal> {
        // an unknown fragment is for the validator to name
        let Some((name, fragment)) = self.fragments.get_key_value(name) else { return Ok(Sum::default()) };
        match self.sums.get(name.as_str()) {
            Some(Some(sum)) => Ok(*sum),
            Some(None) => Err(Refusal::Cycle(name.to_string())),
            None => {
                self.sums.insert(name, None);
                self.used(None, &fragment.node.directives)?;
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
        shape_with(document, &Variables::default())
    }

    fn shape_with(document: &str, variables: &Variables) -> Result<OperationType, Refusal> {
        super::super::guard::text(document)?;
        shape(&async_graphql::parser::parse_query(document).unwrap(), variables)
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
        assert_eq!(shape_of(&pairs(2)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&pairs(3)), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })));
        let of_all = |n: usize| {
            let (open, close) = ("interfaces { possibleTypes { ".repeat(n), " } }".repeat(n));
            format!("{{ __schema {{ types {{ {open}name{close} }} }} }}")
        };
        assert_eq!(shape_of(&of_all(1)), Ok(OperationType::Query));
        for n in 2..8 {
            assert!(matches!(shape_of(&of_all(n)), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })), "{n}");
        }
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
        assert_eq!(shape_of(&beside(11)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&beside(12)), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })));
        let names = |n: usize| format!("{{ __schema {{ types {{ fields {{ {} }} }} }} }}", "name ".repeat(n));
        assert_eq!(shape_of(&names(56)), Ok(OperationType::Query));
        assert!(matches!(shape_of(&names(58)), Err(Refusal::TooMuch { most: MAX_INTROSPECTED, .. })));
        let elsewhere = format!("{}name{}", "{ fields ".repeat(10) + "{", "}".repeat(11));
        assert_eq!(
            shape_of(&elsewhere),
            Ok(OperationType::Query),
            "fields of these names that are not introspection's"
        );
    }

    #[test]
    fn variables_weigh_wherever_they_are_used() {
        let long = |bytes: usize| Variables::from_json(serde_json::json!({ "v": "v".repeat(bytes) }));
        let copied = |refused: &Result<OperationType, Refusal>| matches!(refused, Err(Refusal::TooMuch { what, .. }) if *what == COPIED);
        let list = |uses: usize| format!("query ($v: ID!) {{ a(b: [{}]) }}", "$v".repeat(uses));
        // one copy is free, whatever a body may hold
        assert_eq!(shape_with(&list(1), &long(32 << 20)), Ok(OperationType::Query));
        assert_eq!(shape_with(&list(64), &long(250_000)), Ok(OperationType::Query));
        assert!(copied(&shape_with(&list(900), &long(250_000))));
        assert_eq!(shape_with(&list(900), &long(10)), Ok(OperationType::Query));
        let spread = |spreads: usize, declared: &str| {
            let fragment = format!("fragment F on Q {{ a(b: [{}]) }}", "$v".repeat(400));
            format!("query ($v: {declared}) {{ {} }} {fragment}", "...F ".repeat(spreads))
        };
        assert_eq!(shape_with(&spread(20, "ID"), &long(100)), Ok(OperationType::Query));
        assert!(copied(&shape_with(&spread(20, "ID"), &long(10_000))), "wherever a fragment is spread");
        assert!(copied(&shape_of(&spread(20, &format!("ID = \"{}\"", "v".repeat(9_000))))), "its default");
        assert!(copied(&shape_of(&spread(500, "ID"))), "what is looked for so often is not free");
        let directives = format!("query ($v: ID!) {{ a @skip(if: [{}]) }}", "$v".repeat(900));
        assert!(copied(&shape_with(&directives, &long(250_000))));
        let unused = format!("query ($v: ID!) {{ a }} fragment F on Q {{ a(b: {{ c: [{}] }}) }}", "$v".repeat(900));
        assert!(copied(&shape_with(&unused, &long(250_000))));
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
    fn a_mutation_has_each_response_key_once() {
        let twice = |key: &str| Err(Refusal::Twice(key.into()));
        assert_eq!(shape_of("mutation { a { b } a { c } }"), twice("a"));
        assert_eq!(shape_of("mutation { a b: a }"), Ok(OperationType::Mutation));
        assert_eq!(shape_of("mutation { a b: a b: c }"), twice("b"), "an alias is the key");
        assert_eq!(shape_of("mutation { a ... { b ...F } } fragment F on M { ... on M { a } }"), twice("a"));
        assert_eq!(shape_of("mutation { ...F ...F } fragment F on M { a }"), twice("a"));
        assert_eq!(shape_of("mutation { a { b b } c { b } }"), Ok(OperationType::Mutation), "of its root fields");
        let named = "mutation { __typename ...F } fragment F on M { __typename a }";
        assert_eq!(shape_of(named), Ok(OperationType::Mutation), "its name is no change");
        assert_eq!(shape_of("mutation { __typename: a ... { __typename: a } }"), twice("__typename"));
        assert_eq!(shape_of("{ a { b } a { c } }"), Ok(OperationType::Query));
    }

    #[test]
    fn a_request_is_one_operation_and_a_subscription_one_field() {
        assert_eq!(shape_of("query A { a } query B { a }"), Err(Refusal::Operations(2)));
        assert_eq!(shape_of("subscription { a }"), Ok(OperationType::Subscription));
        assert_eq!(shape_of("subscription { a b }"), Err(Refusal::SubscriptionRoot(2)));
        assert!(shape_of("subscription { ...F } fragment F on S { a }").is_err());
    }
}
