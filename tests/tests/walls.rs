//! Promise A2: practices are walls, and on PostgreSQL row-level security can be a second one. Here the product runs behind
//! it, and every table that the catalogue knows is looked at from inside. How it is raised and what it says where it cannot
//! be is in the store's own tests.

use std::collections::{BTreeMap, BTreeSet};

use domain::id::{AccessLogId, LogId};
use serde_json::json;
use store::{Id, Options, Snapshot, Store, Type, Value};
use tests::{Product, run_walled};

use crate::matrix::World;

/// Tables that belong to no log: who reads for somebody has no right to them.
const OF_NO_LOG: [&str; 3] = ["meta", "projections", "schema_version"];

/// The tables of the database, and whether each has a log.
async fn tables(store: &Store) -> BTreeMap<String, bool> {
    let asked = "select c.relname::text, exists (select 1 from pg_attribute as a where a.attrelid = c.oid \
                 and a.attname = 'log_id') from pg_class as c join pg_namespace as n on n.oid = c.relnamespace \
                 where c.relkind in ('r', 'p') and n.nspname = current_schema()";
    let mut snapshot = store.snapshot().await.expect("a snapshot");
    let rows = snapshot.query(asked, &[], &[Type::Text, Type::Bool]).await.expect("tables");
    let read = |row: Vec<Value>| match <[Value; 2]>::try_from(row).expect("two columns") {
        [Value::Text(name), Value::Bool(has_log)] => (name, has_log),
        other => panic!("{other:?}"),
    };
    rows.into_iter().map(read).collect()
}

/// How many rows of each log a table shows here.
async fn shown(snapshot: &mut Snapshot, table: &str) -> BTreeMap<Id, i64> {
    let asked = format!("select log_id, count(*) from {table} group by log_id");
    let rows = snapshot.query(asked.leak(), &[], &[Type::Bytes, Type::Int]).await;
    let read = |row: Vec<Value>| match <[Value; 2]>::try_from(row).expect("two columns") {
        [Value::Bytes(log), Value::Int(count)] => (log.try_into().expect("an id"), count),
        other => panic!("{other:?}"),
    };
    rows.unwrap_or_else(|error| panic!("{table}: {error}")).into_iter().map(read).collect()
}

/// Whether the catalogue knows a policy of a table for readers, and none for anybody else.
async fn is_walled(store: &Store, table: &str) -> bool {
    let asked = "select coalesce(bool_and(c.relrowsecurity and p.polroles = array[r.oid] and p.polcmd = 'r'), false) \
                 from pg_class as c join pg_policy as p on p.polrelid = c.oid cross join pg_roles as r \
                 where r.rolname = ? and c.oid = cast(? as text)::regclass";
    let role = store.wall().expect("a wall").role.clone();
    let mut snapshot = store.snapshot().await.expect("a snapshot");
    let binds = [Value::Text(role), Value::Text(table.to_owned())];
    let rows = snapshot.query(asked, &binds, &[Type::Bool]).await.expect("a policy");
    rows == [[Value::Bool(true)]]
}

/// A practice's log and its access log.
fn logs(practice: &str) -> [Id; 2] {
    let Some(log @ LogId::Practice(id)) = LogId::parse(practice) else { panic!("{practice} is no practice") };
    [log, LogId::AccessLog(AccessLogId::of_practice(id))].map(|log| log.uuid().into_bytes())
}

/// Two practices and a third one, all of them with clients, sessions, readings and whatever else there is.
async fn world(product: Product) -> World {
    let world = World::begin(product).await;
    let query = "query($p: ID!, $c: ID!) { viewer { coachPortal(practiceId: $p) { coachee(id: $c) { synopsis } } } }";
    // Somebody reads what others wrote: an entry of the access log.
    world.people[1].ask(query, json!({ "p": world.practice, "c": world.robin.coachee })).await;
    world.product.app.sign_checkpoints(None).await.expect("checkpoints");
    let later =
        "create table if not exists later_1 (log_id bytea not null, id bytea not null, primary key (log_id, id))";
    let store = world.product.app.store();
    store.ensure(later, 1).await.expect("a table that comes later");
    store.ensure("insert into later_1 select log_id, log_id from heads", 1).await.expect("rows");
    world
}

/// The walk over the catalogue: without a name no table shows a row; with a practice's name none shows another's; and
/// who is not behind the wall sees them all, so that the walk is not blind.
#[test]
fn no_table_shows_what_was_not_named() {
    run_walled(|product| async move {
        let world = world(product).await;
        let (store, here, there) = (world.product.app.store(), logs(&world.practice), logs(&world.far.practice));
        let tables = tables(store).await;
        let of_no_log: Vec<&str> =
            tables.iter().filter(|(_, has_log)| !**has_log).map(|(name, _)| name.as_str()).collect();
        assert_eq!(of_no_log, OF_NO_LOG, "a table without a log is nobody's to read");
        let open = Store::open(&Options::new(&world.product.place.url)).await.expect("the store without a wall");
        let (mut seen, mut rows) = (BTreeSet::new(), 0);
        for (table, _) in tables.iter().filter(|(_, has_log)| **has_log) {
            let all = shown(&mut store.snapshot().await.expect("a snapshot"), table).await;
            let without = shown(&mut open.snapshot_of(&[]).await.expect("a snapshot"), table).await;
            assert_eq!(all, without, "{table}: without the wall a reader sees what the owner sees");
            let nothing = shown(&mut store.snapshot_of(&[]).await.expect("a snapshot"), table).await;
            assert!(nothing.is_empty(), "{table} shows rows to who names nothing: {nothing:?}");
            for named in [here, there] {
                let shown = shown(&mut store.snapshot_of(&named).await.expect("a snapshot"), table).await;
                let expected = all.iter().filter(|(log, _)| named.contains(log)).map(|(log, count)| (*log, *count));
                assert_eq!(shown, expected.collect(), "{table}");
                rows += shown.values().sum::<i64>();
            }
            // What is empty here shows nothing to anybody: of it the catalogue alone can tell.
            assert!(!all.is_empty() || is_walled(store, table).await, "{table} has no policy");
            if !all.is_empty() {
                seen.insert(table);
            }
        }
        assert!(seen.len() >= 25 && rows > 100, "only {rows} rows of {} tables: {seen:?}", seen.len());
        for table in OF_NO_LOG {
            let asked = format!("select count(*) from {table}");
            let mut snapshot = store.snapshot_of(&here).await.expect("a snapshot");
            let refused =
                snapshot.query(asked.leak(), &[], &[Type::Int]).await.expect_err("a reader has no right to it");
            assert!(refused.to_string().contains("permission denied"), "{table}: {refused}");
        }
        open.close().await;
        world.product.prove().await;
    });
}

/// Stories that run on every database run behind the wall as well. `THROUGHLINE_TEST_WALLED=1` has all of them do so.
macro_rules! behind_the_wall {
    ($($module:ident::$story:ident)+) => {$(
        #[test]
        fn $story() {
            run_walled(crate::$module::$story::story);
        }
    )+};
}

behind_the_wall! {
    story::the_main_job_runs_from_sign_up_to_proof
    story::an_invitation_that_nobody_accepts_ends_once
    matrix::every_mutation_is_done_by_whom_the_table_says
    matrix::every_subscription_is_followed_by_whom_the_table_says
    matrix::every_field_shows_what_the_table_says
    matrix::every_reading_of_a_confidential_text_leaves_one_entry
    statements::the_number_of_statements_does_not_grow_with_pages
    statements::lists_read_together_are_each_parents_own
    reads::r3_each_reviews_what_is_theirs
    proof::a_reviewer_downloads_a_proof_and_verifies_it_offline
    as_of::what_was_is_shown_to_who_may_see_it_now
    as_of::a_moment_goes_on_without_what_a_lost_key_sealed
    notes::two_editors_interleaving_never_lose_a_line
}
