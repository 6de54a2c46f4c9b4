//! Who comes in: the transports' gate over the app.

use std::future::Future;

use app::{App, Looked};
use domain::id::Id as _;
use tokio::sync::oneshot;

use crate::http::{Credentials, Gate, Refused};
use crate::trusted::Trusted;
use crate::words::Viewer;

/// The gate.
#[derive(Debug, Clone)]
pub struct Doorkeeper(pub App, pub Trusted);

impl Gate for Doorkeeper {
    type Viewer = Viewer;
    type Looked = Looked;

    async fn identify(&self, credentials: Credentials) -> Result<Viewer, Refused> {
        let Credentials { bearer, session_cookie, browser_cookie: browser, peer, agent } = credentials;
        let viewer = Viewer { signed_in: None, program: None, browser, peer, agent };
        let Some(token) = bearer.as_ref().or(session_cookie.as_ref()) else { return Ok(viewer) };
        let unavailable = |error| {
            tracing::error!(?error, "a credential could not be looked up");
            Refused::new("UNAVAILABLE", "The server cannot tell who you are right now. Try again.")
        };
        match self.0.identify(token).await {
            Ok(signed_in) => return Ok(Viewer { signed_in: Some(signed_in), ..viewer }),
            Err(app::Error::Unauthenticated) => {}
            Err(other) => return Err(unavailable(other)),
        }
        // A cookie that has ended is no reason to be locked out of signing in; a program must be told.
        if bearer.is_none() {
            return Ok(viewer);
        }
        match self.0.program(token).await {
            Ok(program) => Ok(Viewer { program: Some(program), ..viewer }),
            Err(app::Error::Unauthenticated) => {
                Err(Refused::new("UNAUTHENTICATED", "This sign-in has ended or is not known. Sign in again."))
            }
            Err(other) => Err(unavailable(other)),
        }
    }

    /// A task of its own looks for that: whoever waits for it may be writing to somebody who reads slowly, and what it had
    /// begun to ask of the database would be held until they read on.
    fn ended(&self, viewer: &Viewer) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (app, signed_in, program) = (self.0.clone(), viewer.signed_in, viewer.program.clone());
        let (mut sender, is_over) = oneshot::channel();
        self.0.tasks().start("an end of access", async move {
            let mut stopping = app.tasks().stopping();
            let ended = async {
                match (signed_in, program) {
                    (Some(signed_in), _) => app.login_ended(signed_in).await,
                    (None, Some(program)) => app.program_ended(program).await,
                    (None, None) => std::future::pending().await,
                }
            };
            tokio::select! {
                () = ended => {
                    // Nobody waiting any more is no fault.
                    let _ = sender.send(());
                }
                () = sender.closed() => {}
                _ = stopping.wait_for(|stop| *stop) => {}
            }
        });
        async move {
            // Where nobody looks any more the server stops, and nothing has ended.
            if is_over.await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    async fn stands(&self, looked: &Looked) -> Result<(), Refused> {
        self.0.still_sees(looked).await.map_err(|error| {
            if matches!(error, app::Error::Forbidden | app::Error::NotFound) {
                return Refused::new("FORBIDDEN", "What this shows left your sight while you read what came before.");
            }
            let message = "Your sight may have changed while you read what came before, so this is not shown. Ask again: a \
                           subscription after its item before, a change with the same idempotency key.";
            Refused::new("UNAVAILABLE", message)
        })
    }

    fn stopping(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut stopping = self.0.tasks().stopping();
        async move {
            // Where the app is gone it has stopped too.
            let _ = stopping.wait_for(|stop| *stop).await;
        }
    }

    fn admit(&self, document: &str) -> Result<(), Refused> {
        if self.1.admits(document) {
            return Ok(());
        }
        Err(Refused::new("FORBIDDEN", "This server runs the operations of its list only, and this is not one of them."))
    }

    fn key(&self, viewer: &Viewer) -> Option<[u8; 16]> {
        viewer.somebody().map(|person| person.uuid().into_bytes())
    }
}
