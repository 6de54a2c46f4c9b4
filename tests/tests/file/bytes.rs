//! How bytes come in and go out (H4): forms that are not whole or not ours, how much is taken, what is sent with which
//! headers, and ranges at their edges.

use serde_json::{Value, json};
use tests::{BOUNDARY, Form, Product, both};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Scene, path};
use crate::plan::position;

const UPLOAD: &str = "mutation($i: UploadFileInput!) { uploadFile(input: $i) { file { id } errors { code path } } }";
const MIB: usize = 1 << 20;

/// Bytes of which no part is like another.
fn content(bytes: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut content = Vec::with_capacity(bytes + 8);
    while content.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(bytes);
    content
}

/// Every file under the files' place but the id of it: objects, notes of uploads, what writing has left.
fn lying(product: &Product) -> Vec<std::path::PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![product.files()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() != "installation" {
                found.push(entry.path());
            }
        }
    }
    found
}

/// Waits until so many files lie there: what came to nothing is removed beside the answer.
async fn lie(product: &Product, number: usize) {
    let there = async {
        while lying(product).len() != number {
            tokio::task::yield_now().await;
        }
    };
    let found = tokio::time::timeout(tests::PATIENCE, there).await;
    assert!(found.is_ok(), "{number} files should lie there, and not {:?}", lying(product));
}

fn code(body: &Value) -> &str {
    body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
}

both! {
    /// What is downloaded is saved and never shown, whatever it calls itself; a page, a script, a picture that is both and an
    /// archive that would unpack to a hundred times its size are bytes like any others.
    #[test]
    async fn h4_what_is_downloaded_is_saved_and_never_shown(product: Product) {
        let scene = Scene::new(&product).await;
        let page = b"<!DOCTYPE html><script>alert(document.cookie)</script>".to_vec();
        let svg = b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>".to_vec();
        let polyglot = [b"GIF89a/*".to_vec(), b"*/=1;alert(1)//".to_vec()].concat();
        let bomb = [b"PK\x03\x04\x14\0\0\0\x08\0".to_vec(), vec![0; 40_000]].concat();
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        let other = "application/octet-stream";
        for (name, content, expected) in [
            ("page.html", &page, other), ("page.txt", &page, other), ("page.png", &page, other), ("page.pdf", &page, other),
            ("drawing.svg", &svg, other), ("drawing.xml", &svg, other), ("drawing.png", &svg, other),
            ("code.js", &polyglot, other), ("code.gif", &polyglot, "image/gif"), ("code.html", &polyglot, other),
            ("bomb.zip", &bomb, "application/zip"), ("bomb.docx.exe", &bomb, other),
            ("picture.png", &png, "image/png"), ("picture.jpg", &png, other), ("picture", &png, other),
        ] {
            let file = scene.uploaded(&scene.bob, "SHARED", name, content).await;
            let got = scene.coachee.downloads(&path(&file), &[]).await;
            assert_eq!((got.status, &got.bytes), (200, content), "{name}");
            let header = |name: &str| got.headers.get(name).map(String::as_str);
            assert_eq!(header("content-type"), Some(expected), "{name}");
            assert_eq!(header("content-disposition"), Some(format!("attachment; filename=\"{name}\"; filename*=UTF-8''{name}").as_str()));
            assert_eq!(header("x-content-type-options"), Some("nosniff"));
            assert_eq!(header("content-security-policy"), Some("sandbox; default-src 'none'"));
            assert_eq!(header("cache-control"), Some("private, no-store"));
            assert_eq!(header("cross-origin-resource-policy"), Some("same-origin"));
            assert_eq!(header("content-length"), Some(content.len().to_string().as_str()));
        }
        // Names that lie about where they are or what they end in are refused; one that is only unusual is told safely.
        for name in ["../../etc/passwd", "a\\b.txt", "..", "photo\u{202e}gpj.exe", "a\nb", ""] {
            let mut input = scene.input("PRIVATE");
            input["name"] = json!(name);
            let payload = scene.bob.uploads(input, "a.txt", b"words").await;
            assert_eq!(payload["errors"][0]["path"], json!(["input", "name"]), "{name}: {payload}");
        }
        let mut input = scene.input("PRIVATE");
        input["name"] = json!("Grüße; \"1\".txt");
        let payload = scene.bob.uploads(input, "other.txt", b"words").await;
        let got = scene.bob.downloads(payload["file"]["url"].as_str().expect("an address"), &[]).await;
        let told = "attachment; filename=\"Gr__e_ _1_.txt\"; filename*=UTF-8''Gr%C3%BC%C3%9Fe%3B%20%221%22.txt";
        assert_eq!(got.headers.get("content-disposition").map(String::as_str), Some(told));
        // A cookie that another site makes a browser send reads nothing.
        let browser = product.in_browser(&scene.bob.email).await;
        let (address, own) = (payload["file"]["url"].as_str().expect("an address"), ("sec-fetch-site", "same-origin"));
        assert_eq!(browser.downloads(address, &[own]).await.bytes, b"words");
        assert_eq!(browser.downloads(address, &[("sec-fetch-site", "cross-site")]).await.status, 401);
        product.prove().await;
    }

    /// Ranges at the edges of the file and of the chunks in which it is sealed; also where it was changed meanwhile, and
    /// without a body.
    #[test]
    async fn h4_ranges_are_served_and_each_byte_is_the_one_that_was_sent(product: Product) {
        const CHUNK: usize = 64 << 10;
        let scene = Scene::new(&product).await;
        let whole = content(3 * CHUNK + 5);
        let file = scene.uploaded(&scene.bob, "PRIVATE", "sound.bin", &whole).await;
        let (path, end) = (path(&file), whole.len());
        let ends = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1, 3 * CHUNK, 3 * CHUNK + 4];
        for first in ends {
            for last in ends.into_iter().filter(|last| *last >= first) {
                let got = scene.bob.downloads(&path, &[("range", &format!("bytes={first}-{last}"))]).await;
                assert_eq!((got.status, got.bytes.as_slice()), (206, &whole[first..=last]), "{first}-{last}");
                assert_eq!(got.headers.get("content-range").map(String::as_str), Some(format!("bytes {first}-{last}/{end}").as_str()));
            }
        }
        for (range, status, expected) in [
            ("bytes=-5", 206, &whole[end - 5..]), ("bytes=196608-", 206, &whole[3 * CHUNK..]), ("bytes=-999999", 206, &whole[..]),
            ("bytes=5-2", 200, &whole[..]), ("bytes=0-1,5-6", 200, &whole[..]), ("pages=1-2", 200, &whole[..]),
        ] {
            let got = scene.bob.downloads(&path, &[("range", range)]).await;
            assert_eq!((got.status, got.bytes.as_slice()), (status, expected), "{range}");
        }
        let beyond = scene.bob.downloads(&path, &[("range", &format!("bytes={end}-"))]).await;
        assert_eq!((beyond.status, beyond.headers.get("content-range").map(String::as_str)), (416, Some(format!("bytes */{end}").as_str())));
        let head = scene.bob.reads(reqwest::Method::HEAD, &path, &[]).await;
        assert_eq!((head.status, head.bytes.len(), head.headers.get("content-length").map(String::as_str)), (200, 0, Some(end.to_string().as_str())));
        // A range is a matter of GET alone.
        for range in ["bytes=0-0".to_owned(), format!("bytes={end}-")] {
            let head = scene.bob.reads(reqwest::Method::HEAD, &path, &[("range", &range)]).await;
            assert_eq!((head.status, head.headers.get("content-length").map(String::as_str)), (200, Some(end.to_string().as_str())), "{range}");
            assert_eq!(head.headers.get("content-range"), None, "{range}");
        }
        let tag = head.headers.get("etag").cloned().expect("a tag");
        for (of, status) in [(tag.as_str(), 206), ("\"another\"", 200)] {
            let got = scene.bob.downloads(&path, &[("range", "bytes=0-0"), ("if-range", of)]).await;
            assert_eq!(got.status, status, "{of}");
        }
        assert_eq!(scene.bob.reads(reqwest::Method::POST, &path, &[]).await.status, 405);
        assert_eq!(scene.bob.downloads("/files/goal_01h455vb4pex5vsknk084sn02q", &[]).await.status, 404);
        product.prove().await;
    }

    /// 25 MiB are taken, and not one byte more; of what is refused nothing stays.
    #[test]
    async fn h4_a_file_has_25_mib_and_not_one_byte_more(product: Product) {
        let scene = Scene::new(&product).await;
        let mut whole = content(25 * MIB + 1);
        let before = position(&scene.ada, &scene.practice).await;
        for bytes in [&whole[..], &[]] {
            let payload = scene.bob.uploads(scene.input("SHARED"), "large.bin", bytes).await;
            let expected = if bytes.is_empty() { "FILE_IS_EMPTY" } else { "FILE_IS_TOO_LARGE" };
            assert_eq!(payload["errors"], json!([{ "code": expected, "path": ["input", "file"] }]));
            assert_eq!(payload["file"], Value::Null);
        }
        lie(&product, 0).await;
        assert_eq!(position(&scene.ada, &scene.practice).await, before);
        whole.pop();
        let file = scene.uploaded(&scene.bob, "SHARED", "large.bin", &whole).await;
        lie(&product, 1).await;
        let got = scene.coachee.downloads(&path(&file), &[]).await;
        assert!(got.status == 200 && got.bytes == whole, "each byte is the one that was sent");
        let size = lying(&product)[0].metadata().expect("an object").len();
        assert_eq!(size, vault::file::sealed_bytes(25 << 20));
        // Who sends on is told as well.
        let endless = scene.bob.sends(Form::of(UPLOAD, json!({ "i": scene.input("SHARED") }), "a", &content(27 * MIB))).await;
        assert_eq!(endless.body["data"]["uploadFile"]["errors"][0]["code"], "FILE_IS_TOO_LARGE", "{}", endless.body);
        lie(&product, 1).await;
        product.prove().await;
    }

    /// A form that is cut anywhere, that another site could send, or that is not the one that the specification says is
    /// refused with a code, and leaves nothing.
    #[test]
    async fn h4_a_form_that_is_not_whole_or_not_ours_leaves_nothing(product: Product) {
        let scene = Scene::new(&product).await;
        let (bob, variables) = (&scene.bob, json!({ "i": scene.input("SHARED") }));
        let whole = Form::of(UPLOAD, variables.clone(), "a.bin", &content(200_000));
        let length = whole.bytes.len();
        let before = position(&scene.ada, &scene.practice).await;
        // Cut in the operations, the map, the file's head, the file, its boundary, and just before the end.
        for cut in [0, 10, 300, 700, 900, 100_000, length - 80, length - BOUNDARY.len() - 6, length - 5, length - 4] {
            let mut form = whole.clone();
            form.bytes.truncate(cut);
            let answer = bob.sends(form).await;
            assert_eq!(code(&answer.body), "BAD_REQUEST", "cut at {cut}: {}", answer.body);
        }
        let mut bare = whole.clone();
        bare.headers.clear();
        let answer = bob.sends(bare).await;
        assert_eq!((answer.status, code(&answer.body)), (415, "BAD_REQUEST"), "{}", answer.body);
        let answer = product.stranger().sends(whole.clone()).await;
        assert_eq!(code(&answer.body), "UNAUTHENTICATED");

        let mut asked = variables.clone();
        asked["i"]["file"] = Value::Null;
        let operations = json!({ "query": UPLOAD, "variables": asked }).to_string();
        let map = json!({ "0": ["variables.i.file"] }).to_string();
        let form = || Form::default();
        let long = format!("{}{operations}", " ".repeat(300_000));
        for (what, form) in [
            ("no operations", form().text("map", &map).file("0", "a", b"a").end()),
            ("the map first", form().text("map", &map).text("operations", &operations).file("0", "a", b"a").end()),
            ("no map", form().text("operations", &operations).file("0", "a", b"a").end()),
            ("no file", form().text("operations", &operations).text("map", &map).end()),
            ("another part", form().text("operations", &operations).text("map", &map).file("1", "a", b"a").end()),
            ("two files", form().text("operations", &operations).text("map", &map).file("0", "a", b"a").file("1", "b", b"b").end()),
            ("something after it", form().text("operations", &operations).text("map", &map).file("0", "a", b"a").text("operations", "{}").end()),
            ("a map of two", form().text("operations", &operations).text("map", "{\"0\":[\"variables.i.file\"],\"1\":[\"variables.i.file\"]}").file("0", "a", b"a").end()),
            ("two places", form().text("operations", &operations).text("map", "{\"0\":[\"variables.i.file\",\"variables.i.name\"]}").file("0", "a", b"a").end()),
            ("no place", form().text("operations", &operations).text("map", "{\"0\":[\"variables.i.nothing\"]}").file("0", "a", b"a").end()),
            ("a place that is taken", form().text("operations", &operations).text("map", "{\"0\":[\"variables.i.permission\"]}").file("0", "a", b"a").end()),
            ("a place outside", form().text("operations", &operations).text("map", "{\"0\":[\"query\"]}").file("0", "a", b"a").end()),
            ("no JSON", form().text("operations", "{").text("map", &map).file("0", "a", b"a").end()),
            ("a batch", form().text("operations", &format!("[{operations}]")).text("map", &map).file("0", "a", b"a").end()),
            ("a query", form().text("operations", "{\"query\":\"{ service { version } }\",\"variables\":{\"i\":{\"file\":null}}}").text("map", &map).file("0", "a", b"a").end()),
            ("long operations", form().text("operations", &long).text("map", &map).file("0", "a", b"a").end()),
        ] {
            let answer = bob.sends(form).await;
            assert_eq!(code(&answer.body), "BAD_REQUEST", "{what}: {}", answer.body);
            assert_eq!(answer.status == 413, what == "long operations", "{what}: {}", answer.status);
        }
        // Nothing that a JSON request can hold stands for a file.
        for file in [json!("the file of this request"), json!(0), json!({}), Value::Null] {
            let mut asked = variables.clone();
            asked["i"]["file"] = file;
            assert_eq!(bob.fails(UPLOAD, asked).await, "BAD_REQUEST");
        }
        // Nor where the request has a file, in another place: of a mutation that is refused for its name.
        let both = "mutation($i: UploadFileInput!, $j: UploadFileInput!) { one: uploadFile(input: $i) { errors { code } } two: uploadFile(input: $j) { errors { code } } }";
        for stands in [json!("the file of this request"), json!(0), json!({})] {
            let (mut one, mut two) = (variables["i"].clone(), variables["i"].clone());
            (one["file"], two["file"], two["name"]) = (stands, Value::Null, json!(".."));
            let operations = json!({ "query": both, "variables": { "i": one, "j": two } }).to_string();
            let map = json!({ "0": ["variables.j.file"] }).to_string();
            let answer = bob.sends(form().text("operations", &operations).text("map", &map).file("0", "a.txt", b"a").end()).await;
            assert_eq!((code(&answer.body), &answer.body["data"]["one"]), ("BAD_REQUEST", &Value::Null), "{}", answer.body);
        }
        // One file is taken once.
        let twice = "mutation($i: UploadFileInput!) { one: uploadFile(input: $i) { errors { code } } two: uploadFile(input: $i) { errors { code } } }";
        let answer = bob.sends(Form::of(twice, variables.clone(), "a.txt", b"a")).await;
        assert_eq!((&answer.body["data"]["one"]["errors"], code(&answer.body)), (&json!([]), "BAD_REQUEST"), "{}", answer.body);
        lie(&product, 1).await;
        assert_ne!(position(&scene.ada, &scene.practice).await, before);
        // A sender who goes away in the middle leaves nothing either; what may have been on its way then is looked for a day
        // later.
        assert!(product.app.claim_files().await.expect("claimed"));
        let mut socket = tokio::net::TcpStream::connect(product.address).await.expect("a connection");
        let token = bob.token.as_deref().expect("a token");
        let head = format!("POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\ngraphql-require-preflight: 1\r\n\
            content-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {length}\r\n\r\n");
        socket.write_all(head.as_bytes()).await.expect("sent");
        socket.write_all(&whole.bytes[..150_000]).await.expect("sent");
        lie(&product, 2).await;
        drop(socket);
        product.later(24 * 60);
        product.app.sweep_uploads().await.expect("swept");
        lie(&product, 1).await;
        product.prove().await;
    }

    /// A4: a sign-in, or a program's token, that ends in the middle of an upload has uploaded nothing.
    #[test]
    async fn a_sign_in_that_ends_in_the_middle_of_an_upload_uploads_nothing(product: Product) {
        let scene = Scene::new(&product).await;
        assert!(product.app.claim_files().await.expect("claimed"));
        let whole = Form::of(UPLOAD, json!({ "i": scene.input("SHARED") }), "a.bin", &content(200_000)).bytes;
        let before = position(&scene.ada, &scene.practice).await;
        let scopes = json!([{ "practiceId": scene.practice, "portal": "COACH", "right": "WRITE" }]);
        let make = "mutation($i: CreateAccessTokenInput!) { createAccessToken(input: $i) { token accessToken { id } } }";
        let input = json!({ "i": { "name": "Program", "scopes": scopes, "expiresAt": "2026-09-01T00:00:00Z" } });
        let made = scene.bob.ask(make, input).await["createAccessToken"].clone();
        let revoke = "mutation($t: ID!) { revokeAccessToken(input: { accessTokenId: $t }) { revokedId } }".to_owned();
        let everywhere = "mutation { signOutEverywhere { done } }".to_owned();
        let own = json!(scene.bob.token);
        for (number, (token, end)) in [(&made["token"], revoke), (&own, everywhere)].into_iter().enumerate() {
            let mut socket = tokio::net::TcpStream::connect(product.address).await.expect("a connection");
            let head = format!("POST /graphql HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ngraphql-require-preflight: 1\r\n\
                connection: close\r\ncontent-type: multipart/form-data; boundary={BOUNDARY}\r\ncontent-length: {}\r\n\r\n",
                token.as_str().expect("a token"), whole.len());
            socket.write_all(head.as_bytes()).await.expect("sent");
            socket.write_all(&whole[..150_000]).await.expect("sent");
            lie(&product, number + 1).await;
            scene.bob.ask(&end, json!({ "t": made["accessToken"]["id"] })).await;
            socket.write_all(&whole[150_000..]).await.expect("sent");
            let mut answer = String::new();
            socket.read_to_string(&mut answer).await.expect("an answer");
            assert!(answer.contains("session or the access has ended"), "{answer}");
        }
        assert_eq!(position(&scene.ada, &scene.practice).await, before);
        assert_eq!(scene.list(&scene.ada, "coachPortal", "(first: 9)").await, Vec::<String>::new());
        product.later(24 * 60);
        product.app.sweep_uploads().await.expect("swept");
        lie(&product, 0).await;
        product.prove().await;
    }

    /// A4: a download breaks off where the sign-in, or the program's token, ends by which it was begun.
    #[test]
    async fn a_download_breaks_off_where_the_sign_in_ends(product: Product) {
        let scene = Scene::new(&product).await;
        let file = scene.uploaded(&scene.bob, "PRIVATE", "large.bin", &content(25 * MIB)).await;
        let stranger = product.stranger();
        let request = reqwest::Client::new().get(product.url(&path(&file))).bearer_auth(scene.bob.token.clone().expect("a token"));
        let mut response = request.send().await.expect("an answer");
        response.chunk().await.expect("it has begun").expect("bytes");
        scene.bob.ask("mutation { signOutEverywhere { done } }", json!({})).await;
        // What is on its way comes; the server is asked in between, so that it has the time to hear of the end.
        let broke_off = loop {
            match response.chunk().await {
                Ok(Some(_)) => stranger.ask("{ service { waysToSignIn } }", json!({})).await,
                Ok(None) => break false,
                Err(_) => break true,
            };
        };
        assert!(broke_off, "it came to its end");
        assert_eq!(scene.bob.downloads(&path(&file), &[]).await.status, 401);
        product.prove().await;
    }

    /// The same key has one effect and one answer; with other bytes, or another name, it is another request.
    #[test]
    async fn an_upload_may_be_sent_again(product: Product) {
        let scene = Scene::new(&product).await;
        let named = |name: &str, content: &[u8]| Form::of(UPLOAD, json!({ "i": scene.input("SHARED") }), name, content).with("idempotency-key", "once");
        let form = |content: &[u8]| named("a.txt", content);
        let first = scene.bob.sends(form(b"words")).await.body;
        assert_eq!(first["data"]["uploadFile"]["errors"], json!([]), "{first}");
        let before = position(&scene.ada, &scene.practice).await;
        assert_eq!(scene.bob.sends(form(b"words")).await.body, first);
        assert_eq!(code(&scene.bob.sends(form(b"other words")).await.body), "CONFLICTING_IDEMPOTENCY_KEY");
        // The name that the form gives it counts as well.
        assert_eq!(code(&scene.bob.sends(named("b.txt", b"words")).await.body), "CONFLICTING_IDEMPOTENCY_KEY");
        assert_eq!(position(&scene.ada, &scene.practice).await, before);
        lie(&product, 1).await;
        // Another person's key of that name is another key.
        let others = scene.cleo.sends(form(b"words")).await.body;
        assert_ne!(others["data"]["uploadFile"]["file"], first["data"]["uploadFile"]["file"]);
        lie(&product, 2).await;
        product.prove().await;
    }
}
