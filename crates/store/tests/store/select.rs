//! Questions to rows, compared with the same question asked in memory.

use std::cmp::Ordering;

use store::{
    Activity, Direction, Error, Filter, Id, Lists, Named, Owners, Parent, Row, Select, Sight, Store, Table, Take, Value,
};

use crate::stage::{Stage, both, event, id, row, table};

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % sides
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.roll(choices.len())].clone()
    }
}

fn column<'a>(table: &Table, row: &'a Row, name: &str) -> &'a Value {
    &row.columns[table.columns.iter().position(|(known, _)| known == name).expect("a column")]
}

fn compare(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => left.total_cmp(right),
        (Value::Bytes(left), Value::Bytes(right)) => left.cmp(right),
        other => panic!("{other:?} cannot be compared"),
    }
}

fn passes(table: &Table, row: &Row, filter: &Filter) -> bool {
    let is = |name: &str, value: &Value, wanted: &[Ordering]| {
        let found = column(table, row, name);
        *found != Value::Null && wanted.contains(&compare(found, value))
    };
    let text =
        |name: &str| if let Value::Text(text) = column(table, row, name) { text.clone() } else { panic!("{name}") };
    match filter {
        Filter::Eq(name, value) => is(name, value, &[Ordering::Equal]),
        Filter::In(name, values) => values.iter().any(|value| is(name, value, &[Ordering::Equal])),
        Filter::Ge(name, value) => is(name, value, &[Ordering::Greater, Ordering::Equal]),
        Filter::Le(name, value) => is(name, value, &[Ordering::Less, Ordering::Equal]),
        Filter::Gt(name, value) => is(name, value, &[Ordering::Greater]),
        Filter::Lt(name, value) => is(name, value, &[Ordering::Less]),
        Filter::IsNull(name) => *column(table, row, name) == Value::Null,
        Filter::NotNull(name) => *column(table, row, name) != Value::Null,
        Filter::Prefix(name, prefix) => text(name).starts_with(prefix.as_str()),
        Filter::Contains(name, part) => text(name).contains(part.as_str()),
        Filter::Any(filters) => filters.iter().any(|filter| passes(table, row, filter)),
        Filter::Named(..) => panic!("rows of another table are asked for in a test of their own"),
    }
}

fn sees(sight: &Sight, row: &Row) -> bool {
    let subject = sight.everyone || sight.subjects.contains(&row.subject);
    let mine = row.owner.is_some() && row.owner == sight.me;
    let owner = match sight.owners {
        Owners::Unowned => false,
        Owners::Mine => mine,
        Owners::MineOrShared => mine || row.shared,
    };
    subject && (row.owner.is_none() || owner)
}

/// The place of a row in an order.
fn place(table: &Table, row: &Row, order: &[(String, Direction)]) -> Vec<Value> {
    let mut place: Vec<Value> = order.iter().map(|(name, _)| column(table, row, name).clone()).collect();
    place.push(Value::from(row.id));
    place
}

fn compare_places(left: &[Value], right: &[Value], order: &[(String, Direction)]) -> Ordering {
    let last = order.last().map_or(Direction::Ascending, |(_, direction)| *direction);
    let directions = order.iter().map(|(_, direction)| *direction).chain([last]);
    left.iter().zip(right).zip(directions).fold(Ordering::Equal, |so_far, ((left, right), direction)| {
        let next = compare(left, right);
        so_far.then(if direction == Direction::Ascending { next } else { next.reverse() })
    })
}

/// What the question means.
fn answer(rows: &[Row], asked: &Select<'_>) -> Vec<Row> {
    let passes_all = |row: &&Row| {
        let at = place(asked.table, row, &asked.order);
        row.log == asked.log
            && asked.sight.is_none_or(|sight| sees(sight, row))
            && asked.filters.iter().all(|filter| passes(asked.table, row, filter))
            && asked.after.as_ref().is_none_or(|after| compare_places(&at, after, &asked.order).is_gt())
            && asked.before.as_ref().is_none_or(|before| compare_places(&at, before, &asked.order).is_lt())
    };
    let mut found: Vec<Row> = rows.iter().filter(passes_all).cloned().collect();
    found.sort_by(|left, right| {
        let places = (place(asked.table, left, &asked.order), place(asked.table, right, &asked.order));
        compare_places(&places.0, &places.1, &asked.order)
    });
    let limit = found.len().min(usize::try_from(asked.limit).expect("small"));
    match asked.take {
        Take::First => found.truncate(limit),
        Take::Last => drop(found.drain(..found.len() - limit)),
    }
    found
}

fn any_filter(dice: &mut Dice) -> Filter {
    let name = |name: &str| name.to_owned();
    let title = |dice: &mut Dice| dice.one_of(&["", "a", "a%", "b_", "Ä", "z", "z\u{d7ff}", "\u{10ffff}"]).to_owned();
    let due = |dice: &mut Dice| Value::Int(dice.one_of(&[-9, -4, -1, 0, 2, 4]));
    match dice.roll(12) {
        0 => Filter::Eq(name("title"), Value::Text(title(dice))),
        1 => Filter::Ge(name("title"), Value::Text(title(dice))),
        2 => Filter::Lt(name("title"), Value::Text(title(dice))),
        3 => Filter::Prefix(name("title"), title(dice)),
        4 => Filter::Contains(name("title"), title(dice)),
        5 => Filter::Gt(name("due"), due(dice)),
        6 => Filter::In(name("due"), (0..dice.roll(4)).map(|_| due(dice)).collect()),
        7 => Filter::Eq(name("open"), Value::Bool(dice.roll(2) == 0)),
        8 => Filter::Le(name("share"), Value::Float(0.5)),
        9 => dice.one_of(&[Filter::IsNull(name("goal")), Filter::NotNull(name("goal"))]),
        10 => Filter::Eq(name("goal"), Value::from(id(41))),
        _ => Filter::Any(vec![any_filter(dice), any_filter(dice)]),
    }
}

async fn with_rows(stage: &Stage) -> (Store, Table, Vec<Row>) {
    let store = stage.open().await;
    let (table, ddl) = table("goal_1");
    store.ensure(&ddl, 5).await.unwrap();
    let rows: Vec<Row> = (0..400).map(|number| row(1 + number % 2, number)).collect();
    let mut batch = store.batch().await.unwrap();
    batch.upsert(&table, &rows).await.unwrap();
    batch.commit().await.unwrap();
    (store, table, rows)
}

fn any_sight(dice: &mut Dice) -> Sight {
    Sight {
        everyone: dice.roll(2) == 0,
        subjects: (0..dice.roll(4)).map(|_| id(10 + u64::try_from(dice.roll(5)).unwrap())).collect(),
        me: dice.one_of(&[None, Some(id(20)), Some(id(22))]),
        owners: dice.one_of(&[Owners::Unowned, Owners::Mine, Owners::MineOrShared]),
    }
}

both! {
/// Filters, sight, orders, cursors from both ends: hundreds of questions, and each time the answer in memory.
async fn questions_are_answered_as_in_memory(stage: &Stage) {
    let (store, table, rows) = with_rows(stage).await;
    let mut dice = Dice(42);
    let mut snapshot = store.snapshot().await.unwrap();
    let mut answered = 0;
    for _ in 0..400 {
        let sight = any_sight(&mut dice);
        let directions = [Direction::Ascending, Direction::Descending];
        let names = ["title", "due", "open", "share"];
        let columns = 0..dice.roll(3);
        let order: Vec<_> = columns.map(|_| (dice.one_of(&names).to_owned(), dice.one_of(&directions))).collect();
        let cursor = |dice: &mut Dice| {
            let row = dice.one_of(&rows);
            (dice.roll(3) == 0).then(|| place(&table, &row, &order))
        };
        let asked = Select {
            sight: (dice.roll(2) == 0).then_some(&sight),
            filters: (0..dice.roll(3)).map(|_| any_filter(&mut dice)).collect(),
            after: cursor(&mut dice),
            before: cursor(&mut dice),
            take: dice.one_of(&[Take::First, Take::Last]),
            order: order.clone(),
            ..Select::new(&table, id(1), u32::try_from(dice.roll(60)).unwrap())
        };
        let wanted = answer(&rows, &asked);
        answered += wanted.len();
        assert_eq!(snapshot.select(&asked).await.unwrap(), wanted, "{asked:?}");
        let documents: Vec<_> = wanted.iter().map(|row| (row.id, row.document.clone())).collect();
        assert_eq!(snapshot.documents(&asked).await.unwrap(), documents);
        let all = Select { after: None, before: None, limit: 1000, ..asked };
        let wanted = u64::try_from(answer(&rows, &all).len()).unwrap();
        assert_eq!(snapshot.count(&all).await.unwrap(), wanted, "{all:?}");
    }
    assert!(answered > 1000, "the questions have answers: {answered}");
}
}

both! {
/// Rows that are named by rows of a table, which are seen and pass filters of their own; and counts of many parents in
/// one statement.
async fn named_rows_and_counts_are_answered_as_in_memory(stage: &Stage) {
    let (store, table, rows) = with_rows(stage).await;
    let mut dice = Dice(11);
    let mut snapshot = store.snapshot().await.unwrap();
    let (mut named_rows, mut counted) = (0, 0);
    for _ in 0..150 {
        let (sight, outer) = (any_sight(&mut dice), any_sight(&mut dice));
        let by = dice.one_of(&["subject", "goal", "id"]);
        let filters: Vec<Filter> = (0..dice.roll(3)).map(|_| any_filter(&mut dice)).collect();
        let inner = Select {
            sight: (dice.roll(2) == 0).then_some(&sight),
            filters: filters.clone(),
            ..Select::new(&table, id(1), 1000)
        };
        let naming = answer(&rows, &inner);
        let named = Filter::Named(
            by.to_owned(),
            Named { table: table.clone(), column: by.to_owned(), sight: inner.sight.cloned(), filters },
        );
        let value = |row: &Row| match by {
            "subject" => Value::from(row.subject),
            "id" => Value::from(row.id),
            _ => column(&table, row, by).clone(),
        };
        let asked = Select { sight: Some(&outer), ..Select::new(&table, id(1), 1000) };
        let wanted: Vec<Row> = answer(&rows, &asked)
            .into_iter()
            .filter(|row| value(row) != Value::Null && naming.iter().any(|naming| value(naming) == value(row)))
            .collect();
        named_rows += wanted.len();
        let asked = Select { filters: vec![named.clone()], ..asked };
        assert_eq!(snapshot.select(&asked).await.unwrap(), wanted, "{asked:?}");
        let asked = Select { filters: vec![Filter::Any(vec![named])], ..asked };
        assert_eq!(snapshot.select(&asked).await.unwrap(), wanted, "{asked:?}");

        let parents = [id(39), id(40), id(41), id(42)];
        let before = store.statements();
        let mut counts = snapshot.counts(&inner, "goal", &parents).await.unwrap();
        assert_eq!(store.statements() - before, 1);
        counts.sort_unstable();
        let of = |parent: Id| answer(&rows, &inner).iter().filter(|row| *column(&table, row, "goal") == Value::from(parent)).count();
        let wanted: Vec<(Id, u64)> = parents.iter().map(|parent| (*parent, of(*parent) as u64)).filter(|(_, count)| *count > 0).collect();
        counted += wanted.len();
        assert_eq!(counts, wanted, "{inner:?}");
    }
    assert!(named_rows > 1_000 && counted > 50, "the questions have answers: {named_rows} {counted}");
    let named = Named { table: table.clone(), column: "title".to_owned(), sight: None, filters: Vec::new() };
    let asked = Select { filters: vec![Filter::Named("id".to_owned(), named)], ..Select::new(&table, id(1), 1) };
    assert!(matches!(snapshot.select(&asked).await, Err(Error::Senseless(_))));
    assert!(matches!(snapshot.counts(&Select::new(&table, id(1), 1), "title", &[id(40)]).await, Err(Error::Senseless(_))));
}
}

both! {
/// However many parents ask, and though each has a place of its own.
async fn lists_of_very_many_parents_are_answered(stage: &Stage) {
    let (store, table, rows) = with_rows(stage).await;
    let order = vec![("title".to_owned(), Direction::Ascending), ("due".to_owned(), Direction::Ascending)];
    let first = Some(vec![Value::Text(String::new()), Value::Int(i64::MIN), Value::from(id(0))]);
    let goals = [id(40), id(41), id(42)];
    for after in [None, first] {
        let select = Select { order: order.clone(), ..Select::new(&table, id(1), 2) };
        let of = |goal: &Id| {
            let filters = vec![Filter::Eq("goal".to_owned(), Value::from(*goal))];
            answer(&rows, &Select { filters, after: after.clone(), ..select.clone() })
        };
        let lists: Vec<Vec<Row>> = goals.iter().map(of).collect();
        let (mut parents, mut wanted) = (Vec::new(), Vec::new());
        for number in 0..5_000 {
            parents.push(Parent { id: goals[number % 3], after: after.clone() });
            wanted.extend(lists[number % 3].iter().map(|row| (number, row.id, row.document.clone())));
        }
        assert!(wanted.len() > 5_000, "they have answers");
        let asked = Lists { select, column: "goal", parents };
        let mut snapshot = store.snapshot().await.unwrap();
        assert!(snapshot.lists(&asked).await.unwrap() == wanted);
    }
}
}

both! {
/// The lists of many parents in one statement are what each parent's own question answers, whatever is asked.
async fn lists_are_answered_as_one_by_one(stage: &Stage) {
    let (store, table, rows) = with_rows(stage).await;
    let mut dice = Dice(7);
    let mut snapshot = store.snapshot().await.unwrap();
    let mut answered = 0;
    for _ in 0..150 {
        let sight = any_sight(&mut dice);
        let direction = dice.one_of(&[Direction::Ascending, Direction::Descending]);
        let names = ["title", "due", "open", "share"];
        let order: Vec<_> = (0..dice.roll(3)).map(|_| (dice.one_of(&names).to_owned(), direction)).collect();
        let placed = dice.roll(2) == 0;
        let parents = (0..dice.roll(6)).map(|_| Parent {
            id: id(39 + u64::try_from(dice.roll(5)).unwrap()),
            after: placed.then(|| place(&table, &dice.one_of(&rows), &order)),
        });
        let parents: Vec<Parent> = parents.collect();
        let select = Select {
            sight: (dice.roll(2) == 0).then_some(&sight),
            filters: (0..dice.roll(2)).map(|_| any_filter(&mut dice)).collect(),
            before: (dice.roll(3) == 0).then(|| place(&table, &dice.one_of(&rows), &order)),
            take: dice.one_of(&[Take::First, Take::Last]),
            order,
            ..Select::new(&table, id(1), u32::try_from(dice.roll(20)).unwrap())
        };
        let mut wanted = Vec::new();
        for (number, parent) in parents.iter().enumerate() {
            let filters = select.filters.iter().cloned();
            let goal = Filter::Eq("goal".to_owned(), Value::from(parent.id));
            let filters = filters.chain([goal]).collect();
            let own = Select { filters, after: parent.after.clone(), ..select.clone() };
            wanted.extend(answer(&rows, &own).into_iter().map(|row| (number, row.id, row.document)));
        }
        answered += wanted.len();
        let asked = Lists { select, column: "goal", parents };
        let before = store.statements();
        assert_eq!(snapshot.lists(&asked).await.unwrap(), wanted, "{asked:?}");
        assert_eq!(store.statements() - before, u64::from(!asked.parents.is_empty()), "{asked:?}");
    }
    assert!(answered > 500, "the questions have answers: {answered}");
    let two_ways = vec![("title".to_owned(), Direction::Ascending), ("due".to_owned(), Direction::Descending)];
    let after = Some(place(&table, &rows[0], &two_ways));
    let parents = vec![Parent { id: id(40), after }, Parent { id: id(41), after: None }];
    let select = Select { order: two_ways, ..Select::new(&table, id(1), 3) };
    for (column, parents) in [("goal", parents.clone()), ("goal", parents[..1].to_vec()), ("due", Vec::from([Parent { id: id(40), after: None }]))] {
        let asked = Lists { select: select.clone(), column, parents };
        assert!(matches!(snapshot.lists(&asked).await, Err(Error::Senseless(_))), "{asked:?}");
    }
}
}

both! {
/// The histories of many things or subjects in one statement are what each one's own question answers.
async fn histories_are_answered_as_one_by_one(stage: &Stage) {
    let store = stage.open().await;
    let mut batch = store.batch().await.unwrap();
    batch.append(&(1..=60).map(|seq| event(1, seq)).chain((1..=60).map(|seq| event(2, seq))).collect::<Vec<_>>()).await.unwrap();
    batch.commit().await.unwrap();
    let mut snapshot = store.snapshot().await.unwrap();
    let sight = Sight { everyone: false, subjects: vec![id(10), id(12)], me: Some(id(20)), owners: Owners::Mine };
        let mut answered = 0;
    for (column, ids) in [("thing", [0, 1, 9]), ("subject", [10, 11, 12])] {
        for asked in [
            Activity { log: id(1), limit: 4, short_bytes_max: Some(9), ..Activity::default() },
            Activity { log: id(1), limit: 40, descending: true, sight: Some(&sight), ..Activity::default() },
            Activity { log: id(1), limit: 3, kinds: vec!["plan.goal_set".to_owned()], before_seq: Some(50), descending: true, ..Activity::default() },
        ] {
            let ids = ids.map(id);
            let mut wanted = Vec::new();
            for (number, id) in ids.into_iter().enumerate() {
                let (thing, subject) = if column == "thing" { (Some(id), None) } else { (None, Some(id)) };
                let events = snapshot.activity(&Activity { thing, subject, ..asked.clone() }).await.unwrap();
                wanted.extend(events.into_iter().map(|event| (number, event)));
            }
            answered += wanted.len();
            assert_eq!(snapshot.histories(&asked, column, &ids).await.unwrap(), wanted, "{column} {asked:?}");
        }
    }
    assert!(answered > 50, "the questions have answers: {answered}");
    let asked = Activity { log: id(1), limit: 1, ..Activity::default() };
    assert!(matches!(snapshot.histories(&asked, "actor", &[id(1)]).await, Err(Error::Senseless(_))));
}
}

both! {
/// A list is read to its end and back, page by page, without a gap or a repeat.
async fn pages_meet(stage: &Stage) {
    let (store, table, rows) = with_rows(stage).await;
    let order = vec![("title".to_owned(), Direction::Descending), ("due".to_owned(), Direction::Ascending)];
    let all = answer(&rows, &Select { order: order.clone(), ..Select::new(&table, id(1), 1000) });
    let mut snapshot = store.snapshot().await.unwrap();
    let mut there = Vec::new();
    loop {
        let after = there.last().map(|row| place(&table, row, &order));
        let asked = Select { order: order.clone(), after, ..Select::new(&table, id(1), 17) };
        let page = snapshot.select(&asked).await.unwrap();
        if page.is_empty() {
            break;
        }
        there.extend(page);
    }
    assert_eq!(there, all);
    let mut back: Vec<Row> = Vec::new();
    loop {
        let before = back.first().map(|row| place(&table, row, &order));
        let asked = Select { order: order.clone(), before, take: Take::Last, ..Select::new(&table, id(1), 17) };
        let page = snapshot.select(&asked).await.unwrap();
        if page.is_empty() {
            break;
        }
        back.splice(0..0, page);
    }
    assert_eq!(back, all);
}
}

both! {
/// Every sight over every kind of row.
async fn sight_is_the_same_over_all_combinations(stage: &Stage) {
    let (store, table, rows) = with_rows(stage).await;
    let mut snapshot = store.snapshot().await.unwrap();
    let many: Vec<_> = (11..1000).map(id).collect();
    for owners in [Owners::Unowned, Owners::Mine, Owners::MineOrShared] {
        for me in [None, Some(id(20)), Some(id(99))] {
            for subjects in [vec![], vec![id(10)], vec![id(11), id(13), id(999)], many.clone()] {
                for everyone in [false, true] {
                    let sight = Sight { everyone, subjects: subjects.clone(), me, owners };
                    let asked = Select { sight: Some(&sight), ..Select::new(&table, id(1), 1000) };
                    let wanted = answer(&rows, &asked);
                    assert_eq!(snapshot.select(&asked).await.unwrap(), wanted, "{owners:?} {me:?} {everyone}");
                }
            }
        }
    }
}
}

both! {
/// Columns that do not exist, values of another type and cursors of another length are refused.
async fn senseless_questions_are_refused(stage: &Stage) {
    let (store, table, _) = with_rows(stage).await;
    let mut snapshot = store.snapshot().await.unwrap();
    let ask = || Select::new(&table, id(1), 1);
    let order = |name: &str| vec![(name.to_owned(), Direction::Ascending)];
    let senseless = [
        Select { filters: vec![Filter::Eq("due".to_owned(), Value::Text("x".to_owned()))], ..ask() },
        Select { filters: vec![Filter::IsNull("1=1; drop table goal_1".to_owned())], ..ask() },
        Select { filters: vec![Filter::Contains("due".to_owned(), "1".to_owned())], ..ask() },
        Select { order: order("unknown"), ..ask() },
        Select { order: order("due"), after: Some(vec![Value::from(id(1))]), ..ask() },
    ];
    for asked in senseless {
        assert!(matches!(snapshot.select(&asked).await, Err(Error::Senseless(_))), "{asked:?}");
    }
}
}
