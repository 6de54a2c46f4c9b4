//! D5: the connection to PostgreSQL is lost when a commit has been sent, and is done all the same, a little later. Whoever
//! cannot know asks the log.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use app::signin::Credentials;
use app::tokens::Kind;
use app::{App, Done, Error, Request, Through};
use domain::Actor;
use domain::account::{self, Authority, NewLogin, SignInWithGoogle, SignUp};
use domain::id::{GoogleId, LogId, PersonId};
use domain::text::{Email, Text as _};
use futures_util::future::join_all;
use tests::{Database, Product, run};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// How long after the connection is lost the commit is done: time to ask for what is not there yet.
const LATE: Duration = Duration::from_millis(300);

/// The wire between a node and PostgreSQL.
struct Wire {
    address: SocketAddr,
    /// Whether the next commit's connection is lost, before PostgreSQL hears of it.
    cuts: Arc<AtomicBool>,
}

impl Wire {
    async fn lay(server: String, product: &Product) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let cuts = Arc::new(AtomicBool::new(false));
        let (app, cut) = (product.app.clone(), cuts.clone());
        product.app.tasks().start("wire", async move {
            while let Ok((here, _)) = listener.accept().await {
                let there = TcpStream::connect(&server).await.expect("PostgreSQL");
                app.tasks().start("wire", carry(here, there, cut.clone()));
            }
        });
        Self { address, cuts }
    }
}

/// Carries what both say until either hangs up.
async fn carry(mut here: TcpStream, mut there: TcpStream, cuts: Arc<AtomicBool>) {
    let (mut asked, mut answered) = (vec![0_u8; 1 << 16], vec![0_u8; 1 << 16]);
    loop {
        tokio::select! {
            length = here.read(&mut asked) => {
                let Some(bytes) = said(length, &asked) else { return };
                let commits = bytes.windows(7).any(|part| part.eq_ignore_ascii_case(b"COMMIT\0"));
                if commits && cuts.swap(false, Ordering::SeqCst) {
                    drop(here);
                    tokio::time::sleep(LATE).await;
                    there.write_all(bytes).await.expect("it is sent");
                    // What is answered is done.
                    assert!(there.read(&mut answered).await.expect("an answer") > 0, "PostgreSQL hung up");
                    return;
                }
                if there.write_all(bytes).await.is_err() {
                    return;
                }
            }
            length = there.read(&mut answered) => {
                let Some(bytes) = said(length, &answered) else { return };
                if here.write_all(bytes).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn said(length: std::io::Result<usize>, buffer: &[u8]) -> Option<&[u8]> {
    length.ok().filter(|length| *length > 0).and_then(|length| buffer.get(..length))
}

/// Signs in with a Google account: what happens lies in its log the first time only, and else in the account's.
async fn signs_in(app: &App, (google, person): (GoogleId, PersonId), email: &Email) -> Result<Done, Error> {
    let request = Request {
        log: LogId::Google(google),
        actor: Actor::Visitor,
        through: Through::Link,
        now: app.clock().now(),
        command: app.command(),
        idempotency: None,
    };
    let login = NewLogin { id: app.mint(), token: [7; 32], through: account::Through::Program, agent: None };
    let sign_in = SignInWithGoogle {
        google,
        address: app.address(email),
        email: email.clone(),
        authority: Authority::Google,
        signed_in: None,
        gone: None,
        person,
        sign_up: SignUp::Open,
        login,
    };
    app.run(request, sign_in).await
}

/// How many events somebody's account has.
async fn events(app: &App, person: PersonId) -> u64 {
    let mut snapshot = app.store().snapshot().await.expect("a snapshot");
    let head = snapshot.head(LogId::Account(person).uuid().into_bytes()).await.expect("a head");
    snapshot.close().await.expect("closed");
    head.map_or(0, |head| head.seq)
}

#[test]
fn what_was_committed_unheard_is_done_once() {
    run(Database::Postgres, |mut product| async move {
        let after_scheme = product.place.url.split("://").nth(1).unwrap_or_default();
        let authority = after_scheme.split('/').next().unwrap_or_default();
        let server = authority.rsplit('@').next().unwrap_or_default().to_owned();
        let wire = Wire::lay(server.clone(), &product).await;
        let url = product.place.url.replacen(&server, &wire.address.to_string(), 1);
        let separator = if url.contains('?') { '&' } else { '?' };
        product.place.url = format!("{url}{separator}sslmode=disable");
        let node = product.another_node().await;

        let (who, email) = ((node.mint(), node.mint()), Email::parse("ada@practice.example").expect("an address"));
        signs_in(&node, who, &email).await.expect("it is linked");
        let before = events(&node, who.1).await;
        for (round, times) in [1, 8].into_iter().enumerate() {
            wire.cuts.store(true, Ordering::SeqCst);
            let done = join_all((0..times).map(|_| signs_in(&node, who, &email))).await;
            assert!(done.iter().all(Result::is_ok), "{done:?}");
            assert!(!wire.cuts.load(Ordering::SeqCst), "an answer was lost");
            assert_eq!(events(&node, who.1).await, before + [1, 9][round]);
        }

        // Who signs in for the first time begins the log in which that ends.
        let (command, email) = (node.command(), Email::parse("eve@practice.example").expect("an address"));
        let browser = node.request_link(email.clone(), command, None).await.expect("a link").browser;
        let token = node.token(Kind::SignInLink, LogId::Address(node.address(&email)), command).text;
        let brought = Credentials { token, browser: Some(browser), digits: None };
        wire.cuts.store(true, Ordering::SeqCst);
        let made = node.sign_in(&brought, account::Through::Browser, node.command(), |_| None).await;
        assert!(!wire.cuts.load(Ordering::SeqCst), "an answer was lost");
        assert_eq!(events(&node, made.expect("signed in").person).await, 2);
        node.stop().await;
        product.prove().await;
    });
}
