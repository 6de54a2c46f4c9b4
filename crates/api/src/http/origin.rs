//! Who sends a request, and whether a browser was made to send it by somebody else's page.
//!
//! A cookie is sent by the browser, whoever's page asks it to. So a request that is let in by a cookie must come from our
//! own pages: `Sec-Fetch-Site` says `same-origin` (or `none`: the person typed the address), and `Origin`, where there is
//! one, is ours. A bearer token, by contrast, is put there by a program that knows it; such a request may come from
//! anywhere, and its cookies are not looked at. (The content type `application/json` stands before all this for POST: no
//! page can send it across sites without asking first, and nobody answers that question here. Sockets are never asked
//! about: see `socket_credentials`.)

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::extract::ConnectInfo;
use http::header::{AUTHORIZATION, COOKIE, HOST, ORIGIN, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, StatusCode};

use super::answer::Fault;
use super::{Credentials, Peer, Refused, Settings};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const MAX_AGENT_BYTES: usize = 256;

/// Reads the credentials, and refuses a cross-site request that would use the browser's.
pub(super) fn credentials(parts: &Parts, settings: &Settings) -> Result<Credentials, Fault> {
    let credentials = shown(parts, settings);
    let is_ambient = credentials.session_cookie.is_some() || credentials.browser_cookie.is_some();
    if is_ambient && !is_same_site(parts, settings) {
        let message = "Requests from other sites cannot use this browser's cookies.";
        return Err(Fault::refused(Refused::new("FORBIDDEN", message)).with_status(StatusCode::FORBIDDEN));
    }
    Ok(credentials)
}

/// Reads the credentials of a socket. A page opens one to any site without asking first, and then says there what it likes,
/// from its visitor's browser. So a socket from elsewhere needs a token from the beginning, which no page can give it.
pub(super) fn socket_credentials(parts: &Parts, settings: &Settings) -> Result<Credentials, Fault> {
    let credentials = shown(parts, settings);
    if credentials.bearer.is_none() && !is_same_site(parts, settings) {
        let message = "A socket from another site needs the header Authorization.";
        return Err(Fault::refused(Refused::new("FORBIDDEN", message)).with_status(StatusCode::FORBIDDEN));
    }
    Ok(credentials)
}

/// Reads the credentials, whoever made the browser send them: for answers that other sites cannot read and requests that
/// change nothing.
pub(crate) fn shown(parts: &Parts, settings: &Settings) -> Credentials {
    let headers = &parts.headers;
    let bearer = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let by_cookie = |name| if bearer.is_none() { cookie(headers, name) } else { None };
    Credentials {
        session_cookie: by_cookie(&settings.session_cookie),
        browser_cookie: by_cookie(&settings.browser_cookie),
        peer: peer(parts),
        agent: agent(headers),
        bearer,
    }
}

/// The token of an `Authorization` value of the scheme `Bearer`. Other schemes are not ours and say nothing.
pub(super) fn bearer(authorization: &str) -> Option<String> {
    let (scheme, token) = authorization.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
}

/// Whether the browser says that our own pages, or the person, made it send this; or nobody says anything.
pub(crate) fn is_same_site(parts: &Parts, settings: &Settings) -> bool {
    let mut sites = parts.headers.get_all(SEC_FETCH_SITE).iter();
    let mut origins = parts.headers.get_all(ORIGIN).iter();
    let site_is_ours = sites.all(|site| site == "same-origin" || site == "none");
    let origin_is_ours = origins.all(|origin| origin.to_str().is_ok_and(|origin| is_own(origin, parts, settings)));
    site_is_ours && origin_is_ours
}

fn is_own(origin: &str, parts: &Parts, settings: &Settings) -> bool {
    if !settings.origins.is_empty() {
        return settings.origins.iter().any(|own| own.eq_ignore_ascii_case(origin));
    }
    let host = parts.uri.authority().map(http::uri::Authority::as_str);
    let host = host.or_else(|| parts.headers.get(HOST).and_then(|host| host.to_str().ok()));
    let origin = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    matches!((origin, host), (Some(origin), Some(host)) if origin.eq_ignore_ascii_case(host))
}

fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn peer(parts: &Parts) -> IpAddr {
    let told = parts.extensions.get::<Peer>().copied();
    let connected = || parts.extensions.get::<ConnectInfo<Peer>>().map(|info| info.0);
    told.or_else(connected).map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| client(peer.0))
}

/// The address by which a client is counted: of IPv6 the first 64 bits, since whoever has one such address has all of them
/// (RFC 6177, RFC 7934).
pub(super) fn client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

fn agent(headers: &HeaderMap) -> Option<String> {
    let agent = headers.get(USER_AGENT)?.to_str().ok()?;
    Some(agent.chars().take(MAX_AGENT_BYTES).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        for (address, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2:ffff::1", "2001:db8:1:2::"),
            ("2001:db8:1:3::1", "2001:db8:1:3::"),
            ("::1", "::"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(client(address).to_string(), expected, "{address}");
        }
    }
}
