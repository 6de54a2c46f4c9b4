//! Importing coachees from outside: every row is reported, and nothing is added twice (S1.29's decision, promise H5).

use std::fmt::Write as _;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, both};

use crate::audit::entries;
use crate::plan::position;
use crate::roster::names;

const IMPORT: &str = "mutation($i: ImportCoacheesInput!) { importCoachees(input: $i) {
    rows { line email outcome message coachee { id fullName email status } } ignoredColumns added position errors { code path } } }";

async fn import(by: &Person, practice: &str, csv: &str, mut fields: Value) -> Value {
    (fields["practiceId"], fields["csv"]) = (json!(practice), json!(csv));
    by.ask(IMPORT, json!({ "i": fields })).await["importCoachees"].clone()
}

/// Each row's line and outcome.
fn outcomes(payload: &Value) -> Vec<(u64, &str)> {
    let rows = payload["rows"].as_array().unwrap_or_else(|| panic!("no rows: {payload}"));
    rows.iter()
        .map(|row| (row["line"].as_u64().expect("a line"), row["outcome"].as_str().expect("an outcome")))
        .collect()
}

const MIXED: &str = "\u{feff}First Name;Last name;E-Mail;Department\r\nRobin;Reed;robin@coachee.example;Sales\r\n\
    ;Nobody;nobody@coachee.example;\r\nKim;\"Adler; Elan\";kim@coachee.example;IT\r\nLee;;lee at coachee.example;\r\n\
    Twin;;KIM@coachee.example;\r\n=1+1;@SUM(A1);max@coachee.example;\r\n";

both! {
    /// A dry run reports every row and writes nothing; the import then does what it said, with the events of adding one at a time,
    /// and again it adds nobody.
    #[test]
    async fn s1_29_a_file_is_imported_after_a_dry_run(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let before = position(&ada, &practice).await;
        let skip = json!({ "dryRun": true, "onBadRows": "SKIP" });
        let dry = import(&ada, &practice, MIXED, skip).await;
        let would = [(2, "WOULD_BE_ADDED"), (3, "MISSING_NAME"), (4, "WOULD_BE_ADDED"), (5, "BAD_EMAIL"), (6, "DUPLICATE_IN_FILE"), (7, "WOULD_BE_ADDED")];
        assert_eq!(outcomes(&dry), would);
        assert_eq!((&dry["added"], &dry["position"], &dry["errors"], &dry["ignoredColumns"]), (&json!(3), &Value::Null, &json!([]), &json!(["Department"])));
        assert!(dry["rows"][1]["message"].is_string() && dry["rows"][0]["message"].is_null(), "{dry}");
        assert_eq!(dry["rows"][3]["email"], "lee at coachee.example");
        assert_eq!(position(&ada, &practice).await, before, "a dry run leaves the log as it was");

        // All or nothing, unless one says otherwise.
        let refused = import(&ada, &practice, MIXED, json!({ "dryRun": false })).await;
        assert_eq!(refused["errors"], json!([{ "code": "IMPORT_HAS_BAD_ROWS", "path": ["input", "csv"] }]));
        assert_eq!((outcomes(&refused), &refused["added"], position(&ada, &practice).await), (would.to_vec(), &json!(0), before));

        let skip = json!({ "dryRun": false, "onBadRows": "SKIP" });
        let done = import(&ada, &practice, MIXED, skip.clone()).await;
        let did: Vec<_> = would.iter().map(|(line, outcome)| (*line, outcome.replace("WOULD_BE_ADDED", "ADDED"))).collect();
        assert_eq!(outcomes(&done), did.iter().map(|(line, outcome)| (*line, outcome.as_str())).collect::<Vec<_>>());
        assert_eq!((&done["added"], done["position"].is_string()), (&json!(3), true));
        assert_eq!(done["rows"][2]["coachee"]["fullName"], "Kim Adler; Elan");
        // What a spreadsheet would calculate is a name like any other.
        assert_eq!(done["rows"][5]["coachee"]["fullName"], "=1+1 @SUM(A1)");
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, ["=1+1", "Kim", "Robin"]);
        let log = entries(&ada, "coachPortal", &practice, Value::Null).await;
        let of = |entry: &str| log.iter().filter(|it| it["entry"] == entry).count();
        assert_eq!((of("coachee_add"), of("access_grant"), of("invitation_send")), (3, 3, 0));

        let since = position(&ada, &practice).await;
        let again = import(&ada, &practice, MIXED, skip).await;
        let expected = [(2, "EXISTS_ALREADY"), (3, "MISSING_NAME"), (4, "EXISTS_ALREADY"), (5, "BAD_EMAIL"), (6, "DUPLICATE_IN_FILE"), (7, "EXISTS_ALREADY")];
        assert_eq!((outcomes(&again), &again["added"]), (expected.to_vec(), &json!(0)));
        assert_eq!(again["rows"][0]["coachee"]["id"], done["rows"][0]["coachee"]["id"]);
        assert_eq!(position(&ada, &practice).await, since, "the same file again adds nobody");
        // Who is there already is no bad row.
        let clean = "name,email\nRobin Reed,robin@coachee.example\nZoe,zoe@coachee.example\n";
        let clean = import(&ada, &practice, clean, json!({ "dryRun": false })).await;
        assert_eq!(outcomes(&clean), [(2, "EXISTS_ALREADY"), (3, "ADDED")]);
        product.prove().await;
    }

    /// With invitations everybody who is added gets a mail with a link of their own, and nobody who was there.
    #[test]
    async fn everybody_who_is_imported_is_invited_by_a_link_of_their_own(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        product.coachee(&ada, &practice, "Robin").await;
        let csv = "first name,email\nRobin,robin@coachee.example\nKim,kim@coachee.example\nLee,lee@coachee.example\n";
        let fields = json!({ "dryRun": false, "sendInvitations": true });
        let done = import(&ada, &practice, csv, fields).await;
        assert_eq!(outcomes(&done), [(2, "EXISTS_ALREADY"), (3, "ADDED"), (4, "ADDED")]);
        assert_eq!(done["rows"][1]["coachee"]["status"], "INVITED");
        assert!(product.mail("robin@coachee.example").await.is_empty());
        let (kim, lee) = (product.token("kim@coachee.example", "/invitations/").await, product.token("lee@coachee.example", "/invitations/").await);
        assert_ne!(kim, lee);
        let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t, kind: PROGRAM }) { signedIn { token } errors { code } } }";
        let me = "query($p: ID!) { viewer { coacheePortal(practiceId: $p) { me { firstName } } } }";
        for (token, name) in [(kim, "Kim"), (lee, "Lee")] {
            let accepted = product.stranger().ask(accept, json!({ "t": token })).await;
            let token = accepted["acceptInvitation"]["signedIn"]["token"].as_str().map(str::to_owned);
            let seen = product.stranger().holding(token).ask(me, json!({ "p": practice })).await;
            assert_eq!(seen["viewer"]["coacheePortal"]["me"]["firstName"], json!(name));
        }
        product.prove().await;
    }

    /// Whoever may add a coachee may import, and nobody else; also not dry.
    #[test]
    async fn who_may_not_add_may_not_import(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let bob = product.further_coach(&ada, &practice, "Bob", "COACH").await;
        let robin = product.coachee(&ada, &practice, "Robin").await;
        let coachee = product.accepted(&ada, &practice, &robin, "Robin").await;
        let (ben, _) = product.coach("Ben").await;
        let csv = "first name,email\nKim,kim@coachee.example\nRobin,robin@coachee.example\n";
        let dry = json!({ "dryRun": true });
        // Of somebody whom Bob does not see he learns what adding would tell him, and no more.
        let seen = import(&bob, &practice, csv, dry.clone()).await;
        assert_eq!(outcomes(&seen), [(2, "WOULD_BE_ADDED"), (3, "EXISTS_ALREADY")]);
        assert_eq!(seen["rows"][1]["coachee"], Value::Null);
        let close = json!({ "i": { "practiceId": practice, "coachesMayAddCoachees": false } });
        ada.ask("mutation($i: UpdatePracticeInput!) { updatePractice(input: $i) { errors { code } } }", close).await;
        for dry_run in [true, false] {
            let input = json!({ "i": { "practiceId": practice, "csv": csv, "dryRun": dry_run } });
            assert_eq!(bob.fails(IMPORT, input.clone()).await, "FORBIDDEN");
            assert_eq!(coachee.fails(IMPORT, input.clone()).await, "NOT_FOUND");
            assert_eq!(ben.fails(IMPORT, input.clone()).await, "NOT_FOUND");
            assert_eq!(product.stranger().fails(IMPORT, input).await, "UNAUTHENTICATED");
        }
        for (csv, code) in [("", "IMPORT_HAS_NO_COLUMNS"), ("a,b\n1,2", "IMPORT_HAS_NO_COLUMNS")] {
            let refused = import(&ada, &practice, csv, dry.clone()).await;
            assert_eq!(refused["errors"][0]["code"], json!(code));
        }
        product.prove().await;
    }

    /// D8: of imports of one file at once, through two nodes where there are two, every row is added by one of them.
    #[test]
    async fn imports_at_once_add_nobody_twice(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let on_two = product.place.database == tests::Database::Postgres;
        let elsewhere = if on_two { product.another_address().await } else { product.address };
        let mut csv = String::from("first name,email\n");
        for number in 0..50 {
            writeln!(csv, "Racer,racer{number}@coachee.example").expect("written");
        }
        let tries = (0..8).map(|number| {
            let by = if number % 2 == 0 { ada.clone() } else { ada.through(elsewhere) };
            let (practice, csv) = (practice.clone(), csv.clone());
            async move { import(&by, &practice, &csv, json!({ "dryRun": false })).await }
        });
        let answers = join_all(tries).await;
        let added: u64 = answers.iter().map(|answer| answer["added"].as_u64().expect("a number")).sum();
        assert_eq!(added, 50, "{answers:?}");
        assert_eq!(names(&ada, &practice, json!({ "search": "racer" }), "NEWEST_FIRST").await.len(), 50);
        product.prove().await;
    }

    /// Who follows is told of forty new coachees as they are: what searching looks at is nothing that they missed.
    #[test]
    async fn who_follows_is_told_of_everybody_who_is_imported(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let after = position(&ada, &practice).await;
        let mut csv = String::from("first name,last name,email\n");
        for number in 0..40 {
            writeln!(csv, "Mary Ann,Adler-Elan,mary.ann{number}@company.coachee.example").expect("written");
        }
        import(&ada, &practice, &csv, json!({ "dryRun": false })).await;
        let follow = "subscription($p: ID!, $a: Position) { coachPortalChanges(practiceId: $p, after: $a) { changes { __typename } } }";
        let mut live = ada.listen(follow, json!({ "p": practice, "a": after })).await;
        let item = live.next().await["coachPortalChanges"]["changes"].clone();
        let told = |kind: &str| item.as_array().expect("changes").iter().filter(|change| change["__typename"] == kind).count();
        assert_eq!((told("Coachee"), told("ResyncRequired")), (40, 0), "{item}");
        product.prove().await;
    }

    /// A row may carry a whole coachee, and there may be a thousand: what is asked of each counts so often.
    #[test]
    async fn what_is_asked_of_each_row_counts_a_thousand_times(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let csv = "first name,email\nKim,kim@coachee.example\n";
        let input = json!({ "i": { "practiceId": practice, "csv": csv, "dryRun": false } });
        let asking = |goals: usize| format!("mutation($i: ImportCoacheesInput!) {{ importCoachees(input: $i) {{
            rows {{ coachee {{ goals(first: {goals}) {{ nodes {{ id }} }} }} }} }} }}");
        assert_eq!(ada.fails(&asking(100), input.clone()).await, "QUERY_TOO_COMPLEX");
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, Vec::<String>::new(), "nothing was done");
        ada.ask(&asking(20), input).await;
        assert_eq!(names(&ada, &practice, json!({}), "FIRST_NAME").await, ["Kim"]);
    }

    /// A thousand rows with their invitations are one command; more are refused. Asked again with its key, the answer is
    /// the same, though everybody is there by now.
    #[test]
    async fn a_thousand_rows_are_one_import(product: Product) {
        let (ada, practice) = product.coach("Ada").await;
        let mut csv = String::from("email,first name,last name\n");
        for number in 0..1_000 {
            writeln!(csv, "person{number}@coachee.example,Person,{number}").expect("written");
        }
        let input = json!({ "practiceId": practice, "csv": csv, "dryRun": false, "sendInvitations": true });
        let query = "mutation($i: ImportCoacheesInput!) { importCoachees(input: $i) {
            added position rows { line outcome coachee { id } } errors { code } } }";
        let first = ada.once("import-1", query, json!({ "i": input })).await.body;
        assert_eq!((&first["data"]["importCoachees"]["added"], &first["data"]["importCoachees"]["errors"]), (&json!(1_000), &json!([])), "{first}");
        let again = ada.once("import-1", query, json!({ "i": input })).await.body;
        assert_eq!(first, again);
        csv.push_str("one@more.example,One,More\n");
        let longer = import(&ada, &practice, &csv, json!({ "dryRun": true })).await;
        assert_eq!(longer["errors"][0]["code"], "IMPORT_IS_TOO_LONG");
        let count = "query($p: ID!) { viewer { coachPortal(practiceId: $p) { coachees(filter: { status: [INVITED] }) { totalCount } } } }";
        assert_eq!(ada.ask(count, json!({ "p": practice })).await["viewer"]["coachPortal"]["coachees"]["totalCount"], 1_000);
        product.prove().await;
    }
}
