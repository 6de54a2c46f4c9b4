//! D10: mail is sent at least once, and never twice to a receiver who honours the message's id; a crash forgets none.
//!
//! The program sends by SMTP to a receiver of this test, which now and then hangs up after it has taken a message, so that
//! the sender cannot know, refuses one for the moment, or is slow; and the program is killed while all that goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use app::Clock as _;
use app::mail::{MailSettings, Post};
use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::chance::{Chance, rounds, told};
use crate::place::{Code, Place};

/// A message that the receiver has taken.
#[derive(Debug, Clone)]
struct Taken {
    id: String,
    to: String,
    content: String,
}

/// Speaks as much SMTP (RFC 5321) as a sender needs.
struct Receiver {
    taken: Mutex<Vec<Taken>>,
    chance: Mutex<Chance>,
    /// Whether it does what a receiver should.
    is_good: AtomicBool,
}

/// What it does with a message.
enum Mood {
    Takes,
    /// It takes it and hangs up: nobody says so.
    TakesAndHangsUp,
    /// Not now.
    Refuses,
    TakesSlowly,
}

impl Receiver {
    async fn listen(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let receiver = self.clone();
            // A sender that is killed in the middle ends its conversation with an error.
            connections.spawn(async move { receiver.converse(stream).await.map(drop) });
        }
    }

    fn mood(&self) -> Mood {
        let number = self.chance.lock().unwrap().below(8);
        match number {
            _ if self.is_good.load(Ordering::Relaxed) => Mood::Takes,
            0 => Mood::TakesAndHangsUp,
            1 => Mood::Refuses,
            2 | 3 => Mood::TakesSlowly,
            _ => Mood::Takes,
        }
    }

    async fn converse(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        stream.write_all(b"220 receiver.example\r\n").await?;
        let mut to = String::new();
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 0 {
            let verb = line.split([' ', ':', '\r']).next().unwrap_or_default().to_ascii_uppercase();
            let answer = match &*verb {
                "EHLO" => "250-receiver.example\r\n250 8BITMIME",
                "RCPT" => {
                    to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                    "250 ok"
                }
                "DATA" => {
                    stream.write_all(b"354 go on\r\n").await?;
                    let content = content(&mut stream).await?;
                    let mood = self.mood();
                    if !matches!(mood, Mood::Refuses) {
                        let id = content.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap().to_owned();
                        self.taken.lock().unwrap().push(Taken { id, to: to.clone(), content });
                    }
                    match mood {
                        Mood::TakesAndHangsUp => return Ok(()),
                        Mood::Refuses => "451 come again",
                        Mood::TakesSlowly => {
                            tokio::time::sleep(Duration::from_millis(80)).await;
                            "250 taken"
                        }
                        Mood::Takes => "250 taken",
                    }
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                "HELO" | "MAIL" | "RSET" | "NOOP" => "250 ok",
                _ => "502 what?",
            };
            stream.write_all(answer.as_bytes()).await?;
            stream.write_all(b"\r\n").await?;
            line.clear();
        }
        Ok(())
    }
}

/// A message up to the lone dot; a dot that stands for a line's first is taken off again.
async fn content(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut content = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        if line == ".\r\n" {
            return Ok(content);
        }
        content.push_str(line.strip_prefix('.').unwrap_or(&line));
    }
}

/// Invites somebody, until that is acknowledged or the server is gone.
async fn invite(place: &Place, client: &reqwest::Client, name: &str) -> Result<(), Code> {
    let query = "mutation($i: AddCoacheeInput!) { addCoachee(input: $i) { coachee { id } errors { code } } }";
    let email = format!("{name}@coachee.example");
    let input =
        json!({ "practiceId": place.practice.to_string(), "firstName": name, "email": email, "sendInvitation": true });
    let data = place.ask(client, Some(name), query, json!({ "i": input })).await?;
    assert_eq!(data["addCoachee"]["errors"], json!([]), "{data}");
    Ok(())
}

async fn mails(mut place: Place, name: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let chance = Mutex::new(Chance::new(name));
    let receiver = Arc::new(Receiver { taken: Mutex::default(), chance, is_good: AtomicBool::new(false) });
    let mut tasks = JoinSet::new();
    tasks.spawn(receiver.clone().listen(listener));
    place.set("THROUGHLINE_SMTP_URL", url.clone());
    place.set("THROUGHLINE_MAIL_FROM", "Coaching <mail@sender.example>".to_owned());

    let (mut chance, client) = (Chance::new(name), reqwest::Client::new());
    let mut invited = BTreeSet::new();
    let kills = rounds(8, 200);
    for round in 0..kills {
        let running = place.start().await;
        let names: Vec<String> = (0..10).map(|number| format!("r{round}n{number}")).collect();
        let inviting = names.iter().map(|name| invite(&place, &client, name));
        for done in futures_util::future::join_all(inviting).await {
            done.expect("nobody disturbs it yet");
        }
        invited.extend(names.into_iter().map(|name| format!("{name}@coachee.example")));
        // The outbox is looked at every second: somewhere before, within and after.
        tokio::time::sleep(Duration::from_millis(chance.below(1_300))).await;
        running.kill();
    }

    // What was claimed when it was killed is due again a minute later, what was refused some minutes later.
    receiver.is_good.store(true, Ordering::Relaxed);
    let killed_while = receiver.taken.lock().unwrap().len();
    let app = place.open(app::clock::Machine.now().plus_days(1)).await;
    let settings = MailSettings::parse("Coaching <mail@sender.example>", "http://throughline.example").unwrap();
    app.deliver(&Post::smtp(&url).unwrap(), &settings).await.unwrap();
    assert_eq!(app.deliver(&Post::smtp(&url).unwrap(), &settings).await.unwrap(), 0, "nothing is left to be sent");
    app.stop().await;

    let taken = receiver.taken.lock().unwrap().clone();
    let mut seen: BTreeMap<&str, &Taken> = BTreeMap::new();
    for mail in &taken {
        assert!(mail.id.starts_with('<') && mail.id.ends_with("@sender.example>"), "{}", mail.id);
        assert!(mail.content.contains("/invitations/"), "{}", mail.content);
        // The address of the server is in a mail; this process and the program have different ones.
        let first = seen.entry(&mail.id).or_insert(mail);
        assert_eq!((&first.to, header(first)), (&mail.to, header(mail)), "a mail that comes twice is the same mail");
    }
    let reached: Vec<&str> = seen.values().map(|mail| mail.to.as_str()).collect();
    let wanted: Vec<&str> = invited.iter().map(String::as_str).collect();
    assert_eq!(reached.len(), wanted.len(), "one mail each for whoever honours the id");
    assert_eq!(reached.into_iter().collect::<BTreeSet<_>>(), wanted.into_iter().collect(), "nobody was forgotten");
    place.prove();
    println!(
        "{name}: {} invited over {kills} kills; {killed_while} messages taken meanwhile, {} in all, {} of them repeats",
        invited.len(),
        taken.len(),
        taken.len() - seen.len()
    );
    assert!(killed_while > 0, "the program sent nothing before it was killed");
}

/// Everything above a mail's text.
fn header(mail: &Taken) -> &str {
    mail.content.split("\r\n\r\n").next().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_sent_over_kills_and_once_for_whoever_honours_its_id() {
    let folder = tempfile::tempdir().unwrap();
    mails(Place::prepare(&folder.path().join("data"), None).await, "mail on sqlite").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_is_sent_over_kills_and_once_for_whoever_honours_its_id_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let database = cluster::database(told(cluster::VARIABLE).as_deref(), "mail").unwrap();
    mails(Place::prepare(&folder.path().join("data"), Some(database)).await, "mail on postgres").await;
}
