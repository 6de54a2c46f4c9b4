//! Which value counts, and what is said about wrong ones.

use super::*;

fn variables(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
}

fn load(flags: &Flags, pairs: &[(&str, &str)]) -> Result<Settings, Wrong> {
    Settings::load(flags, variables(pairs))
}

fn file(content: &str) -> (tempfile::TempDir, Flags) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("throughline.toml");
    std::fs::write(&path, content).unwrap();
    (folder, Flags { config: Some(path), ..Flags::default() })
}

#[test]
fn every_default_is_valid() {
    let settings = load(&Flags::default(), &[]).unwrap();
    assert_eq!(settings.database_url, "sqlite:./data/throughline.db");
    assert_eq!(settings.public_url, "http://127.0.0.1:8080");
    assert_eq!(settings.root_key_file, Path::new("./data/root.key"));
    assert_eq!((settings.root_key, settings.smtp_url), (None, None));
    assert!(settings.sources.iter().all(|source| source.origin == Origin::Default));
    assert_eq!(settings.sources.len(), TABLE.len());
}

#[test]
fn a_flag_outdoes_the_environment_which_outdoes_the_file_which_outdoes_the_default() {
    let (_folder, mut flags) = file("listen = '127.0.0.1:1'\nlanes = 1\nmail_dir = 'post'\nlog_filter = 'warn'");
    flags.listen = Some("127.0.0.1:3".to_owned());
    let settings = load(&flags, &[("THROUGHLINE_LISTEN", "127.0.0.1:2"), ("THROUGHLINE_LANES", "2")]).unwrap();
    assert_eq!((settings.listen.port(), settings.lanes, settings.mail_dir.as_path()), (3, 2, Path::new("post")));
    assert_eq!(settings.origin("listen"), &Origin::Flag("--listen"));
    assert_eq!(settings.origin("lanes"), &Origin::Environment("THROUGHLINE_LANES".to_owned()));
    assert!(matches!(settings.origin("mail_dir"), Origin::File(_)));
    assert_eq!(settings.origin("log_format"), &Origin::Default);
}

#[test]
fn what_lies_in_the_data_folder_follows_it() {
    let flags =
        Flags { data: Some("/srv/coaching".to_owned()), listen: Some("[::1]:9".to_owned()), ..Flags::default() };
    let settings = load(&flags, &[("THROUGHLINE_MAIL_DIR", "/var/mail")]).unwrap();
    assert_eq!(settings.database_url, "sqlite:/srv/coaching/throughline.db");
    assert_eq!(settings.checkpoint_dir, Path::new("/srv/coaching/checkpoints"));
    assert_eq!(settings.mail_dir, Path::new("/var/mail"));
    assert_eq!(settings.public_url, "http://[::1]:9");
}

#[test]
fn the_environment_may_name_the_file_and_a_flag_names_another() {
    let (_one, named) = file("lanes = 7");
    let (_other, flags) = file("lanes = 9");
    let path = named.config.unwrap();
    let variable = [(OsString::from(CONFIG), path.into_os_string())];
    assert_eq!(Settings::load(&Flags::default(), variable.clone()).unwrap().lanes, 7);
    assert_eq!(Settings::load(&flags, variable).unwrap().lanes, 9);
}

#[test]
fn unknown_names_are_refused_with_the_nearest_known_one() {
    let (_folder, flags) = file("lanse = 2");
    let wrong =
        load(&flags, &[("THROUGHLINE_LISTN", "x"), ("THROUGHLINE_TEST_POSTGRES", "x"), ("OTHER", "x")]).unwrap_err();
    let [variable, key] = &wrong.0[..] else { panic!("{wrong}") };
    assert!(
        variable.contains("THROUGHLINE_LISTN") && variable.contains("did you mean THROUGHLINE_LISTEN?"),
        "{variable}"
    );
    assert!(
        key.contains("`lanse`") && key.contains("throughline.toml") && key.contains("did you mean lanes?"),
        "{key}"
    );
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_where_it_came_from_and_what_was_expected() {
    let (_folder, mut flags) = file("lanes = 0\nsign_up_open = 'perhaps'\nrequest_seconds = 1.5");
    flags.listen = Some("localhost".to_owned());
    let pairs = [
        ("THROUGHLINE_PUBLIC_URL", "https://example.org/portal"),
        ("THROUGHLINE_LOG_FILTER", "server=loud"),
        ("THROUGHLINE_MAIL_FROM", "nobody"),
    ];
    let said = load(&flags, &pairs).unwrap_err().to_string();
    for expected in [
        "`listen` is `localhost`, from the flag --listen: expected an address and a port",
        "`public_url` is `https://example.org/portal`, from the variable THROUGHLINE_PUBLIC_URL: expected an address",
        "`lanes` is `0`, from the file ",
        ": expected a whole number from 1 to 64",
        "`sign_up_open` is `perhaps`",
        ": expected true or false",
        "`request_seconds` in the file ",
        "`log_filter` is `server=loud`",
        "`mail_from` is `nobody`",
    ] {
        assert!(said.contains(expected), "{expected} is missing in:\n{said}");
    }
    assert_eq!(said.lines().count(), 7, "{said}");
}

#[test]
fn a_settings_file_that_cannot_be_read_is_said_so() {
    let missing = Flags { config: Some("/nowhere/throughline.toml".into()), ..Flags::default() };
    assert!(load(&missing, &[]).unwrap_err().to_string().contains("/nowhere/throughline.toml cannot be read"));
    let (_folder, flags) = file("lanes = 2\nsmtp_url = \"smtp://me:hunter2@host");
    let said = load(&flags, &[]).unwrap_err().to_string();
    assert!(said.contains("line 2") && !said.contains("hunter2"), "{said}");
}

#[test]
fn secrets_are_not_shown_not_even_wrong_ones() {
    let key = "ab".repeat(32);
    let pairs = [
        ("THROUGHLINE_ROOT_KEY", key.as_str()),
        ("THROUGHLINE_DATABASE_URL", "postgres://coach:p@ss:w@db.example.org/coaching?sslkey=hunter2"),
        ("THROUGHLINE_SMTP_URL", "smtps://me:hunter2@mail.example.org:465"),
    ];
    let settings = load(&Flags::default(), &pairs).unwrap();
    let shown = format!("{settings:?}");
    assert!(
        shown.contains("postgres://coach:…@db.example.org/coaching")
            && shown.contains("smtps://me:…@mail.example.org:465"),
        "{shown}"
    );
    assert!(!shown.contains("abab") && !shown.contains("p@ss") && !shown.contains("hunter2"), "{shown}");

    for query in ["user=coach&password=hunter2@3", "user=coach@corp&password=hunter2", "password=hunter2&user=a:b@c"] {
        let url = format!("postgres://db.example.org/coaching?{query}");
        let settings = load(&Flags::default(), &[("THROUGHLINE_DATABASE_URL", &url)]).unwrap();
        let shown = format!("{settings:?}");
        assert!(shown.contains("postgres://…") && !shown.contains("hunter2"), "{shown}");
    }

    let pairs = [
        ("THROUGHLINE_ROOT_KEY", "hunter2"),
        ("THROUGHLINE_DATABASE_URL", "mysql://me:hunter2@host"),
        ("THROUGHLINE_SMTP_URL", "me:hunter2@host"),
        ("THROUGHLINE_FILES", "s3://me:hunter2@coaching"),
        ("THROUGHLINE_FILES_S3_ENDPOINT", "https://me:hunter2@s3.example.org"),
        ("THROUGHLINE_OTLP_URL", "http://me:hunter2@127.0.0.1:4318"),
    ];
    let wrong = load(&Flags::default(), &pairs).unwrap_err();
    assert_eq!(wrong.0.len(), pairs.len(), "{wrong}");
    assert!(!wrong.to_string().contains("hunter2"), "{wrong}");

    let (_folder, flags) = file(&format!("root_key = '{key}'"));
    let wrong = load(&flags, &[]).unwrap_err().to_string();
    assert!(wrong.contains("set the variable THROUGHLINE_ROOT_KEY") && !wrong.contains("abab"), "{wrong}");
}

#[test]
fn a_databases_address_is_refused_without_its_place_and_with_what_nobody_reads() {
    let read =
        |url: &str| load(&Flags::default(), &[("THROUGHLINE_DATABASE_URL", url)]).map_err(|wrong| wrong.to_string());
    for right in
        ["sqlite::memory:", "sqlite:a?b", "postgres://h/n?sslmode=disable&options[jit]=on", "postgres:///n?host=/run"]
    {
        assert!(read(right).is_ok(), "{right}");
    }
    for path in ["sqlite:", "sqlite://"] {
        assert!(read(path).unwrap_err().contains("expected a path after sqlite:"));
    }
    let unknown = read("postgres://me:p@h/n?sslmode=disable&sslpassword=hunter2").unwrap_err();
    assert!(unknown.contains("no parameter `sslpassword`") && !unknown.contains("hunter2"), "{unknown}");
    let cut = read("postgres://me:hunter2?hunter3&hunter4@h/n").unwrap_err();
    assert!(cut.contains("%3F") && !cut.contains("hunter3") && !cut.contains("hunter4"), "{cut}");
}

#[test]
fn lists_are_parted_by_commas_and_may_be_lists_in_the_file() {
    let (_folder, flags) = file("allowed_origins = ['https://a.example', 'https://b.example/']");
    let settings = load(&flags, &[("THROUGHLINE_TRUSTED_PROXIES", "127.0.0.1, ::1, ::ffff:10.0.0.1")]).unwrap();
    assert_eq!(settings.allowed_origins, ["https://a.example", "https://b.example"]);
    let proxies: Vec<String> = settings.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(proxies, ["127.0.0.1", "::1", "10.0.0.1"], "as connections are compared with them");
}

#[test]
fn a_misspelt_level_is_not_taken_for_a_module() {
    for (filter, is_one) in [
        ("info", true),
        ("WARN,server=debug", true),
        ("off", true),
        ("inof", false),
        ("warn,server", false),
        ("server=debug, info", false),
    ] {
        let read = load(&Flags::default(), &[("THROUGHLINE_LOG_FILTER", filter)]);
        assert_eq!(read.is_ok(), is_one, "{filter}");
    }
}

#[test]
fn the_defaults_of_what_a_client_may_use_are_the_promised_ones() {
    let settings = load(&Flags::default(), &[]).unwrap();
    assert_eq!(format!("{:?}", settings.bounds()), format!("{:?}", api::http::Bounds::default()));
}

#[test]
fn the_documentation_has_the_same_table() {
    let docs = include_str!("../../../../docs/OPERATIONS.md");
    let table =
        docs.split_once("<!-- settings -->\n").and_then(|(_, rest)| rest.split_once("<!-- end of settings -->"));
    let table = table.expect("docs/OPERATIONS.md has its marks").0;
    assert_eq!(
        table,
        markdown(),
        "put what `throughline doctor --settings` prints between the marks of docs/OPERATIONS.md"
    );
}
