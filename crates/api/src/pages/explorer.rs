//! The explorer at `/`: `GraphiQL` from its published address, in pinned versions, and a plain page where that cannot be
//! reached.
//!
//! The document's own script and style are in it, and known to the browser by their hashes; from elsewhere it may load
//! the four files below, and only as they were when their hashes were taken. It asks nobody but this server.

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::markup::Html;

const TEMPLATE: &str = include_str!("explorer.html");
const SCRIPT: &str = include_str!("explorer.js");
const STYLE: &str = include_str!("explorer.css");

/// A published file. The hash is the SHA-384 of the file in the package of the package registry.
#[derive(Serialize)]
struct File {
    url: &'static str,
    integrity: &'static str,
}

/// What is loaded, in this order.
#[derive(Serialize)]
struct Published {
    style: File,
    scripts: [File; 3],
}

/// The newest `GraphiQL` that is published as one script: from 5 on it is many modules, whose hashes cannot be pinned.
const PUBLISHED: Published = Published {
    style: File {
        url: "https://cdn.jsdelivr.net/npm/graphiql@4.1.2/graphiql.min.css",
        integrity: "sha384-1el1QShFBnnXTx9x/Cprg82hZWKt0ry29OAYIXt05swbi0KcZDFoj0CWguMpopJr",
    },
    scripts: [
        File {
            url: "https://cdn.jsdelivr.net/npm/react@18.3.1/umd/react.production.min.js",
            integrity: "sha384-DGyLxAyjq0f9SPpVevD6IgztCFlnMF6oW/XQGmfe+IsZ8TqEiDrcHkMLKI6fiB/Z",
        },
        File {
            url: "https://cdn.jsdelivr.net/npm/react-dom@18.3.1/umd/react-dom.production.min.js",
            integrity: "sha384-gTGxhz21lVGYNMcdJOyq01Edg0jhn/c22nsx0kyqP0TxaV5WVdsSH1fSDUf5YJj1",
        },
        File {
            url: "https://cdn.jsdelivr.net/npm/graphiql@4.1.2/graphiql.min.js",
            integrity: "sha384-9XdHu7ajgGJziD4J1zNBKQ842Q/+zZfDv+ib1eMhZWBH6hPAs806x+Jbcf0yNO6B",
        },
    ],
};

/// Answers `GET /`.
pub(super) async fn open() -> Response {
    let mut scripts = source(SCRIPT);
    for file in &PUBLISHED.scripts {
        scripts.push(' ');
        scripts.push_str(file.url);
    }
    let policy = format!(
        "default-src 'none'; script-src {scripts}; style-src {} {}; style-src-attr 'none'; font-src data:; img-src data:; \
         connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
        source(STYLE),
        PUBLISHED.style.url
    );
    let published = serde_json::to_string(&PUBLISHED).unwrap_or_default();
    let values = [("style", Html::own(STYLE)), ("script", Html::own(SCRIPT)), ("published", Html::text(&published))];
    let page = Html::fill(TEMPLATE, &values).into_string();
    let headers = [(CONTENT_SECURITY_POLICY, policy), (REFERRER_POLICY, "no-referrer".to_owned())];
    (headers, axum::response::Html(page)).into_response()
}

/// How a policy names an inline script or style: by its hash (CSP level 3, section 2.3.1).
pub(super) fn source(inline: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(Sha256::digest(inline)))
}
