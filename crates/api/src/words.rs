//! What every feature's words share: who asks, running a command, errors, payloads.

use std::borrow::Cow;

use app::programs::Program;
use app::readings::{Noted, OneByOne};
use app::tokens::Kind;
use app::{App, Done, Idempotency, Looked, Origin, Reader, Request, Through, View};
use async_graphql::parser::types::Field;
use async_graphql::registry::{MetaEnumValue, MetaType, Registry};
use async_graphql::{
    Context, ContextSelectionSet, ErrorExtensions as _, OutputType, Positioned, ServerResult, SimpleObject, Value,
};
use domain::account::{Portal, Right};
use domain::decide::Within;
use domain::id::{CommandId, Id as _, LogId, PersonId, PracticeId};
use domain::row::Row;
use domain::text::{Confidential, Text};
use domain::value::Time;
use domain::{Actor, Command, Refusal};

use crate::http::IdempotencyKey;
use crate::scalars::Position;

/// Who asks.
#[derive(Clone)]
pub struct Viewer {
    /// Who is signed in, if anybody is. They may do all that they may.
    pub signed_in: Option<app::signin::SignedIn>,
    /// The program that acts for somebody by a token, if one does. It reaches what the token's scopes name.
    pub program: Option<Program>,
    /// The cookie by which a browser is known that asked for a sign-in link.
    pub browser: Option<String>,
    /// Where the request comes from, for limits.
    pub peer: std::net::IpAddr,
    /// What the browser or program calls itself.
    pub agent: Option<String>,
}

domain::hidden!(Viewer);

impl Viewer {
    /// The sign-in with which the account itself may be kept: `FORBIDDEN` to programs, whatever their scopes;
    /// `UNAUTHENTICATED` where nobody is signed in.
    pub fn login(&self) -> Result<app::signin::SignedIn> {
        self.no_program()?;
        self.signed_in.ok_or_else(|| error(app::Error::Unauthenticated))
    }

    /// The person, who may do all that they may: as [`Viewer::login`].
    pub fn person(&self) -> Result<PersonId> {
        self.login().map(|signed_in| signed_in.person)
    }

    /// Refuses programs: what is asked for is not in the reach of any token.
    pub fn no_program(&self) -> Result<()> {
        if self.program.is_some() { Err(error(app::Error::Forbidden)) } else { Ok(()) }
    }

    /// The person, looking through this portal: a program needs a scope for it.
    pub fn in_portal(&self, practice: PracticeId, portal: Portal) -> Result<PersonId> {
        match &self.program {
            Some(program) if program.reaches(practice, portal, Right::Read) => Ok(program.person),
            Some(_) => Err(error(app::Error::Forbidden)),
            None => self.person(),
        }
    }

    /// The person, and the portals of a practice through which they may look, or change something.
    pub fn reach(&self, practice: PracticeId, right: Right) -> Result<(PersonId, Vec<Portal>)> {
        let mut portals = vec![Portal::Coach, Portal::Coachee];
        let Some(program) = &self.program else { return Ok((self.person()?, portals)) };
        portals.retain(|portal| program.reaches(practice, *portal, right));
        if portals.is_empty() { Err(error(app::Error::Forbidden)) } else { Ok((program.person, portals)) }
    }

    /// Whoever it is, if anybody: for counting and for telling people apart, not for letting them in.
    pub fn somebody(&self) -> Option<PersonId> {
        let program = self.program.as_ref().map(|program| program.person);
        self.signed_in.map(|signed_in| signed_in.person).or(program)
    }

    /// As whom commands are run.
    pub fn actor(&self) -> Actor {
        self.somebody().map_or(Actor::Visitor, Actor::Person)
    }

    /// Through what commands come.
    pub fn through(&self) -> Through {
        match self.signed_in.map(|signed_in| signed_in.through) {
            Some(domain::account::Through::Browser) => Through::Browser,
            Some(domain::account::Through::Program) => Through::Program,
            None if self.program.is_some() => Through::Program,
            None => Through::Link,
        }
    }
}

/// A resolver's answer.
pub type Result<T> = async_graphql::Result<T>;

/// The app of this request.
pub fn app<'c>(ctx: &Context<'c>) -> Result<&'c App> {
    ctx.data::<App>()
}

/// Who asks this request.
pub fn viewer<'c>(ctx: &Context<'c>) -> Result<&'c Viewer> {
    ctx.data::<Viewer>()
}

/// This person, as who reads in this request: one view at a time. What they read of others' words is entered before the
/// answer leaves; how they looked is noted where the answer may have to wait.
pub fn reader(ctx: &Context<'_>, person: PersonId) -> Result<Reader> {
    let (noted, looks) = (ctx.data::<Noted>()?.clone(), ctx.data::<OneByOne>()?.clone());
    let looked = ctx.data_opt::<Looked>().cloned().unwrap_or_default();
    Ok(Reader { person, through: viewer(ctx)?.through(), noted, looks, looked })
}

/// A row's confidential text for its reader; nothing where there is none, or it is empty or forgotten.
pub async fn shown<R: Row, T: Text>(view: &View, row: &R, text: Option<&Confidential<T>>) -> Result<Option<String>> {
    match text {
        Some(text) => view.read(row, text).await.map_err(error),
        None => Ok(None),
    }
}

/// An app's error as GraphQL says it: with a code, and without the inner text of a fault.
pub fn error(error: app::Error) -> async_graphql::Error {
    let code = match &error {
        app::Error::Refused(refusal) => refusal.code(),
        app::Error::Forbidden => "FORBIDDEN",
        app::Error::NotFound => "NOT_FOUND",
        app::Error::Unauthenticated => "UNAUTHENTICATED",
        app::Error::ConflictingKey => "CONFLICTING_IDEMPOTENCY_KEY",
        app::Error::StorageFull => "STORAGE_FULL",
        app::Error::Unavailable | app::Error::Again | app::Error::Building { .. } => "UNAVAILABLE",
        app::Error::BadRequest(_) => "BAD_REQUEST",
        // No code: the transport logs the text and tells an id.
        app::Error::Internal(text) => return async_graphql::Error::new(text.clone()),
    };
    async_graphql::Error::new(error.to_string()).extend_with(|_, extensions| extensions.set("code", code))
}

/// An input that makes no sense.
pub fn bad(what: impl Into<String>) -> async_graphql::Error {
    error(app::Error::BadRequest(what.into()))
}

/// Too much at once of what tells something.
pub fn rate_limited(what: &str) -> async_graphql::Error {
    async_graphql::Error::new(what).extend_with(|_, extensions| extensions.set("code", "RATE_LIMITED"))
}

/// The code of a refusal. The list grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalCode(pub Refusal);

impl OutputType for RefusalCode {
    fn type_name() -> Cow<'static, str> {
        Cow::Borrowed("RefusalCode")
    }
    fn create_type_info(registry: &mut Registry) -> String {
        registry.create_output_type::<Self, _>(async_graphql::registry::MetaTypeId::Enum, |_| MetaType::Enum {
            name: "RefusalCode".to_owned(),
            description: Some(
                "Why a change was refused. Each value's description says it in words; the list grows.".to_owned(),
            ),
            enum_values: Refusal::all()
                .into_iter()
                .map(|refusal| (refusal.code().to_owned(), refusal_value(refusal)))
                .collect(),
            visible: None,
            inaccessible: false,
            tags: Vec::new(),
            rust_typename: Some(std::any::type_name::<Self>()),
            directive_invocations: Vec::new(),
            requires_scopes: Vec::new(),
        })
    }
    async fn resolve(&self, _: &ContextSelectionSet<'_>, _: &Positioned<Field>) -> ServerResult<Value> {
        Ok(Value::Enum(async_graphql::Name::new(self.0.code())))
    }
}

fn refusal_value(refusal: Refusal) -> MetaEnumValue {
    MetaEnumValue {
        name: refusal.code().into(),
        description: Some(refusal.message().to_owned()),
        deprecation: async_graphql::registry::Deprecation::NoDeprecated,
        visible: None,
        inaccessible: false,
        tags: Vec::new(),
        directive_invocations: Vec::new(),
    }
}

/// A refusal: the change was not made, and why.
#[derive(Clone, SimpleObject)]
pub struct UserError {
    /// For programs.
    pub code: RefusalCode,
    /// For people: what is wrong and what to do.
    pub message: String,
    /// Which part of the input it is about, if one.
    pub path: Option<Vec<String>>,
}

impl UserError {
    /// A refusal about a field of the input.
    pub fn at(field: &str, refusal: Refusal) -> Self {
        Self { path: Some(vec!["input".to_owned(), field.to_owned()]), ..Self::from(refusal) }
    }
}

impl From<Refusal> for UserError {
    fn from(refusal: Refusal) -> Self {
        Self { code: RefusalCode(refusal), message: refusal.message().to_owned(), path: None }
    }
}

/// A text of the input, or a refusal that says which.
pub fn text<T: Text>(field: &str, text: &str) -> std::result::Result<T, UserError> {
    T::parse(text).map_err(|refusal| UserError::at(field, refusal))
}

/// A text of the input that may be missing.
pub fn text_or<T: Text>(field: &str, given: Option<&String>) -> std::result::Result<Option<T>, UserError> {
    given.map(|given| text(field, given)).transpose()
}

/// What a command is made with: new ids.
pub struct New<'a> {
    app: &'a App,
}

impl New<'_> {
    /// A new id.
    pub fn id<I: domain::id::Id>(&self) -> I {
        self.app.mint()
    }
}

/// A payload of the thing that a mutation changed.
pub trait Payload: Sized {
    /// The row that it shows.
    type Row: domain::row::Row;
    /// The change was made; this is what the viewer sees of it since, if they do.
    fn done(position: Position, seen: Option<(View, Self::Row)>) -> Self;
    /// It was refused.
    fn refused(error: UserError) -> Self;
}

/// Declares a payload: `payload! { GoalPayload { goal: Goal } of plan::Goal }`. The object is made from view and row.
macro_rules! payload {
    ($($payload:ident { $field:ident: $object:ty } of $row:ty)+) => {$(
        #[doc = concat!("What became of a change of a `", stringify!($object), "`.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $payload {
            /// The thing as it is since. Nothing where the change was refused.
            $field: Option<$object>,
            /// The log's position since. Nothing where the change was refused.
            position: Option<$crate::scalars::Position>,
            /// Why the change was refused; empty where it was made.
            errors: Vec<$crate::words::UserError>,
        }
        impl $crate::words::Payload for $payload {
            type Row = $row;
            fn done(position: $crate::scalars::Position, seen: Option<(app::View, $row)>) -> Self {
                let shown = seen.map(|(view, row)| <$object>::new(&view, row));
                Self { $field: shown, position: Some(position), errors: Vec::new() }
            }
            fn refused(error: $crate::words::UserError) -> Self {
                Self { $field: None, position: None, errors: vec![error] }
            }
        }
    )+};
}
pub(crate) use payload;

/// What became of a deletion.
#[derive(SimpleObject)]
pub struct DeletedPayload {
    /// What was deleted. Nothing where that was refused.
    deleted_id: Option<async_graphql::ID>,
    /// The log's position since.
    position: Option<Position>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

impl DeletedPayload {
    /// It was deleted.
    pub fn done(id: async_graphql::ID, position: u64) -> Self {
        Self { deleted_id: Some(id), position: Some(Position(position)), errors: Vec::new() }
    }
    /// It was not.
    pub fn refused(error: UserError) -> Self {
        Self { deleted_id: None, position: None, errors: vec![error] }
    }
}

/// Runs a command of a practice and answers with what it changed.
pub async fn run<P: Payload, C: Command<Thing = P::Row>>(
    ctx: &Context<'_>,
    practice: PracticeId,
    make: impl FnOnce(&New<'_>) -> std::result::Result<C, UserError>,
) -> Result<Option<P>> {
    // Nobody learns what is there by how they are sent away.
    viewer(ctx)?.reach(practice, Right::Write)?;
    let done = match send(ctx, LogId::Practice(practice), make).await? {
        Ok(done) => done,
        Err(refused) => return Ok(Some(P::refused(refused))),
    };
    answered(ctx, practice, done).await.map(Some)
}

/// What a command of a practice has changed, as it is since.
pub async fn answered<P: Payload>(ctx: &Context<'_>, practice: PracticeId, done: Done) -> Result<P> {
    let seen = look_for::<P::Row>(ctx, practice, Some(done.position), <P::Row as Row>::Id::of(done.thing)).await?;
    Ok(P::done(Position(done.position), seen))
}

/// Runs a command that deletes what it is about.
pub async fn delete<C: Command>(
    ctx: &Context<'_>,
    practice: PracticeId,
    make: impl FnOnce(&New<'_>) -> std::result::Result<C, UserError>,
) -> Result<Option<DeletedPayload>> {
    viewer(ctx)?.reach(practice, Right::Write)?;
    Ok(Some(match send(ctx, LogId::Practice(practice), make).await? {
        Ok(done) => {
            let prefix = <<C::Thing as domain::row::Row>::Id as domain::id::Id>::PREFIX;
            DeletedPayload::done(crate::scalars::id(domain::id::text(prefix, done.thing)), done.position)
        }
        Err(refused) => DeletedPayload::refused(refused),
    }))
}

/// Runs a command: done, or refused. What is no refusal is an error.
pub async fn send<C: Command>(
    ctx: &Context<'_>,
    log: LogId,
    make: impl FnOnce(&New<'_>) -> std::result::Result<C, UserError>,
) -> Result<std::result::Result<Done, UserError>> {
    let once = Once::of(ctx, viewer(ctx)?)?;
    let command = once.command(app(ctx)?);
    send_once(ctx, log, (&once, command), make).await
}

/// Runs a command that this makes have one effect.
pub async fn send_once<C: Command>(
    ctx: &Context<'_>,
    log: LogId,
    (once, command): (&Once, CommandId),
    make: impl FnOnce(&New<'_>) -> std::result::Result<C, UserError>,
) -> Result<std::result::Result<Done, UserError>> {
    let app = app(ctx)?;
    // A program that does not reach the log hears so first, whatever it sends.
    only(viewer(ctx)?, log)?;
    let made = match make(&New { app }) {
        Ok(made) => made,
        Err(refused) => return Ok(Err(refused)),
    };
    ended(attempt(ctx, log, once, (command, made)).await?)
}

/// How a command ended: done, or refused. What is no refusal is an error.
pub fn ended(attempted: std::result::Result<Done, app::Error>) -> Result<std::result::Result<Done, UserError>> {
    match attempted {
        Ok(done) => Ok(Ok(done)),
        Err(app::Error::Refused(refusal)) => Ok(Err(refusal.into())),
        Err(other) => Err(error(other)),
    }
}

/// Runs a command, for who has to know how it failed.
pub async fn attempt<C: Command>(
    ctx: &Context<'_>,
    log: LogId,
    once: &Once,
    (command, made): (CommandId, C),
) -> Result<std::result::Result<Done, app::Error>> {
    let (app, viewer) = (app(ctx)?, viewer(ctx)?);
    let only = only(viewer, log)?;
    let idempotency = once.idempotency(app, log);
    let request =
        Request { log, actor: viewer.actor(), through: viewer.through(), now: app.clock().now(), command, idempotency };
    Ok(match only {
        Some(portal) => app.run(request, Within { portal, command: made }).await,
        None => app.run(request, made).await,
    })
}

/// The one portal as whose user a program acts, where its token reaches only one; a log that it does not reach is
/// `FORBIDDEN` to it.
fn only(viewer: &Viewer, log: LogId) -> Result<Option<Portal>> {
    viewer.program.as_ref().map_or(Ok(None), |_| match log {
        LogId::Practice(practice) => {
            let (_, portals) = viewer.reach(practice, Right::Write)?;
            Ok(if portals.len() > 1 { None } else { portals.first().copied() })
        }
        LogId::Account(_) | LogId::Address(_) | LogId::Google(_) | LogId::AccessLog(_) => {
            Err(error(app::Error::Forbidden))
        }
    })
}

/// The shortest idempotency key by which a visitor is known again.
const VISITORS_KEY_BYTES_MIN: usize = 16;

/// What makes a repeated request have one effect: its key, scoped to actor and response path, and its input. Visitors are
/// nobody in particular, so two of them with one key are told apart by what they send.
pub struct Once {
    scope: Option<String>,
    input: String,
    person: Option<PersonId>,
    at: Time,
}

impl Once {
    /// Of the field that is being resolved.
    pub fn of(ctx: &Context<'_>, viewer: &Viewer) -> Result<Self> {
        Self::by(ctx, viewer.somebody())
    }

    fn by(ctx: &Context<'_>, person: Option<PersonId>) -> Result<Self> {
        let key = ctx.data::<IdempotencyKey>()?.0.clone();
        let path = ctx.path_node.map(|path| path.to_string()).unwrap_or_default();
        let mut input = ctx.field().name().to_owned();
        let arguments = ctx.field().arguments().unwrap_or_default();
        let arguments: Vec<String> = arguments.into_iter().map(|(name, value)| format!("{name}: {value}")).collect();
        input.push_str(&arguments.join(", "));
        let who = person.map_or_else(|| format!("visitor\0{input}"), |person| person.to_string());
        let at = app(ctx)?.clock().now();
        Ok(Self { scope: key.map(|key| format!("{who}\0{path}\0{key}")), input, person, at })
    }

    /// Of a field that may be reached by a link, and may answer with a sign-in: a repeat only where the same browser
    /// repeats it. Whoever holds the sign-in that the request itself made is still the visitor who asked: the answer's
    /// cookie may have arrived without the answer.
    pub fn by_link(ctx: &Context<'_>, viewer: &Viewer) -> Result<Self> {
        let in_browser = |once: Self| {
            let browser = viewer.browser.as_deref().unwrap_or_default();
            Self { scope: once.scope.map(|scope| format!("{scope}\0{browser}")), ..once }
        };
        let visitor = in_browser(Self::by(ctx, None)?);
        let Some(held) = viewer.signed_in else { return Ok(visitor) };
        let (app, log) = (app(ctx)?, LogId::Account(held.person));
        let made_it = |command| held.login == app.token(Kind::Login, log, command).id();
        let is_its_own = visitor.origin().is_some_and(|origin| origin.commands(visitor.at).any(made_it));
        Ok(if is_its_own { visitor } else { in_browser(Self::of(ctx, viewer)?) })
    }

    /// Of a field whose answer is for one visitor alone, and whose input others can know: a repeat only under a key that
    /// nobody else thinks of, from the same place and program.
    ///
    /// # Errors
    /// A visitor's key that is too short for that is `BAD_REQUEST`.
    pub fn apart(ctx: &Context<'_>, viewer: &Viewer) -> Result<Self> {
        let once = Self::of(ctx, viewer)?;
        if !once.is_visitors() {
            return Ok(once);
        }
        if ctx.data::<IdempotencyKey>()?.0.as_ref().is_some_and(|key| key.len() < VISITORS_KEY_BYTES_MIN) {
            let least = VISITORS_KEY_BYTES_MIN;
            return Err(bad(format!(
                "Without a sign-in the idempotency key has at least {least} characters: use a random UUID."
            )));
        }
        let from = format!("{}\0{}", viewer.peer, viewer.agent.as_deref().unwrap_or_default());
        Ok(Self { scope: once.scope.map(|scope| format!("{scope}\0{from}")), ..once })
    }

    /// Of the same field with this content beside its input.
    #[must_use]
    pub fn with(mut self, content: &[u8]) -> Self {
        use std::fmt::Write as _;
        for byte in content {
            // Writing to a string cannot fail.
            let _ = write!(self.input, "{byte:02x}");
        }
        self
    }

    /// Whether the key stands for something that was done, whatever it was.
    pub async fn was_used(&self, app: &App, log: LogId) -> Result<bool> {
        let Some(idempotency) = self.idempotency(app, log) else { return Ok(false) };
        match app.done_before(log, idempotency).await {
            Ok(done) => Ok(done.is_some()),
            Err(app::Error::ConflictingKey) => Ok(true),
            Err(other) => Err(error(other)),
        }
    }

    /// Whether a visitor asks, and nobody who is signed in.
    pub const fn is_visitors(&self) -> bool {
        self.person.is_none()
    }

    fn origin(&self) -> Option<Origin> {
        self.scope.as_deref().map(Origin::new)
    }

    /// The command's id. What is answered of it (tokens, ids) derives from [`Done::command`], which a repeat has of the first.
    pub fn command(&self, app: &App) -> CommandId {
        self.origin().map_or_else(|| app.command(), |origin| origin.command(self.at))
    }

    /// The id of a practice to be founded, in whose own log a repeat finds it.
    pub fn practice(&self, app: &App) -> PracticeId {
        self.origin().map_or_else(|| app.mint(), Origin::id)
    }

    /// What came of the same request before, where it was done. The committer asks itself before it decides; this is for
    /// whoever needs what the change has used up to say what is to be done at all.
    pub async fn done_before(&self, app: &App, log: LogId) -> Result<Option<Done>> {
        let Some(idempotency) = self.idempotency(app, log) else { return Ok(None) };
        app.done_before(log, idempotency).await.map_err(error)
    }

    /// For the committer.
    pub fn idempotency(&self, app: &App, log: LogId) -> Option<Idempotency> {
        let scope = self.scope.as_ref()?;
        Some(Idempotency {
            key: app.fingerprint(log, "idempotency key", scope.as_bytes()),
            request: app.fingerprint(log, "request", self.input.as_bytes()),
            origin: Origin::new(scope),
            at: self.at,
        })
    }
}

/// What the viewer sees of a practice: as a coach where they are one, else as a coachee; a program only through the
/// portals that its token reaches.
pub async fn view(ctx: &Context<'_>, practice: PracticeId, at_least: Option<u64>) -> Result<View> {
    let (app, (person, portals)) = (app(ctx)?, viewer(ctx)?.reach(practice, Right::Read)?);
    let reader = reader(ctx, person)?;
    for portal in portals {
        match app.view(&reader, practice, portal, at_least).await {
            Err(app::Error::NotFound) => {}
            other => return other.map_err(error),
        }
    }
    Err(error(app::Error::NotFound))
}

/// The name of a coach whom a row names that the viewer sees; nothing where they are in the practice no more.
pub async fn coach_name(view: &View, coach: PersonId) -> Result<Option<String>> {
    let name = view.coach_names(&[coach]).await.map_err(error)?.remove(&coach);
    Ok(name.map(|name| name.as_str().to_owned()))
}

/// A thing of a practice, with the view that shows it: through whichever portal does, for somebody may be a coach and a
/// coachee of one practice. Who has no portal there is answered `NOT_FOUND`.
pub async fn look_for<R: Row>(
    ctx: &Context<'_>,
    practice: PracticeId,
    at_least: Option<u64>,
    id: R::Id,
) -> Result<Option<(View, R)>> {
    let (app, (person, portals)) = (app(ctx)?, viewer(ctx)?.reach(practice, Right::Read)?);
    let (reader, mut is_in) = (reader(ctx, person)?, false);
    for portal in portals {
        let view = match app.view(&reader, practice, portal, at_least).await {
            Ok(view) => view,
            Err(app::Error::NotFound) => continue,
            Err(other) => return Err(error(other)),
        };
        is_in = true;
        if let Some(row) = view.one::<R>(id).await.map_err(error)? {
            return Ok(Some((view, row)));
        }
    }
    if is_in { Ok(None) } else { Err(error(app::Error::NotFound)) }
}

#[cfg(test)]
mod tests {
    use super::{IdempotencyKey, Viewer};
    use crate::page::{Asked, List};

    #[test]
    fn a_viewer_prints_no_cookie() {
        let (browser, agent) = (Some("CANARY".to_owned()), Some("CANARY".to_owned()));
        let peer = std::net::Ipv4Addr::LOCALHOST.into();
        let viewer = Viewer { signed_in: None, program: None, browser, peer, agent };
        assert_eq!(format!("{viewer:?}"), "…");
    }

    #[test]
    fn what_was_sent_prints_nothing_of_it() {
        let printed = [
            format!("{:?}", IdempotencyKey(Some("CANARY".to_owned()))),
            format!("{:?}", Asked { after: Some("CANARY".to_owned()), ..Asked::default() }),
            format!("{:?}", List::by("CANARY")),
        ];
        assert_eq!(printed, ["…"; 3]);
    }
}
