//! What is asked: the four parameters of a request, from a body, an address or a socket's message, and the checks that
//! all of them pass before anything is looked up.

use std::collections::HashMap;

use async_graphql::parser::parse_query;
use async_graphql::parser::types::OperationType;
use async_graphql::{Executor, Request, Value, Variables};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use super::answer::Fault;
use super::run::Runnable;
use super::{Gate, IdempotencyKey, Room, guard, shape};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const MAX_IDEMPOTENCY_KEY_BYTES: usize = 200;

/// The parameters of a request (GraphQL over HTTP, section 5.1). Others are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Asked {
    query: String,
    operation_name: Option<String>,
    variables: Option<Variables>,
    extensions: Option<HashMap<String, Value>>,
}

impl Asked {
    /// From a JSON text: a body, or a socket's message.
    pub(super) fn from_json(text: &[u8]) -> Result<Self, Fault> {
        object(text, "request")
    }

    /// From the query of an address.
    pub(super) fn from_query(query: &str) -> Result<Self, Fault> {
        let uri = http::Uri::builder().path_and_query(format!("/?{query}")).build();
        let uri = uri.map_err(|_| Fault::bad("The address cannot be read."))?;
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&uri);
        let pairs = pairs.map_err(|_| Fault::bad("The address's query is not application/x-www-form-urlencoded."))?.0;
        let mut named = HashMap::new();
        for (name, value) in pairs {
            if let Some(first) = named.insert(name, value) {
                return Err(Fault::bad(format!("A parameter is given twice, first as \"{}\".", shortened(&first))));
            }
        }
        let mut take = |name| named.remove(name).filter(|value: &String| !value.is_empty());
        let query = take("query").ok_or_else(|| Fault::bad("The parameter query is missing."))?;
        let is_given = |text: &String| text != "null";
        let variables = take("variables").filter(is_given);
        let extensions = take("extensions").filter(is_given);
        Ok(Self {
            query,
            operation_name: take("operationName"),
            variables: variables.map(|text| object(text.as_bytes(), "parameter variables")).transpose()?,
            extensions: extensions.map(|text| object(text.as_bytes(), "parameter extensions")).transpose()?,
        })
    }

    /// Says that the file of a form is at this place of the variables, `variables.input.file`, where null is (GraphQL
    /// multipart request specification).
    pub(super) fn put_file(&mut self, path: &str) -> Result<(), Fault> {
        let no_place =
            || Fault::bad(format!("The part map names \"{}\", which is no null of the variables.", shortened(path)));
        let mut steps = path.split('.');
        let (Some("variables"), Some(name)) = (steps.next(), steps.next()) else { return Err(no_place()) };
        let variables = self.variables.as_mut().ok_or_else(no_place)?;
        let mut place = variables.get_mut(name).ok_or_else(no_place)?;
        for step in steps {
            place = match place {
                Value::Object(fields) => fields.get_mut(step).ok_or_else(no_place)?,
                Value::List(items) => {
                    step.parse::<usize>().ok().and_then(|step| items.get_mut(step)).ok_or_else(no_place)?
                }
                Value::Null
                | Value::Number(_)
                | Value::String(_)
                | Value::Boolean(_)
                | Value::Binary(_)
                | Value::Enum(_) => return Err(no_place()),
            };
        }
        if *place != Value::Null {
            return Err(no_place());
        }
        *place = super::upload::placeholder();
        Ok(())
    }

    /// Puts every bound and every rule of a document before the viewer is even looked up.
    pub(super) fn checked<E: Executor, G: Gate>(
        self,
        room: &Room<E, G>,
        headers: &HeaderMap,
    ) -> Result<Checked, Fault> {
        guard::text(&self.query)?;
        room.gate.admit(&self.query).map_err(Fault::refused)?;
        let document = parse_query(&self.query).map_err(|error| {
            // the parser shows the whole line in which it failed; what it expected is the last thing it says
            let text = error.to_string();
            let expected = text.rsplit(" = ").next().unwrap_or_default();
            Fault::syntax(format!("Syntax error: {expected}."), error.positions().collect())
        })?;
        let variables = self.variables.unwrap_or_default();
        let kind = shape::shape(&document, &variables)?;
        let key = idempotency_key(headers, self.extensions.as_ref())?;
        let mut request = Request::new(self.query).variables(variables).data(key);
        request.operation_name = self.operation_name.filter(|name| !name.is_empty());
        request.set_parsed_query(document);
        if let Some(extensions) = self.extensions {
            request.extensions.extend(extensions);
        }
        Ok(Checked { request, kind })
    }
}

/// A request that passed every check, of a viewer not yet known.
pub(super) struct Checked {
    request: Request,
    pub(super) kind: OperationType,
}

impl Checked {
    /// Resumes a subscription after the last item that an `EventSource` saw: sets the variable `after`, if the operation
    /// declares it.
    pub(super) fn resumed_after(mut self, position: &str) -> Self {
        let declares_after = self.request.parsed_query().is_ok_and(|document| {
            document.operations.iter().any(|(_, operation)| {
                operation.node.variable_definitions.iter().any(|variable| variable.node.name.node == "after")
            })
        });
        if declares_after && self.kind == OperationType::Subscription {
            self.request.variables.insert(async_graphql::Name::new("after"), Value::from(position));
        }
        self
    }

    /// The same, with something that resolvers find in its data.
    pub(super) fn with<D: Send + Sync + 'static>(self, data: D) -> Self {
        Self { request: self.request.data(data), ..self }
    }

    /// What can be run, for this viewer and until then.
    pub(super) fn by<V: Send + Sync + 'static>(self, viewer: V, deadline: Instant) -> Runnable {
        Runnable { request: self.request.data(viewer), kind: self.kind, deadline }
    }
}

/// Reads a JSON object, never an array: the JSON reader would take one for the object's fields in order.
pub(super) fn object<T: DeserializeOwned>(text: &[u8], what: &str) -> Result<T, Fault> {
    guard::json(text)?;
    match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{') => {
            serde_json::from_slice(text).map_err(|error| Fault::bad(format!("The {what} is not well formed: {error}.")))
        }
        Some(b'[') => Err(Fault::bad(format!("The {what} is an array, and must be an object: batches are not run."))),
        Some(_) => Err(Fault::bad(format!("The {what} is not a JSON object."))),
        None => Err(Fault::bad(format!("The {what} is empty."))),
    }
}

fn idempotency_key(headers: &HeaderMap, extensions: Option<&HashMap<String, Value>>) -> Result<IdempotencyKey, Fault> {
    let mut in_headers = headers.get_all(IDEMPOTENCY_KEY).iter();
    let in_header = in_headers.next().map(http::HeaderValue::as_bytes);
    let in_extensions = match extensions.and_then(|extensions| extensions.get("idempotencyKey")) {
        None | Some(Value::Null) => None,
        Some(Value::String(key)) => Some(key.as_bytes()),
        Some(_) => return Err(Fault::bad("extensions.idempotencyKey is not a string.")),
    };
    let differs = matches!((in_header, in_extensions), (Some(header), Some(extension)) if header != extension);
    if differs || in_headers.next().is_some() {
        return Err(Fault::bad("The request has two idempotency keys."));
    }
    let Some(key) = in_header.or(in_extensions) else { return Ok(IdempotencyKey(None)) };
    let is_printable = key.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if key.is_empty() || key.len() > MAX_IDEMPOTENCY_KEY_BYTES || !is_printable {
        let message = format!("An idempotency key is 1 to {MAX_IDEMPOTENCY_KEY_BYTES} printable ASCII characters.");
        return Err(Fault::bad(message));
    }
    Ok(IdempotencyKey(Some(String::from_utf8_lossy(key).into_owned())))
}

fn shortened(text: &str) -> String {
    text.chars().take(40).collect()
}
