//! Signing in with Google, where the operator has set it up (S1.8, S1.10; promise A7). What makes a token be believed is
//! `app`'s.

use app::google::Brought;
use async_graphql::{Context, InputObject, Object, SimpleObject};
use domain::account;
use domain::id::{AddressId, Id as _};

use crate::account::{SessionKind, SignInPayload, signed_in};
use crate::cookies;
use crate::words::{Once, Result, UserError, app, error, viewer};

/// What a portal hands to Google to begin a sign-in.
#[derive(SimpleObject)]
pub struct BeginGoogleSignInPayload {
    /// The id by which Google knows this server.
    client_id: Option<String>,
    /// What the token has to carry so that it counts for this browser.
    nonce: Option<String>,
    /// Why it was refused; empty where it was not.
    errors: Vec<UserError>,
}

/// Signs in with what Google said.
#[derive(InputObject)]
pub struct SignInWithGoogleInput {
    /// The ID token, as Google gave it to this browser.
    credential: String,
    /// Where the sign-in is held; a program is answered with its bearer token.
    #[graphql(default_with = "SessionKind::Browser")]
    kind: SessionKind,
}

/// Google.
#[derive(Default)]
pub struct GoogleMutation;

#[Object]
impl GoogleMutation {
    /// Begins a sign-in with Google in this browser: its cookie, and the nonce that belongs to it. (A page that needs no
    /// script is at `/auth/google`.)
    async fn begin_google_sign_in(&self, ctx: &Context<'_>) -> Result<Option<BeginGoogleSignInPayload>> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        viewer.no_program()?;
        let Some(google) = app.google() else {
            let refusal = domain::Refusal::from(account::Refusal::GoogleIsNotSetUp);
            return Ok(Some(BeginGoogleSignInPayload { client_id: None, nonce: None, errors: vec![refusal.into()] }));
        };
        // Nothing is changed that a repeat could change twice. So whatever the key is, only this browser learns its cookie.
        let command = app.command();
        let browser = app.asking(AddressId::of(command.uuid()), command, viewer.browser.as_deref()).browser;
        cookies::set_browser(ctx, &browser);
        let (client_id, nonce) = (Some(google.client().to_owned()), Some(app.google_nonce(&browser)));
        Ok(Some(BeginGoogleSignInPayload { client_id, nonce, errors: Vec::new() }))
    }

    /// Signs in with Google: to the account that this Google account was linked to, or, the first time, to that of its
    /// address, as a mailed link would.
    async fn sign_in_with_google(
        &self,
        ctx: &Context<'_>,
        input: SignInWithGoogleInput,
    ) -> Result<Option<SignInPayload>> {
        let (app, viewer) = (app(ctx)?, viewer(ctx)?);
        viewer.no_program()?;
        let once = Once::by_link(ctx, viewer)?;
        let (browser, person) = (viewer.browser.clone(), viewer.signed_in.map(|signed_in| signed_in.person));
        let brought = Brought { token: input.credential, browser, signed_in: person };
        let device = app::signin::Device::new(input.kind.into(), viewer.agent.as_deref());
        match app.sign_in_with_google(&brought, device, once.command(app), |log| once.idempotency(app, log)).await {
            Ok(session) => Ok(Some(signed_in(ctx, session, input.kind))),
            Err(app::Error::Refused(refusal)) => Ok(Some(SignInPayload::refused(refusal))),
            Err(other) => Err(error(other)),
        }
    }
}
