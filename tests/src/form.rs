//! Requests with a file: `multipart/form-data`, by the GraphQL multipart request specification; and reading the bytes back.

use serde_json::{Value, json};

use crate::{Answer, Person};

/// A form, part by part, as it goes over the wire: written by hand, so that it can be written wrongly.
#[derive(Debug, Clone)]
pub struct Form {
    /// Its bytes so far.
    pub bytes: Vec<u8>,
    /// Its headers beside the content type.
    pub headers: Vec<(&'static str, String)>,
}

/// What parts the parts.
pub const BOUNDARY: &str = "a-boundary-of-the-tests";

/// A file as a test writes it into a variable: [`Person::whole`] and [`Person::once`] send such a request as a form.
pub fn file(name: &str, content: &str) -> Value {
    json!({ "fileName": name, "content": content })
}

impl Default for Form {
    fn default() -> Self {
        Self { bytes: Vec::new(), headers: vec![("graphql-require-preflight", "1".to_owned())] }
    }
}

impl Form {
    /// With a part that is a text.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        let head = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        self.bytes.extend_from_slice(head.as_bytes());
        self
    }

    /// With a part that is a file.
    #[must_use]
    pub fn file(mut self, name: &str, file_name: &str, content: &[u8]) -> Self {
        let head = format!(
            "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
             content-type: text/html\r\n\r\n"
        );
        self.bytes.extend_from_slice(head.as_bytes());
        self.bytes.extend_from_slice(content);
        self.bytes.extend_from_slice(b"\r\n");
        self
    }

    /// With its end.
    #[must_use]
    pub fn end(mut self) -> Self {
        self.bytes.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
        self
    }

    /// The usual form: a request whose variable `i.file` is this file.
    pub fn of(query: &str, mut variables: Value, file_name: &str, content: &[u8]) -> Self {
        variables["i"]["file"] = Value::Null;
        let operations = json!({ "query": query, "variables": variables });
        Self::default()
            .text("operations", &operations.to_string())
            .text("map", &json!({ "0": ["variables.i.file"] }).to_string())
            .file("0", file_name, content)
            .end()
    }

    /// With a header more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

/// What was read at an address.
#[derive(Debug)]
pub struct Downloaded {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: std::collections::BTreeMap<String, String>,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl Person {
    /// Sends a form; gives everything.
    pub async fn sends(&self, form: Form) -> Answer {
        let mut request = self
            .client
            .post(format!("http://{}/graphql", self.address))
            .header("accept", "application/graphql-response+json")
            .header("content-type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .body(form.bytes);
        for (name, value) in &form.headers {
            request = request.header(*name, value);
        }
        self.answered(request).await
    }

    /// The request of a body whose variable `i.file` is a file, as a form; nothing where it has none.
    pub(crate) fn form(body: &Value) -> Option<Form> {
        let file = &body["variables"]["i"]["file"];
        let (name, content) = (file["fileName"].as_str()?, file["content"].as_str()?);
        Some(Form::of(body["query"].as_str()?, body["variables"].clone(), name, content.as_bytes()))
    }

    /// Uploads a file: the payload.
    pub async fn uploads(&self, input: Value, name: &str, content: &[u8]) -> Value {
        let query =
            "mutation($i: UploadFileInput!) { uploadFile(input: $i) { file { id name size contentType permission
            createdAt sharedAt uploadedById by url coacheeId } position errors { code path } } }";
        let answer = self.sends(Form::of(query, json!({ "i": input }), name, content)).await;
        assert!(answer.body.get("errors").is_none(), "{}", answer.body);
        answer.body["data"]["uploadFile"].clone()
    }

    /// Reads what lies at an address of the server.
    pub async fn downloads(&self, path: &str, headers: &[(&str, &str)]) -> Downloaded {
        self.reads(reqwest::Method::GET, path, headers).await
    }

    /// The same with another method.
    pub async fn reads(&self, method: reqwest::Method, path: &str, headers: &[(&str, &str)]) -> Downloaded {
        let mut request = self.client.request(method, format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.signed(request).send().await.expect("an answer");
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.to_str().unwrap_or_default().to_owned()));
        let (status, headers) = (response.status().as_u16(), headers.collect());
        Downloaded { status, headers, bytes: response.bytes().await.expect("a body").to_vec() }
    }
}
