//! No answer leaves before the entries that it owes the access log are committed (promise R3).
//!
//! [`Entering`] stands between the transports and the schema. Each request gets a fresh note pad in its data, which
//! every [`Reader`](app::Reader) of the request shares (and the turn to look, so that a request has one view at a time);
//! what resolvers open of others' words is noted there. When an
//! answer is made, and for each item of a subscription, what was noted is entered. Where that fails, the answer is
//! thrown away and an error without data goes out in its place: a text that left no entry does not leave either.

use std::sync::Arc;

use app::App;
use app::readings::{Noted, OneByOne};
use async_graphql::{Data, ErrorExtensions as _, Executor, Pos, Request, Response};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};

use crate::ApiSchema;

/// The schema, whose answers wait for their entries.
#[derive(Clone)]
pub struct Entering {
    /// What answers.
    pub schema: ApiSchema,
    /// What enters.
    pub app: App,
}

impl Executor for Entering {
    async fn execute(&self, request: Request) -> Response {
        let noted = Noted::default();
        let answer = self.schema.execute(request.data(noted.clone()).data(OneByOne::default())).await;
        match self.app.enter(&noted).await {
            Ok(()) => answer,
            Err(error) => refused(&error),
        }
    }

    fn execute_stream(&self, request: Request, session: Option<Arc<Data>>) -> BoxStream<'static, Response> {
        let noted = Noted::default();
        let request = request.data(noted.clone()).data(OneByOne::default());
        let answers = Executor::execute_stream(&self.schema, request, session);
        // One at a time: what the next item opens is noted only after this one's entries are committed.
        let turns = stream::unfold(Some((self.app.clone(), answers, noted)), async |turn| {
            let (app, mut answers, noted) = turn?;
            let answer = answers.next().await?;
            // Boxed: who waits for the next item enters nothing.
            match Box::pin(app.enter(&noted)).await {
                Ok(()) => Some((answer, Some((app, answers, noted)))),
                Err(error) => Some((refused(&error), None)),
            }
        });
        turns.boxed()
    }
}

/// What goes out in place of an answer whose entries could not be written.
fn refused(error: &app::Error) -> Response {
    tracing::error!(?error, "an answer was withheld: the access log could not be written");
    let (code, why) = match error {
        app::Error::StorageFull => ("STORAGE_FULL", "the server's storage is full"),
        app::Error::Unavailable
        | app::Error::Again
        | app::Error::Refused(_)
        | app::Error::Forbidden
        | app::Error::NotFound
        | app::Error::Unauthenticated
        | app::Error::ConflictingKey
        | app::Error::Building { .. }
        | app::Error::BadRequest(_)
        | app::Error::Internal(_) => ("UNAVAILABLE", "the server cannot write now"),
    };
    let message = format!(
        "what you read here must first be entered in the access log, and {why}; nothing is shown, try again later (after a \
         change with the same idempotency key)"
    );
    let error = async_graphql::Error::new(message).extend_with(|_, extensions| extensions.set("code", code));
    Response::from_errors(vec![error.into_server_error(Pos::default())])
}
