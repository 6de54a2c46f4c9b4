//! How the text of a setting becomes its value. Each reader gives the value, or says what it expected.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::EnvFilter;

/// A value that a function makes; `what` says of what.
pub(super) fn text<T>(make: impl Fn(&str) -> Option<T>, what: &str) -> impl Fn(&str) -> Result<T, String> {
    move |text| make(text).ok_or_else(|| format!("expected {what}"))
}

/// A text of which something holds.
pub(super) fn checked(holds: impl Fn(&str) -> bool, what: &str) -> impl Fn(&str) -> Result<String, String> {
    text(move |text| holds(text).then(|| text.to_owned()), what)
}

/// Nothing, where nothing is written.
pub(super) fn optional<T>(read: impl Fn(&str) -> Result<T, String>) -> impl Fn(&str) -> Result<Option<T>, String> {
    move |text| if text.is_empty() { Ok(None) } else { read(text).map(Some) }
}

/// Several, with commas between them.
pub(super) fn listed<T>(make: impl Fn(&str) -> Option<T>, what: &str) -> impl Fn(&str) -> Result<Vec<T>, String> {
    move |text| {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(|part| make(part).ok_or_else(|| format!("expected {what}"))).collect()
    }
}

/// A whole number within bounds. Underscores may part its digits.
pub(super) fn whole<N: TryFrom<u64>>(bounds: RangeInclusive<u64>) -> impl Fn(&str) -> Result<N, String> {
    move |text| {
        let number = text.replace('_', "").parse::<u64>().ok().filter(|number| bounds.contains(number));
        number
            .and_then(|number| N::try_from(number).ok())
            .ok_or_else(|| format!("expected a whole number from {} to {}", bounds.start(), bounds.end()))
    }
}

/// So many seconds.
pub(super) fn duration(bounds: RangeInclusive<u64>) -> impl Fn(&str) -> Result<Duration, String> {
    let seconds = whole(bounds);
    move |text| seconds(text).map(Duration::from_secs).map_err(|what| format!("{what}, in seconds"))
}

/// One of these words.
pub(super) fn one_of<T: Copy>(words: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        found
            .ok_or_else(|| format!("expected {}", words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(" or ")))
    }
}

/// What may follow the `?` of a PostgreSQL database's address, besides `options[…]`.
const PARAMETERS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// The address of a database. A parameter that is not known is refused by its name alone: what reads the address would pass
/// it over, and log it with its value, which may be a password.
pub(super) fn database(text: &str) -> Result<String, String> {
    if let Some(path) = text.strip_prefix("sqlite:") {
        let is_one = !path.strip_prefix("//").unwrap_or(path).is_empty();
        return if is_one { Ok(text.to_owned()) } else { Err("expected a path after sqlite:".to_owned()) };
    }
    if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Err("expected an address that begins with sqlite: or postgres://".to_owned());
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let query = query.split('#').next().unwrap_or_default();
    let mut names = query.split('&').map(|part| part.split('=').next().unwrap_or_default());
    match names.find(|name| !name.is_empty() && !PARAMETERS.contains(name) && !name.starts_with("options[")) {
        None => Ok(text.to_owned()),
        // Then a part of a password is taken for a parameter.
        Some(_) if query.contains('@') => Err("a `?` in a user's name or password is written %3F there".to_owned()),
        Some(name) => Err(format!("there is no parameter `{name}` of PostgreSQL's that is used here; take it away")),
    }
}

/// A scheme, a host and perhaps a port, and nothing after them.
pub(super) fn site(text: &str) -> Option<String> {
    let site = text.strip_suffix('/').unwrap_or(text);
    let uri: http::Uri = site.parse().ok()?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let bare = uri.path() == "/" && uri.query().is_none() && !site.contains(['@', '#']);
    (is_web && bare && uri.host().is_some_and(|host| !host.is_empty())).then(|| site.to_owned())
}

/// An IP address, as connections are compared with it: one of IPv4 that is written as one of IPv6 is one of IPv4.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// Whether these are levels, and levels by module. What reads the filter takes any other word, and a level with a blank
/// beside it, for a module's name and leaves all other modules out, so that a misspelt level would silence the log.
pub(super) fn is_filter(text: &str) -> bool {
    let is_known = |part: &str| part.contains('=') || part.parse::<LevelFilter>().is_ok();
    text.split(',').all(|part| part == part.trim() && is_known(part)) && EnvFilter::try_new(text).is_ok()
}

/// Whether it looks like `a@b` or `Name <a@b>`. Whoever sends mail looks more closely.
pub(super) fn is_mailbox(text: &str) -> bool {
    let address = text.strip_suffix('>').and_then(|text| text.split_once('<')).map_or(text, |(_, address)| address);
    let is_part = |part: &str| {
        !part.is_empty() && !part.contains(|letter: char| letter.is_whitespace() || "<>@".contains(letter))
    };
    !text.contains(char::is_control) && address.split_once('@').is_some_and(|(who, host)| is_part(who) && is_part(host))
}

/// A value of the settings file as the text that the environment would hold.
pub(super) fn from_toml(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        toml::Value::Array(list) => {
            list.iter().map(toml::Value::as_str).collect::<Option<Vec<_>>>().map(|list| list.join(","))
        }
        toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => None,
    }
}
