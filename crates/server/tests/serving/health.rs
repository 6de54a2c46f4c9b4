//! Each number is moved by what it counts, over an app without loops, under a clock that is set.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use app::checkpoints::{Signing, Witness};
use app::clock::Standing;
use app::mail::{MailSettings, Post};
use app::tokens::Kind;
use app::{App, AsOf, Request, Through};
use domain::Actor;
use domain::account::Portal;
use domain::id::{LogId, PersonId, PracticeId};
use domain::practice::{AddCoach, CreatePractice, Role, UpdatePractice};
use domain::text::{Email, Name, Text as _};
use domain::value::{Time, Zone};

use server::health::{Places, write};
use server::open::{Purpose, World};
use server::{Settings, open, serve};

use super::{found_by, get, on_postgres, settings};

/// 2026-11-22, in microseconds.
const NOW: i64 = 1_795_305_600_000_000;
const DAY: i64 = 86_400_000_000;

struct Place {
    folder: tempfile::TempDir,
    settings: Settings,
    clock: Arc<Standing>,
    app: App,
}

impl Place {
    async fn on(postgres: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = if postgres { on_postgres(folder.path()) } else { settings(folder.path()) };
        let clock = Arc::new(Standing::at(Time(NOW)));
        let world = World { clock: clock.clone(), entropy: Arc::new(vault::Os) };
        let store = open::store(&settings, Purpose::Serve).await.unwrap();
        let app = open::app(&settings, &world, store, Purpose::Serve).await.unwrap();
        Self { folder, settings, clock, app }
    }

    async fn text(&self) -> String {
        let mut text = String::new();
        let backlog = self.app.backlog().await.unwrap();
        let database = self.settings.database_url.strip_prefix("sqlite:").map(PathBuf::from);
        let places = Places { data_dir: self.settings.data_dir.clone(), database };
        write(&mut text, &self.app, &api::http::Numbers::default(), &places, Some(&backlog));
        text
    }

    /// Fails unless these lines are among the numbers.
    async fn says(&self, lines: &[&str]) {
        let text = self.text().await;
        for expected in lines {
            assert!(text.lines().any(|line| line == *expected), "{expected} is missing in:\n{text}");
        }
    }

    async fn run(&self, log: LogId, person: PersonId, command: impl domain::Decide) -> Result<(), app::Error> {
        let (app, actor) = (&self.app, Actor::Person(person));
        let (now, id) = (app.clock().now(), app.command());
        let request = Request { log, actor, through: Through::Program, now, command: id, idempotency: None };
        app.run(request, command).await.map(drop)
    }

    async fn found(&self, founder: PersonId, practice: PracticeId) -> Result<(), app::Error> {
        let name = |name: &str| Name::parse(name).unwrap();
        let (name, display_name) = (name("Holt Coaching"), name("Maren Holt"));
        let create = CreatePractice { practice, name, zone: Zone::utc(), founder, display_name };
        self.run(LogId::Practice(practice), founder, create).await
    }
}

fn mail() -> MailSettings {
    MailSettings::parse("Coaching <mail@example.org>", "https://coaching.example.org").unwrap()
}

/// A witness whose notes were changed.
struct Changed;

impl Witness for Changed {
    fn keep(&self, _: LogId, _: &str) -> io::Result<()> {
        Ok(())
    }
    fn newest(&self, _: LogId) -> io::Result<Option<String>> {
        Ok(Some("no note".to_owned()))
    }
}

/// A witness that cannot keep anything.
struct Broken;

impl Witness for Broken {
    fn keep(&self, _: LogId, _: &str) -> io::Result<()> {
        Err(io::Error::other("no room"))
    }
    fn newest(&self, _: LogId) -> io::Result<Option<String>> {
        Ok(None)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_moved_by_what_it_counts() {
    everything(Place::on(false).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_moved_by_what_it_counts_on_postgres() {
    everything(Place::on(true).await).await;
}

async fn everything(place: Place) {
    place
        .says(&[
            "throughline_accepts_writes 1",
            "throughline_commit_duration_seconds_count 0",
            "throughline_commands_waiting 0",
            "throughline_mails_waiting 0",
            "throughline_work_waiting{reactor=\"checkpoint\"} 0",
            "throughline_followers 0",
            "throughline_moments 0",
        ])
        .await;
    mails(&place).await;
    let (founder, practice) = commands(&place).await;
    given_up(&place, founder, practice).await;
    followers(&place, founder, practice).await;
    timers(&place).await;
    signing(&place).await;
    place.app.stop().await;
}

/// A link is asked for; its mail cannot be sent, then it is.
async fn mails(place: &Place) {
    let email = |name: &str| Email::parse(&format!("{name}@canary.example")).unwrap();
    place.app.request_link(email("one"), place.app.command(), None).await.unwrap();
    place.says(&["throughline_mails_waiting 1", "throughline_mails_late_seconds 0.000"]).await;
    place.clock.set(Time(NOW + 30_000_000));
    place.says(&["throughline_mails_late_seconds 30.000"]).await;
    let nowhere = Post::Folder(place.folder.path().join("nowhere"));
    place.app.deliver(&nowhere, &mail()).await.unwrap();
    place.says(&["throughline_mails_failed_total 1", "throughline_mails_waiting 1"]).await;
    place.clock.set(Time(NOW + 100_000_000));
    let post = Post::folder(place.folder.path().join("post")).unwrap();
    place.app.deliver(&post, &mail()).await.unwrap();
    place.says(&["throughline_mails_sent_total 1", "throughline_mails_waiting 0"]).await;
    assert!(!place.text().await.contains("canary"), "no number holds an address");
}

/// A practice is founded; founding it once more is refused.
async fn commands(place: &Place) -> (PersonId, PracticeId) {
    // A link was asked for: one command, one commit.
    place
        .says(&["throughline_commands_total{outcome=\"done\"} 1", "throughline_commit_duration_seconds_count 1"])
        .await;
    let (founder, practice) = found_by(&place.app).await;
    // The link, the sign-in, the practice.
    place.says(&["throughline_commands_total{outcome=\"done\"} 4"]).await;
    place.found(founder, practice).await.unwrap_err();
    place.says(&["throughline_commands_total{outcome=\"refused\"} 1", "throughline_commits_failed_total 0"]).await;
    // The link was used: its mail is not sent any more.
    let post = Post::folder(place.folder.path().join("post")).unwrap();
    place.app.deliver(&post, &mail()).await.unwrap();
    place.says(&["throughline_mails_sent_total 1", "throughline_mails_waiting 0"]).await;
    (founder, practice)
}

/// A mail that can never be sent is given up after its eighth attempt.
async fn given_up(place: &Place, founder: PersonId, practice: PracticeId) {
    let log = LogId::Practice(practice);
    let token = place.app.token(Kind::CoachInvitation, log, place.app.command());
    let (name, email) = (Name::parse("Ida Berg").unwrap(), Email::parse("ida.berg@canary.example").unwrap());
    let (role, before) = (Role::Coach, Vec::new());
    let add = AddCoach { practice, invitation: token.id(), token: token.hash, name, email, role, before };
    place.run(log, founder, add).await.unwrap();
    let nowhere = Post::Folder(place.folder.path().join("nowhere"));
    for attempt in 1..=8 {
        place.says(&["throughline_mails_given_up_total 0", "throughline_mails_waiting 1"]).await;
        place.app.deliver(&nowhere, &mail()).await.unwrap();
        place.clock.set(Time(NOW + attempt * DAY / 2));
    }
    let lines =
        ["throughline_mails_given_up_total 1", "throughline_mails_failed_total 9", "throughline_mails_waiting 0"];
    place.says(&lines).await;
}

/// A follower that does not take what happens lags, and is sent back to the log. Whoever looks back keeps a moment.
async fn followers(place: &Place, founder: PersonId, practice: PracticeId) {
    let log = LogId::Practice(practice);
    let mut follower = place.app.follow(log, 0);
    while follower.part_by_now().await.unwrap().is_some() {}
    place.says(&["throughline_followers 1", "throughline_follower_lag_commits 0"]).await;
    for sessions in 100..166 {
        let low_sessions = Some(sessions);
        let (name, zone, coaches_may_add, expiring_days) = (None, None, None, None);
        let update = UpdatePractice { practice, name, zone, coaches_may_add, expiring_days, low_sessions };
        place.run(log, founder, update).await.unwrap();
    }
    place.says(&["throughline_follower_lag_commits 64", "throughline_follower_resyncs_total 0"]).await;
    follower.next().await.unwrap();
    place.says(&["throughline_follower_resyncs_total 1"]).await;
    drop(follower);
    place.says(&["throughline_followers 0"]).await;

    let reader = app::Reader::new(founder, app::Through::Program);
    let view = place.app.view_as_of(&reader, practice, Portal::Coach, None, AsOf::Position(2)).await.unwrap();
    drop(view);
    place.says(&["throughline_moments 1"]).await;
    assert!(!place.text().await.contains("throughline_moments_bytes 0"));
}

/// An invitation that nobody took up is due after its fourteen days, and is ended.
async fn timers(place: &Place) {
    place.says(&["throughline_timers_late 0", "throughline_timers_late_seconds 0.000"]).await;
    place.clock.set(Time(NOW + 20 * DAY));
    place.says(&["throughline_timers_late 1"]).await;
    let text = place.text().await;
    assert!(
        text.lines().any(|line| line.starts_with("throughline_timers_late_seconds 518")),
        "about six days:\n{text}"
    );
    place.app.ring_timers().await.unwrap();
    place.says(&["throughline_timers_rung_total 1", "throughline_timers_late 0"]).await;
}

/// What changed is signed, unless it cannot be kept outside, which the next round tries again; what is refused counts
/// until it is signed, also in rounds that do not come to it.
async fn signing(place: &Place) {
    let logs = place.app.logs(None).await.unwrap().len();
    place.says(&[&format!("throughline_work_waiting{{reactor=\"checkpoint\"}} {logs}")]).await;
    let broken: Arc<dyn Witness> = Arc::new(Broken);
    let waiting = format!("throughline_work_waiting{{reactor=\"checkpoint\"}} {logs}");
    for _ in 0..2 {
        assert_eq!(place.app.sign_checkpoints(Some(&broken)).await.unwrap(), Signing::default());
        place.says(&["throughline_checkpoints_refused 0", "throughline_checkpoints_signed_total 0", &waiting]).await;
    }
    let changed: Arc<dyn Witness> = Arc::new(Changed);
    for tried in [logs, 0] {
        assert_eq!(place.app.sign_checkpoints(Some(&changed)).await.unwrap().refused.len(), tried);
        place.says(&[&format!("throughline_checkpoints_refused {logs}")]).await;
        assert!(!place.text().await.contains("throughline_checkpoint_age_seconds"), "not everything was signed");
    }
    place.clock.set(Time(NOW + 41 * DAY));
    place.app.sign_checkpoints(None).await.unwrap();
    place.clock.set(Time(NOW + 41 * DAY + 5_000_000));
    place
        .says(&[
            "throughline_checkpoints_refused 0",
            &format!("throughline_checkpoints_signed_total {logs}"),
            "throughline_checkpoint_age_seconds 5.000",
            "throughline_work_waiting{reactor=\"checkpoint\"} 0",
        ])
        .await;
}

/// The operator's page explains every number, and names none that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn every_number_is_in_the_operators_page() {
    let folder = tempfile::tempdir().unwrap();
    let served = serve::open(&settings(folder.path()), &World::machine()).await.unwrap();
    served.app().sign_checkpoints(None).await.unwrap();
    let text = get(&served, "/metrics").await.text().await.unwrap();
    let docs = include_str!("../../../../docs/OPERATIONS.md");
    let names: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for name in &names {
        assert!(docs.contains(&format!("`{name}`")), "docs/OPERATIONS.md does not say what {name} means");
    }
    let marks = docs.split_once("<!-- numbers -->").and_then(|(_, rest)| rest.split_once("<!-- end of numbers -->"));
    let table = marks.expect("docs/OPERATIONS.md has its marks").0;
    for name in table.split('`').skip(1).step_by(2).filter(|word| word.starts_with("throughline_")) {
        assert!(names.contains(&name), "docs/OPERATIONS.md names {name}, which is not at /metrics");
    }
    served.stop().await;
}
