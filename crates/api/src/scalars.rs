//! The API's scalars and ids.

use std::borrow::Cow;
use std::str::FromStr;

use async_graphql::registry::Registry;
use async_graphql::{ID, InputType, InputValueError, InputValueResult, Scalar, ScalarType, Value};

/// An id of one kind of thing: `ID` outside, so that a coachee's id in a goal's place fails before the resolver.
#[derive(Debug, Clone, Copy)]
pub struct Id<I>(pub I);

impl<I: domain::id::Id + FromStr<Err = domain::id::NotAnId> + std::fmt::Display> InputType for Id<I> {
    type RawValueType = Self;

    fn type_name() -> Cow<'static, str> {
        <ID as InputType>::type_name()
    }
    fn create_type_info(registry: &mut Registry) -> String {
        <ID as InputType>::create_type_info(registry)
    }
    fn parse(value: Option<Value>) -> InputValueResult<Self> {
        match value {
            Some(Value::String(text)) => {
                text.parse().map(Self).map_err(|error| InputValueError::custom(error.to_string()))
            }
            other => Err(InputValueError::expected_type(other.unwrap_or_default())),
        }
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }
}

/// An id as the API says it.
pub fn id(of: impl std::fmt::Display) -> ID {
    ID(of.to_string())
}

fn wrong(what: &str) -> InputValueError<String> {
    InputValueError::custom(what.to_owned())
}

/// Declares a scalar that is a string outside.
macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident($of:ty), $graphql:literal $(, $spec:literal)?; parse |$text:ident| $parse:expr; show |$it:ident| $show:expr) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(pub $of);
        #[Scalar(name = $graphql $(, specified_by_url = $spec)?)]
        impl ScalarType for $name {
            fn parse(value: Value) -> InputValueResult<Self> {
                let Value::String($text) = &value else { return Err(InputValueError::expected_type(value)) };
                let parsed: Result<$of, InputValueError<String>> = $parse;
                parsed.map(Self).map_err(|error| InputValueError::custom(error.into_server_error(async_graphql::Pos::default()).message))
            }
            fn to_value(&self) -> Value {
                let $it = &self.0;
                Value::String($show)
            }
        }
    };
}

text_scalar! {
    /// A moment in RFC 3339, UTC: `2026-11-21T09:30:00Z`.
    DateTime(domain::value::Time), "DateTime", "https://scalars.graphql.org/andimarek/date-time";
    parse |text| text.parse().map_err(|_| wrong("this is not a time in RFC 3339, such as 2026-11-21T09:30:00Z, of the years 1900 to 2200"));
    show |it| jiff::Timestamp::from_microsecond(it.0).map_or_else(|_| String::new(), |moment| moment.to_string())
}

text_scalar! {
    /// A calendar day: `2026-11-21`.
    Date(domain::value::Date), "Date", "https://www.rfc-editor.org/rfc/rfc3339#section-5.6";
    parse |text| text.parse().map_err(|_| wrong("this is not a day such as 2026-11-21, of the years 1900 to 2200"));
    show |it| it.to_string()
}

text_scalar! {
    /// What a clock on the wall shows, to the minute: `2026-11-21T09:30`. Which moment that is, a time zone says.
    LocalDateTime(domain::appointment::Wall), "LocalDateTime", "https://www.rfc-editor.org/rfc/rfc5545#section-3.3.5";
    parse |text| text.parse().map_err(|_| wrong("this is not a local date and time to the minute, such as 2026-11-21T09:30"));
    show |it| it.to_string()
}

text_scalar! {
    /// A time zone of the IANA database: `Europe/Berlin`.
    TimeZone(domain::value::Zone), "TimeZone", "https://www.iana.org/time-zones";
    parse |text| domain::value::Zone::parse(text).map_err(|refusal| wrong(refusal.message()));
    show |it| it.name().to_owned()
}

text_scalar! {
    /// An https address.
    Url(String), "URL", "https://url.spec.whatwg.org/";
    parse |text| Ok(text.clone());
    show |it| it.clone()
}

text_scalar! {
    /// An email address. It is compared without regard to case.
    EmailAddress(String), "EmailAddress", "https://html.spec.whatwg.org/multipage/input.html#valid-e-mail-address";
    parse |text| Ok(text.clone());
    show |it| it.clone()
}

text_scalar! {
    /// Text in Markdown (`CommonMark`).
    Markdown(String), "Markdown", "https://spec.commonmark.org/";
    parse |text| Ok(text.clone());
    show |it| it.clone()
}

text_scalar! {
    /// A decimal number as text, exact: `85.50`.
    Decimal(String), "Decimal";
    parse |text| Ok(text.clone());
    show |it| it.clone()
}

text_scalar! {
    /// A currency of ISO 4217: `USD`.
    CurrencyCode(String), "CurrencyCode", "https://www.iso.org/iso-4217-currency-codes.html";
    parse |text| Some(text).filter(|text| text.len() == 3 && text.bytes().all(|letter| letter.is_ascii_uppercase())).cloned()
        .ok_or_else(|| wrong("this is not a currency's three capital letters, such as USD"));
    show |it| it.clone()
}

text_scalar! {
    /// An opaque place in a practice's log. Load, then subscribe `after` it, and nothing is missed.
    Position(u64), "Position";
    parse |text| text.strip_prefix("at").and_then(|hex| u64::from_str_radix(hex, 16).ok()).filter(|seq| i64::try_from(*seq).is_ok())
        .ok_or_else(|| wrong("this is not a position that the API gave out"));
    show |it| format!("at{it:x}")
}
