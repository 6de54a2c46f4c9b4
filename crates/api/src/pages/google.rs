//! Signing in with Google without a script of anybody's: privacy extensions that block Google's script (S1.11) change
//! nothing here. A link leads to Google; Google sends the browser back with a form.
//!
//! That form comes from another site, so it brings no cookies (they are `SameSite=Lax`) and must change nothing: it is
//! answered with our own page, whose button posts the same again, from here and with the cookie. Whether the token is
//! meant for this browser is the nonce's to say.

use app::google::Brought;
use app::signin::Device;
use axum::extract::{Form, State};
use axum::response::{IntoResponse, Redirect, Response};
use domain::Refusal;
use domain::account::{self, Through};
use domain::id::{AddressId, Id as _};
use http::StatusCode;
use http::header::SET_COOKIE;
use http::request::Parts;
use serde::Deserialize;

use super::markup::Html;
use super::{Pages, failed, note_with_login, page, signed_in};
use crate::cookies;
use crate::http::origin;

/// The page's address.
pub(super) const PATH: &str = "/auth/google";

/// What Google's form brings: the token by the name that the flow gives it, or why there is none.
#[derive(Deserialize)]
pub(super) struct Answer {
    #[serde(alias = "credential")]
    id_token: Option<String>,
    error: Option<String>,
}

/// On to Google.
pub(super) async fn begin(State(room): Pages, parts: Parts) -> Response {
    let app = &room.gate.0;
    let Some(google) = app.google() else { return failed(&Refusal::from(account::Refusal::GoogleIsNotSetUp).into()) };
    let (command, known) = (app.command(), origin::shown(&parts, &room.settings).browser_cookie);
    let browser = app.asking(AddressId::of(command.uuid()), command, known.as_deref()).browser;
    match google.begin(&app.google_nonce(&browser), app.clock().now()).await {
        Ok(address) => ([(SET_COOKIE, cookies::browser(&browser))], Redirect::to(&address)).into_response(),
        Err(error) => failed(&error),
    }
}

/// Back from Google.
pub(super) async fn come_back(State(room): Pages, parts: Parts, Form(answer): Form<Answer>) -> Response {
    let app = &room.gate.0;
    let Some(token) = answer.id_token else {
        let message = match answer.error.as_deref() {
            Some("access_denied") => "You chose not to sign in with Google.",
            Some(_) | None => "Google did not say who you are. Try again, or ask for a link by mail.",
        };
        return note_with_login(StatusCode::UNPROCESSABLE_ENTITY, "You are not signed in", message);
    };
    if !origin::is_same_site(&parts, &room.settings) {
        let values = [("token", Html::text(&token))];
        return page(StatusCode::OK, "Sign in", Html::fill(include_str!("google.html"), &values));
    }
    let viewer = match room.viewer(&parts).await {
        Ok(viewer) => viewer,
        Err(response) => return response,
    };
    let device = Device::new(Through::Browser, viewer.agent.as_deref());
    let brought = Brought { token, browser: viewer.browser, signed_in: viewer.signed_in.map(|by| by.person) };
    match app.sign_in_with_google(&brought, device, app.command(), |_| None).await {
        Ok(session) => signed_in(Some(session)),
        Err(error) => failed(&error),
    }
}
