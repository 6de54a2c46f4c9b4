//! Forged tokens: each is a good one, changed in one thing, with the reason for which it is refused.

use app::google::Fault;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde_json::{Value, json};

use super::issuer::{Issuer, Made, Signs};

type Forge = Box<dyn Fn(&Issuer, Made) -> String + Send + Sync>;
type Case = (String, Fault, Forge);

/// A claim or header field with another value, or without one; signed by the issuer.
fn changed(part: &'static str, name: &'static str, value: Option<Value>) -> Forge {
    Box::new(move |issuer, mut made| {
        let whole = if part == "header" { &mut made.header } else { &mut made.claims };
        let fields = whole.as_object_mut().expect("an object");
        match &value {
            Some(value) => fields.insert(name.to_owned(), value.clone()),
            None => fields.remove(name),
        };
        issuer.sign(&made)
    })
}

/// A number of seconds later than a claim of the good token.
fn later(name: &'static str, than: &'static str, seconds: i64) -> Forge {
    Box::new(move |issuer, mut made| {
        made.claims[name] = json!(made.claims[than].as_i64().expect("a time") + seconds);
        issuer.sign(&made)
    })
}

/// The text of a good token, changed.
fn text(change: impl Fn(String) -> String + Send + Sync + 'static) -> Forge {
    Box::new(move |issuer, made| change(issuer.sign(&made)))
}

fn forge(change: impl Fn(&Issuer, Made) -> String + Send + Sync + 'static) -> Forge {
    Box::new(change)
}

/// The parts of a token, one of them changed.
fn with(token: &str, at: usize, change: impl Fn(&str) -> String) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    parts[at] = change(&parts[at]);
    parts.join(".")
}

/// Every forgery.
pub fn all() -> Vec<Case> {
    let mut cases = shapes();
    cases.extend(headers());
    cases.extend(signatures());
    cases.extend(claims());
    cases.into_iter().map(|(what, reason, forge)| (what.to_owned(), reason, forge)).collect()
}

type Named = (&'static str, Fault, Forge);

fn shapes() -> Vec<Named> {
    use Fault::{ClaimsAreWrong, HeaderIsNotJson, NotBase64, NotThreeParts, TooLong};
    vec![
        ("two parts", NotThreeParts, text(|token| token.rsplit_once('.').expect("parts").0.to_owned())),
        ("four parts", NotThreeParts, text(|token| token + ".AAAA")),
        ("nothing", NotThreeParts, text(|_| String::new())),
        ("a padded part", NotBase64, text(|token| with(&token, 2, |part| format!("{part}==")))),
        ("a part of the other alphabet", NotBase64, text(|token| with(&token, 1, |part| format!("{part}+/")))),
        ("a line break", NotBase64, text(|token| with(&token, 0, |part| format!("{part}\n")))),
        ("a header that is none", HeaderIsNotJson, text(|token| with(&token, 0, |_| BASE64.encode("RS256")))),
        (
            "a header with two algorithms",
            HeaderIsNotJson,
            forge(|issuer, made| {
                let header = made.header.to_string().replacen('{', "{\"alg\":\"none\",", 1);
                issuer.signed(&header, &made.claims.to_string(), Signs::Issuer)
            }),
        ),
        (
            "claims that are a list",
            ClaimsAreWrong,
            forge(|issuer, made| issuer.signed(&made.header.to_string(), "[]", Signs::Issuer)),
        ),
        (
            "a header that is a list",
            HeaderIsNotJson,
            forge(|issuer, made| {
                let header = ["alg", "typ", "kid", "crit"].map(|name| made.header[name].clone());
                issuer.signed(&json!(header).to_string(), &made.claims.to_string(), Signs::Issuer)
            }),
        ),
        (
            "claims that are a list of good ones",
            ClaimsAreWrong,
            forge(|issuer, made| {
                let names = ["iss", "aud", "azp", "sub", "exp", "iat", "nbf", "nonce", "email", "email_verified", "hd"];
                let claims = names.map(|name| made.claims[name].clone());
                issuer.signed(&made.header.to_string(), &json!(claims).to_string(), Signs::Issuer)
            }),
        ),
        (
            "two subjects",
            ClaimsAreWrong,
            forge(|issuer, made| {
                let claims = made.claims.to_string().replacen('{', "{\"sub\":\"1\",", 1);
                issuer.signed(&made.header.to_string(), &claims, Signs::Issuer)
            }),
        ),
        ("a very long name", TooLong, changed("claims", "name", Some(json!("x".repeat(8_000))))),
    ]
}

fn headers() -> Vec<Named> {
    use Fault::{CriticalExtension, NoKey, UnknownKey, WrongAlgorithm, WrongType};
    let algorithm = |alg: &str| changed("header", "alg", Some(json!(alg)));
    let key = |kid: &str| changed("header", "kid", Some(json!(kid)));
    vec![
        ("algorithm none", WrongAlgorithm, algorithm("none")),
        (
            "algorithm none without a signature",
            WrongAlgorithm,
            forge(|issuer, mut made| {
                made.header["alg"] = json!("none");
                with(&issuer.sign(&made), 2, |_| String::new())
            }),
        ),
        ("algorithm None", WrongAlgorithm, algorithm("None")),
        ("algorithm rs256", WrongAlgorithm, algorithm("rs256")),
        ("algorithm RS384", WrongAlgorithm, algorithm("RS384")),
        ("algorithm PS256", WrongAlgorithm, algorithm("PS256")),
        ("algorithm ES256", WrongAlgorithm, algorithm("ES256")),
        ("no algorithm", WrongAlgorithm, changed("header", "alg", None)),
        (
            "the public key as a shared secret",
            WrongAlgorithm,
            forge(|issuer, mut made| {
                made.header["alg"] = json!("HS256");
                let body =
                    format!("{}.{}", BASE64.encode(made.header.to_string()), BASE64.encode(made.claims.to_string()));
                let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, &issuer.moduli().0);
                format!("{body}.{}", BASE64.encode(ring::hmac::sign(&key, body.as_bytes())))
            }),
        ),
        ("a critical extension", CriticalExtension, changed("header", "crit", Some(json!(["exp"])))),
        ("a critical extension that is null", CriticalExtension, changed("header", "crit", Some(Value::Null))),
        ("another type", WrongType, changed("header", "typ", Some(json!("at+jwt")))),
        ("no key", NoKey, changed("header", "kid", None)),
        ("a key that nobody published", UnknownKey, key("key-0")),
        ("a key for encryption", UnknownKey, key("for-encryption")),
        ("a key that encrypts", UnknownKey, key("encrypts")),
        ("a key of another algorithm", UnknownKey, key("another-algorithm")),
        ("a key of a curve", UnknownKey, key("curve")),
        ("a shared key", UnknownKey, key("shared")),
    ]
}

fn signatures() -> Vec<Named> {
    use Fault::WrongSignature;
    let by_other =
        |made: &Made, issuer: &Issuer| issuer.signed(&made.header.to_string(), &made.claims.to_string(), Signs::Other);
    vec![
        ("somebody else's signature", WrongSignature, forge(move |issuer, made| by_other(&made, issuer))),
        (
            "somebody else's signature with their key in the header",
            WrongSignature,
            forge(move |issuer, mut made| {
                made.header["jwk"] = issuer.moduli().1;
                by_other(&made, issuer)
            }),
        ),
        (
            "somebody else's signature with their keys' address",
            WrongSignature,
            forge(move |issuer, mut made| {
                made.header["jku"] = json!("http://127.0.0.1:1/keys");
                by_other(&made, issuer)
            }),
        ),
        ("no signature", WrongSignature, text(|token| with(&token, 2, |_| String::new()))),
        (
            "a signature of one bit more",
            WrongSignature,
            text(|token| {
                with(&token, 2, |part| {
                    let mut bytes = BASE64.decode(part).expect("a signature");
                    bytes[100] ^= 1;
                    BASE64.encode(bytes)
                })
            }),
        ),
        (
            "a signature of one byte less",
            WrongSignature,
            text(|token| {
                with(&token, 2, |part| {
                    let bytes = BASE64.decode(part).expect("a signature");
                    BASE64.encode(&bytes[..bytes.len() - 1])
                })
            }),
        ),
        (
            "claims that were changed after signing",
            WrongSignature,
            forge(|issuer, mut made| {
                let token = issuer.sign(&made);
                made.claims["sub"] = json!("somebody else");
                with(&token, 1, |_| BASE64.encode(made.claims.to_string()))
            }),
        ),
        (
            "a header that was changed after signing",
            WrongSignature,
            forge(|issuer, mut made| {
                let token = issuer.sign(&made);
                made.header["more"] = json!(1);
                with(&token, 0, |_| BASE64.encode(made.header.to_string()))
            }),
        ),
    ]
}

fn claims() -> Vec<Named> {
    use Fault::{
        ClaimsAreWrong, Expired, NotAnEmail, NotYet, UnverifiedEmail, WrongAudience, WrongIssuer, WrongNonce,
        WrongParty, WrongSubject,
    };
    let claim = |name: &'static str, value: Value| changed("claims", name, Some(value));
    let without = |name: &'static str| changed("claims", name, None);
    vec![
        ("another issuer", WrongIssuer, claim("iss", json!("https://accounts.google.com"))),
        (
            "the issuer with a stroke",
            WrongIssuer,
            forge(|issuer, mut made| {
                made.claims["iss"] = json!(format!("{}/", issuer.url));
                issuer.sign(&made)
            }),
        ),
        ("no issuer", ClaimsAreWrong, without("iss")),
        ("for another client", WrongAudience, claim("aud", json!("another"))),
        ("for two clients", ClaimsAreWrong, claim("aud", json!(["throughline-test", "another"]))),
        ("for nobody", ClaimsAreWrong, without("aud")),
        ("made for another party", WrongParty, claim("azp", json!("another"))),
        ("over this very second", Expired, later("exp", "iat", 0)),
        ("over long ago", Expired, claim("exp", json!(1))),
        ("without an end", ClaimsAreWrong, without("exp")),
        ("an end that is a text", ClaimsAreWrong, claim("exp", json!("9999999999"))),
        ("an end that is infinite", ClaimsAreWrong, claim("exp", json!(1e300))),
        ("made in the future", NotYet, later("iat", "iat", 121)),
        ("good from later on", NotYet, later("nbf", "iat", 121)),
        ("without a beginning", ClaimsAreWrong, without("iat")),
        ("another nonce", WrongNonce, claim("nonce", json!("another"))),
        ("no nonce", WrongNonce, without("nonce")),
        ("an empty nonce", WrongNonce, claim("nonce", json!(""))),
        ("an address that is not verified", UnverifiedEmail, claim("email_verified", json!(false))),
        ("an address of which nothing is said", UnverifiedEmail, without("email_verified")),
        ("verified in words", ClaimsAreWrong, claim("email_verified", json!("true"))),
        ("no address", NotAnEmail, without("email")),
        ("an address that is none", NotAnEmail, claim("email", json!("somebody at gmail"))),
        ("two addresses", NotAnEmail, claim("email", json!("somebody@gmail.com, other@gmail.com"))),
        ("no subject", ClaimsAreWrong, without("sub")),
        ("an empty subject", WrongSubject, claim("sub", json!(""))),
        ("a subject of 256 bytes", WrongSubject, claim("sub", json!("1".repeat(256)))),
        ("a subject in other letters", WrongSubject, claim("sub", json!("１"))),
    ]
}
