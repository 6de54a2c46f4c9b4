//! The two cookies. Both are `__Host-` cookies: of this host only, over https only (browsers count loopback as such).

use async_graphql::Context;
use http::header::SET_COOKIE;

/// Carries a sign-in.
pub const SESSION: &str = "__Host-throughline-session";
/// Knows again the browser that asked for a sign-in link.
pub const BROWSER: &str = "__Host-throughline-browser";

const RULES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// The header's value that sets a sign-in.
pub fn session(token: &str) -> String {
    format!("{SESSION}={token}; {RULES}; Max-Age={}", domain::account::LOGIN_DAYS * 24 * 60 * 60)
}

/// Sets the sign-in cookie.
pub fn set_session(ctx: &Context<'_>, token: &str) {
    ctx.append_http_header(SET_COOKIE, session(token));
}

/// Removes both cookies: nothing that Google said to this browser signs in here again.
pub fn clear(ctx: &Context<'_>) {
    for name in [SESSION, BROWSER] {
        ctx.append_http_header(SET_COOKIE, format!("{name}=; {RULES}; Max-Age=0"));
    }
}

/// The header's value that knows a browser again, as long as a link works.
pub fn browser(value: &str) -> String {
    format!("{BROWSER}={value}; {RULES}; Max-Age={}", domain::account::LINK_MINUTES * 60)
}

/// Sets the browser cookie.
pub fn set_browser(ctx: &Context<'_>, value: &str) {
    ctx.append_http_header(SET_COOKIE, browser(value));
}
