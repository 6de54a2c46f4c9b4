//! The pages beside GraphQL: signing in, accepting an invitation, taking oneself off mails, the terms, and the explorer at
//! `/`.
//!
//! They are plain HTML that works without scripts; only the explorer has one. What holds:
//!
//! - Opening a page changes nothing, so a mail scanner that opens links uses none up (A5). What changes something is a
//!   form's POST, and that comes from our own pages only (A9), whether or not it shows a cookie: else another site could
//!   sign a browser in as somebody else. (What Google sends a browser back with comes from there: `google`.)
//! - Asking for a link is answered the same for every address (A6), by the same function as GraphQL's.
//! - Tokens stand in the addresses of these pages. So they are kept nowhere, framed nowhere, load nothing, and give on no
//!   more than their origin. (Not even that would be `no-referrer`; but under it browsers send forms with `Origin: null`,
//!   and we could not know our own.)

mod explorer;
mod google;
mod markup;

use std::sync::Arc;

use app::signin::{Credentials, Device, NewSession};
use app::tokens::{self, Kind};
use app::{App, Error, Request as Command};
use axum::extract::{DefaultBodyLimit, Form, Path, Query, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Router, http::request::Parts};
use domain::account::{self, LINK_MINUTES, Portal, Through};
use domain::id::{LogId, PracticeId};
use domain::notice::Unsubscription;
use domain::text::Text as _;
use domain::{Refusal, coachee, practice};
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde::Deserialize;

use self::markup::Html;
use crate::accepting::acceptance;
use crate::account::ask;
use crate::cookies;
use crate::gate::Doorkeeper;
use crate::http::{Gate as _, Settings, origin};
use crate::limits::Limits;
use crate::words::Viewer;

/// The longest form, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;
const STYLE: &str = include_str!("pages/style.css");

/// What the pages need.
struct Room {
    gate: Doorkeeper,
    limits: Arc<Limits>,
    settings: Settings,
    /// The policy of every page but the explorer: its own style, forms to ourselves, and nothing else.
    policy: HeaderValue,
}

type Pages = State<Arc<Room>>;

/// The router of the pages.
pub(crate) fn router(app: App, limits: Arc<Limits>, settings: Settings) -> Router {
    let policy = format!(
        "default-src 'none'; style-src {}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        explorer::source(STYLE)
    );
    let policy = HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    let room = Arc::new(Room { gate: Doorkeeper(app, crate::Trusted::default()), limits, settings, policy });
    Router::new()
        .route("/", get(explorer::open))
        .route("/login", get(open_login).post(log_in))
        .route("/invitations/{token}", get(open_invitation).post(accept_invitation))
        .route("/unsubscribe/{token}", get(open_unsubscribe).post(unsubscribe))
        .route("/terms", get(terms))
        .route(google::PATH, get(google::begin).post(google::come_back))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(from_fn_with_state(room.clone(), guard))
        .with_state(room)
}

/// What holds for every page: other sites' forms are refused, slow ones cut off, and the answer's headers keep it to
/// whom it is for.
async fn guard(State(room): Pages, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let is_form = parts.method == Method::POST && parts.uri.path() != google::PATH;
    let mut response = if is_form && !origin::is_same_site(&parts, &room.settings) {
        let message =
            "This form was sent by another site, so nothing was done. Open the page here and send it from there.";
        note(StatusCode::FORBIDDEN, "That came from another site", message)
    } else {
        let answer = next.run(Request::from_parts(parts, body));
        let late = |_| note(StatusCode::REQUEST_TIMEOUT, "That took too long", "Try again.");
        tokio::time::timeout(room.settings.bounds.request, answer).await.unwrap_or_else(late)
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.entry(CONTENT_SECURITY_POLICY).or_insert_with(|| room.policy.clone());
    headers.entry(REFERRER_POLICY).or_insert(HeaderValue::from_static("strict-origin"));
    response
}

/// What is typed into the form of an address, or of a link.
#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    email: String,
    token: Option<String>,
    code: Option<String>,
}

/// A page's address.
#[derive(Deserialize)]
struct Opened {
    token: Option<String>,
}

/// The form of an address, or the button of a link. Whether the link works is not looked at.
async fn open_login(State(room): Pages, Query(opened): Query<Opened>, parts: Parts) -> Response {
    let Some(token) = opened.token else {
        let link = "<p>Or <a href=\"/auth/google\">sign in with Google</a>.</p>\n";
        let google = if room.gate.0.google().is_some() { Html::own(link) } else { Html::none() };
        return page(StatusCode::OK, "Sign in", Html::fill(include_str!("pages/login.html"), &[("google", google)]));
    };
    let is_known = origin::shown(&parts, &room.settings).browser_cookie.is_some();
    redeem_page(StatusCode::OK, &token, None, !is_known)
}

/// Asks for a link, or redeems one.
async fn log_in(State(room): Pages, parts: Parts, Form(typed): Form<Typed>) -> Response {
    let shown = origin::shown(&parts, &room.settings);
    let app = &room.gate.0;
    let Some(token) = typed.token else {
        let allowed = room.limits.may_ask(shown.peer, app.clock().now());
        let browser = shown.browser_cookie.as_deref();
        return match ask(app, (&typed.email, browser), allowed, app.command(), |_| None).await {
            Ok(asked) => {
                let minutes = Html::text(&LINK_MINUTES.to_string());
                let values = [("digits", Html::text(&asked.digits)), ("minutes", minutes)];
                let body = Html::fill(include_str!("pages/asked.html"), &values);
                let cookie = [(SET_COOKIE, cookies::browser(&asked.browser))];
                (cookie, page(StatusCode::OK, "Look into your mail", body)).into_response()
            }
            Err(error) => failed(&error),
        };
    };
    let digits = typed.code.filter(|code| !code.trim().is_empty());
    let is_wrong = digits.is_some();
    let brought = Credentials { token, browser: shown.browser_cookie, digits };
    let device = Device::new(Through::Browser, shown.agent.as_deref());
    match app.sign_in(&brought, device, app.command(), |_| None).await {
        Ok(session) => signed_in(Some(session)),
        Err(Error::Refused(refusal)) if refusal == Refusal::from(account::Refusal::CodeIsNeeded) => {
            let message = if is_wrong { "Those are not the six digits. Try again." } else { refusal.message() };
            redeem_page(StatusCode::UNPROCESSABLE_ENTITY, &brought.token, Some(message), true)
        }
        Err(error) => failed(&error),
    }
}

/// To what an invitation is, and the button that accepts it.
async fn open_invitation(State(room): Pages, Path(token): Path<String>, parts: Parts) -> Response {
    let app = &room.gate.0;
    let (viewer, invited) = match (room.viewer(&parts).await, app.invited(&token).await) {
        (Ok(viewer), Ok(Some(invited))) => (viewer, invited),
        (Ok(_), Ok(None)) => return failed(&Refusal::from(practice::Refusal::InvitationIsNotValid).into()),
        (Err(response), _) => return response,
        (Ok(_), Err(error)) => return failed(&error),
    };
    let place = Html::own(match invited.portal {
        Portal::Coach => "join it as a coach",
        Portal::Coachee => "your coaching portal",
    });
    let account = match viewer.signed_in {
        Some(signed_in) => match app.account(signed_in.person).await {
            Ok((row, _, _)) => format!("You are signed in as {}; it will be this account's.", row.email.as_str()),
            Err(error) => return failed(&error),
        },
        None => {
            "Accepting opens an account for the address to which the invitation was sent, and signs you in.".to_owned()
        }
    };
    let values =
        [("practice", Html::text(invited.practice.as_str())), ("place", place), ("account", Html::text(&account))];
    page(StatusCode::OK, "You are invited", Html::fill(include_str!("pages/invitation.html"), &values))
}

/// Accepts an invitation, whichever it is.
async fn accept_invitation(State(room): Pages, Path(token): Path<String>, parts: Parts) -> Response {
    let viewer = match room.viewer(&parts).await {
        Ok(viewer) => viewer,
        Err(response) => return response,
    };
    match accept(&room.gate.0, &viewer, &token).await {
        Ok(session) => signed_in(session),
        // The link is no sign-in to an account that is there already.
        Err(Error::Unauthenticated) => {
            let message = "There is an account with the address to which this invitation was sent. Sign in, then open the \
                           invitation's link again.";
            note_with_login(StatusCode::UNAUTHORIZED, "Sign in first", message)
        }
        Err(error) => failed(&error),
    }
}

/// Accepts an invitation: of a coachee, or else of a coach. The sign-in is new where an account was opened.
async fn accept(app: &App, viewer: &Viewer, token: &str) -> Result<Option<NewSession>, Error> {
    let (command, now) = (app.command(), app.clock().now());
    let request = |practice: PracticeId| Command {
        log: LogId::Practice(practice),
        actor: viewer.actor(),
        through: viewer.through(),
        now,
        command,
        idempotency: None,
    };
    if let Some((LogId::Practice(practice), hash)) = tokens::parse(Kind::CoacheeInvitation, token)
        && let Some((invitation, row)) = app.coachee_invitation(token).await?
    {
        let (acceptance, session) = acceptance(app, viewer, (&row.email, Through::Browser), command)?;
        let (invitation, coachee) = (invitation.id, row.id);
        let accept = coachee::AcceptInvitation { practice, invitation, token: hash, coachee, acceptance };
        return app.run(request(practice), accept).await.map(|_| session);
    }
    if let Some((LogId::Practice(practice), hash)) = tokens::parse(Kind::CoachInvitation, token)
        && let Some(row) = app.coach_invitation(token).await?
    {
        let (acceptance, session) = acceptance(app, viewer, (&row.email, Through::Browser), command)?;
        let accept = practice::AcceptCoachInvitation { practice, invitation: row.id, token: hash, acceptance };
        return app.run(request(practice), accept).await.map(|_| session);
    }
    Err(Refusal::from(practice::Refusal::InvitationIsNotValid).into())
}

/// From which mails a link takes its reader off, and the button that does it. Whether it was done before is not looked at.
async fn open_unsubscribe(State(room): Pages, Path(token): Path<String>) -> Response {
    let Some((_, from)) = room.gate.0.unsubscription(&token) else { return failed(&Error::NotFound) };
    let mails = Html::own(match from {
        Unsubscription::Kind(_) => "mails of this one kind",
        Unsubscription::Digest => "the daily mail, and no single ones instead of it",
    });
    page(StatusCode::OK, "Get fewer mails", Html::fill(include_str!("pages/unsubscribe.html"), &[("mails", mails)]))
}

/// Takes somebody off mails: by the button, or by their mail program alone (RFC 8058), which knows no cookie of ours.
async fn unsubscribe(State(room): Pages, Path(token): Path<String>) -> Response {
    match room.gate.0.unsubscribe(&token).await {
        Ok(()) => {
            let message = "You get no more of these mails. What happens is in your portal as before; in your account you can have the \
                           mails again.";
            note(StatusCode::OK, "Done", message)
        }
        Err(error) => failed(&error),
    }
}

/// Whose the data is (S1.70).
async fn terms() -> Response {
    page(StatusCode::OK, "Terms", Html::own(include_str!("pages/terms.html")))
}

impl Room {
    /// Who opened the page, or the page that says why that cannot be told.
    async fn viewer(&self, parts: &Parts) -> Result<Viewer, Response> {
        let viewer = self.gate.identify(origin::shown(parts, &self.settings)).await;
        viewer.map_err(|refused| {
            let is_unknown = refused.code == "UNAUTHENTICATED";
            let status = if is_unknown { StatusCode::UNAUTHORIZED } else { StatusCode::SERVICE_UNAVAILABLE };
            note(status, "That did not work", &refused.message)
        })
    }
}

/// On to the explorer, signed in.
fn signed_in(session: Option<NewSession>) -> Response {
    let mut headers = HeaderMap::new();
    let cookie = session.and_then(|session| HeaderValue::try_from(cookies::session(&session.token.text)).ok());
    headers.extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    (headers, Redirect::to("/")).into_response()
}

/// The button that redeems a link.
fn redeem_page(status: StatusCode, token: &str, message: Option<&str>, asks_code: bool) -> Response {
    let alert = message.map_or(Html::none(), alert);
    let code = if asks_code { Html::own(include_str!("pages/code.html")) } else { Html::none() };
    let values = [("alert", alert), ("token", Html::text(token)), ("code", code)];
    page(status, "Sign in", Html::fill(include_str!("pages/redeem.html"), &values))
}

/// The page of an error: what happened, and what to do.
fn failed(error: &Error) -> Response {
    let status = match error {
        Error::Refused(_) | Error::Again => StatusCode::UNPROCESSABLE_ENTITY,
        Error::Forbidden => StatusCode::FORBIDDEN,
        Error::NotFound => StatusCode::NOT_FOUND,
        Error::Unauthenticated => StatusCode::UNAUTHORIZED,
        Error::ConflictingKey => StatusCode::CONFLICT,
        Error::BadRequest(_) => StatusCode::BAD_REQUEST,
        Error::StorageFull => StatusCode::INSUFFICIENT_STORAGE,
        Error::Unavailable | Error::Building { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Error::Internal(text) => {
            tracing::error!(error = text, "a page failed");
            StatusCode::INTERNAL_SERVER_ERROR
        }
    };
    note_with_login(status, "That did not work", &error.to_string())
}

fn alert(message: &str) -> Html {
    Html::fill(include_str!("pages/alert.html"), &[("message", Html::text(message))])
}

fn note(status: StatusCode, title: &'static str, message: &str) -> Response {
    page(status, title, alert(message))
}

fn note_with_login(status: StatusCode, title: &'static str, message: &str) -> Response {
    let template = "{{alert}}<p><a href=\"/login\">Sign in</a></p>\n";
    page(status, title, Html::fill(template, &[("alert", alert(message))]))
}

fn page(status: StatusCode, title: &'static str, body: Html) -> Response {
    let values = [("title", Html::own(title)), ("style", Html::own(STYLE)), ("body", body)];
    let page = Html::fill(include_str!("pages/shell.html"), &values);
    (status, axum::response::Html(page.into_string())).into_response()
}
