//! Who comes in: the transports' gate over the app.

use std::future::Future;

use app::App;
use domain::id::Id as _;

use crate::http::{Credentials, Gate, Refused};
use crate::trusted::Trusted;
use crate::words::Viewer;

/// The gate.
#[derive(Debug, Clone)]
pub struct Doorkeeper(pub App, pub Trusted);

impl Gate for Doorkeeper {
    type Viewer = Viewer;

    async fn identify(&self, credentials: Credentials) -> Result<Viewer, Refused> {
        let Credentials { bearer, session_cookie, browser_cookie: browser, peer, agent: _ } = credentials;
        let Some(token) = bearer.as_ref().or(session_cookie.as_ref()) else {
            return Ok(Viewer { signed_in: None, browser, peer });
        };
        match self.0.identify(token).await {
            Ok(signed_in) => Ok(Viewer { signed_in: Some(signed_in), browser, peer }),
            // A cookie that has ended is no reason to be locked out of signing in; a program must be told.
            Err(app::Error::Unauthenticated) if bearer.is_none() => Ok(Viewer { signed_in: None, browser, peer }),
            Err(app::Error::Unauthenticated) => {
                Err(Refused::new("UNAUTHENTICATED", "This sign-in has ended or is not known. Sign in again."))
            }
            Err(other) => {
                tracing::error!(error = ?other, "a credential could not be looked up");
                Err(Refused::new("UNAVAILABLE", "The server cannot tell who you are right now. Try again."))
            }
        }
    }

    fn ended(&self, viewer: &Viewer) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (app, signed_in) = (self.0.clone(), viewer.signed_in);
        async move {
            match signed_in {
                Some(signed_in) => app.login_ended(signed_in).await,
                None => std::future::pending().await,
            }
        }
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
        viewer.signed_in.map(|signed_in| signed_in.person.uuid().into_bytes())
    }
}
