//! A signing key is replaced: what the old one signed is verified with the old one's public key, what came since with the
//! new one's, and what nobody's key signed is named.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use app::checkpoints::{Folder, Witness, inclusion};
use domain::id::LogId;
use server::open::{self, Purpose};
use server::{Settings, World};

use super::{found, settings};

/// What a command says, and its exit code or error.
async fn says(words: &[&str]) -> (Result<u8, String>, String) {
    let words = ["throughline"].iter().chain(words);
    let mut out = Vec::new();
    let cli = <server::cli::Cli as clap::Parser>::try_parse_from(words).unwrap();
    let code = Box::pin(server::cli::run(cli, Vec::<(OsString, OsString)>::new(), &mut out)).await;
    (code.map_err(|error| error.to_string()), String::from_utf8(out).unwrap())
}

/// Founds a practice with the signing key that is there, signs, and gives the practice, the public key and a saved proof.
async fn signed(settings: &Settings, file: &Path) -> (LogId, String) {
    let store = open::store(settings, Purpose::Serve).await.unwrap();
    let app = open::app(settings, &World::machine(), store, Purpose::Serve).await.unwrap();
    let log = found(&app).await;
    let folder: Arc<dyn Witness> = Arc::new(Folder::open(&settings.checkpoint_dir).unwrap());
    assert!(app.sign_checkpoints(Some(&folder)).await.unwrap().signed > 0);
    let mut snapshot = app.store().snapshot().await.unwrap();
    let proof = inclusion(&mut snapshot, log, 1).await.unwrap().unwrap();
    let records = snapshot.records(log.uuid().into_bytes(), 0, 1).await.unwrap();
    snapshot.close().await.unwrap();
    let record = String::from_utf8(records[0].1.clone()).unwrap();
    std::fs::write(file, serde_json::json!({ "record": record, "proof": proof.text() }).to_string()).unwrap();
    let key = app.public_key().unwrap();
    app.stop().await;
    (log, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_signing_key_still_verifies_what_it_signed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let data = folder.path().display().to_string();
    let (early, late) = (folder.path().join("early.json"), folder.path().join("late.json"));
    let (first, old) = signed(&settings, &early).await;
    let whose = async |settings: &Settings, expected: &str| {
        let (_, said) = super::doctor::look(settings).await;
        assert!(said.contains(&format!("{expected} is signed by ")), "{expected} is missing in\n{said}");
    };
    let unknown = "hint     who signs: the newest checkpoint";
    whose(&settings, "ok       who signs: the newest checkpoint").await;
    whose(&Settings { signer_name: "renamed".to_owned(), ..settings.clone() }, unknown).await;
    std::fs::rename(&settings.signing_key_file, folder.path().join("signing.key.old")).unwrap();
    whose(&settings, unknown).await;
    let (second, new) = signed(&settings, &late).await;
    assert!(first != second && old != new);
    whose(&settings, "ok       who signs: the newest checkpoint").await;
    // The key itself is base64, and may have a plus in it.
    let label = |key: &str| key.splitn(3, '+').take(2).collect::<Vec<_>>().join("+");
    let (early, late) = (early.display().to_string(), late.display().to_string());

    // The server's own key alone does not know what was before it, and says whose it was and what to do.
    let (code, said) = says(&["verify", "--data", &data]).await;
    assert_eq!(code, Ok(1), "{said}");
    let unknown = format!("not signed by a key that was given, but by `{}`", label(&old));
    assert!(said.starts_with("not in order: ") && said.contains(&unknown) && said.contains("--keys"), "{said}");
    let (code, said) = says(&["verify", "--proof", &early, "--key", &new]).await;
    assert_eq!((code, said.contains(&unknown)), (Ok(1), true), "{said}");

    // Both, as flags and as a file, in any order: each checkpoint by whoever signed it.
    let keys = folder.path().join("keys");
    std::fs::write(&keys, format!("# replaced on 2026-11-29\n{old}\n\n{new}\n")).unwrap();
    let keys = keys.display().to_string();
    for given in [["--key", &old, "--key", &new], ["--key", &new, "--key", &old], ["--keys", &keys, "--key", &new]] {
        let mut words = vec!["verify", "--data", &data];
        words.extend(given);
        let (code, said) = says(&words).await;
        assert_eq!(code, Ok(0), "{said}");
        for key in [&old, &new] {
            let line = format!("signed by {}: ", label(key));
            assert_eq!(said.lines().filter(|said| said.starts_with(&line)).count(), 1, "{said}");
        }
    }
    for (proof, log, key) in [(&early, first, &old), (&late, second, &new)] {
        let (code, said) = says(&["verify", "--proof", proof, "--keys", &keys]).await;
        assert_eq!(code, Ok(0), "{said}");
        assert!(said.contains(&format!("event 1 of {log}")) && said.contains(&format!(" by {}", label(key))), "{said}");
    }

    // A log that goes on after the replacement is one history, signed by both in turn; a key that signed nothing of it
    // vouches for nothing.
    let (code, said) = says(&["verify", "--data", &data, "--practice", &second.to_string(), "--key", &new]).await;
    assert_eq!(code, Ok(0), "{said}");
    assert!(!said.contains(&label(&old)), "{said}");
    let (code, _) = says(&["verify", "--data", &data, "--keys", &early]).await;
    assert!(code.unwrap_err().contains("line 1"));
    std::fs::write(&keys, "# none\n").unwrap();
    let (code, _) = says(&["verify", "--data", &data, "--keys", &keys]).await;
    assert!(code.unwrap_err().contains("no public key"));
}
