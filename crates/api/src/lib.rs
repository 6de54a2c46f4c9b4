//! GraphQL and HTTP words for the app: one schema, three transports.
//!
//! Absent on purpose: rules (they are `domain`'s) and SQL. A feature is one file: its objects, inputs and mutations.
//! What all features share is in `words` (running a command), `page` (lists) and `scalars`.
#![expect(clippy::unused_async, reason = "a resolver is async, whether it has to wait or not")]

mod accepting;
mod access_log;
mod account;
mod activity;
mod appointment;
mod as_of;
mod assessment;
mod audit;
mod authorization;
mod calendar;
mod coachee;
pub mod cookies;
mod dashboard;
mod entering;
mod file;
mod gate;
mod google;
mod group;
pub mod http;
mod inviting;
mod journey;
mod limits;
mod live;
pub mod markdown;
mod message;
mod node;
mod note;
mod notice;
mod page;
mod pages;
mod plan;
mod practice;
mod question;
mod revisions;
mod scalars;
mod session;
mod tokens;
mod trusted;
mod words;

use std::sync::Arc;

use app::App;
use async_graphql::{MergedObject, Object, Schema};
pub use trusted::Trusted;

/// What can be asked.
#[derive(Default)]
pub struct Query;

#[Object]
impl Query {
    /// Who is signed in, or for whom a program acts; nothing where nobody is.
    async fn viewer(&self, ctx: &async_graphql::Context<'_>) -> words::Result<Option<account::ViewerObject>> {
        Ok(words::viewer(ctx)?.somebody().map(|_| account::ViewerObject))
    }

    /// The thing of this id, if the viewer sees it.
    async fn node(&self, ctx: &async_graphql::Context<'_>, id: async_graphql::ID) -> words::Result<Option<node::Node>> {
        node::find(ctx, &id).await
    }

    /// The things of these ids, each if the viewer sees it; at most a hundred.
    #[graphql(complexity = "ids.len() * (1 + child_complexity)")]
    async fn nodes(
        &self,
        ctx: &async_graphql::Context<'_>,
        ids: Vec<async_graphql::ID>,
    ) -> words::Result<Option<node::Nodes>> {
        node::find_all(ctx, ids).await.map(Some)
    }

    /// The service itself.
    async fn service(&self, ctx: &async_graphql::Context<'_>) -> words::Result<Service> {
        let google = words::app(ctx)?.google().map(|_| WayToSignIn::Google);
        let ways_to_sign_in = std::iter::once(WayToSignIn::Link).chain(google).collect();
        Ok(Service { version: env!("CARGO_PKG_VERSION").to_owned(), ways_to_sign_in })
    }
}

/// The service.
#[derive(async_graphql::SimpleObject)]
pub struct Service {
    /// The program's version.
    version: String,
    /// How people can sign in here.
    ways_to_sign_in: Vec<WayToSignIn>,
}

/// A way to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
pub enum WayToSignIn {
    /// By a link that comes by mail: `requestSignInLink`, `signIn`.
    Link,
    /// With a Google account: `beginGoogleSignIn`, `signInWithGoogle`, or the page `/auth/google`.
    Google,
}

/// What can be changed.
#[derive(MergedObject, Default)]
pub struct Mutation(
    account::AccountMutation,
    tokens::TokenMutation,
    google::GoogleMutation,
    practice::PracticeMutation,
    coachee::CoacheeMutation,
    group::GroupMutation,
    plan::PlanMutation,
    plan::action::ActionMutation,
    plan::comment::CommentMutation,
    plan::series::SeriesMutation,
    session::SessionMutation,
    session::notes::NotesMutation,
    session::rating::RatingMutation,
    session::steps::StepsMutation,
    authorization::AuthorizationMutation,
    assessment::AssessmentMutation,
    question::QuestionMutation,
    note::NoteMutation,
    file::FileMutation,
    message::MessageMutation,
    appointment::AppointmentMutation,
    appointment::FeedMutation,
    notice::NoticeMutation,
    notice::preferences::PreferencesMutation,
);

/// The schema.
pub type ApiSchema = Schema<Query, Mutation, live::LiveSubscription>;

/// How deep a selection may go.
const DEPTH_MAX: usize = 20;
/// How much a document may cost, counting list sizes.
const COMPLEXITY_MAX: usize = 100_000;

fn schema(running: Option<(App, Arc<limits::Limits>, live::Heartbeat)>) -> ApiSchema {
    let mut builder = Schema::build(Query, Mutation::default(), live::LiveSubscription)
        .register_output_type::<node::Node>()
        .limit_depth(DEPTH_MAX)
        .limit_recursive_depth(64)
        .limit_complexity(COMPLEXITY_MAX)
        .disable_suggestions();
    if let Some((app, limits, heartbeat)) = running {
        builder = builder.data(app).data(limits).data(heartbeat);
    }
    builder.finish()
}

/// The schema in GraphQL's own language, as `schema.graphql` holds it.
pub fn schema_sdl() -> String {
    let options = async_graphql::SDLExportOptions::new()
        .sorted_fields()
        .sorted_enum_items()
        .sorted_arguments()
        .include_specified_by();
    schema(None).sdl_with_options(options)
}

/// The router of `/graphql`, where every document may run, and of the pages beside it.
pub fn router(app: App, settings: http::Settings) -> axum::Router {
    router_of_trusted(app, settings, Trusted::default())
}

/// The same, where only trusted documents may run.
pub fn router_of_trusted(app: App, settings: http::Settings, trusted: Trusted) -> axum::Router {
    let limits = Arc::new(limits::Limits::default());
    let pages = pages::router(app.clone(), limits.clone(), settings.clone());
    let calendars = calendar::router(app.clone(), settings.clone());
    let files = file::router(app.clone(), settings.clone());
    let heartbeat = live::Heartbeat(settings.bounds.heartbeat);
    let schema = schema(Some((app.clone(), limits, heartbeat)));
    let entering = entering::Entering { schema, app: app.clone() };
    http::router(entering, gate::Doorkeeper(app, trusted), settings).merge(pages).merge(calendars).merge(files)
}
