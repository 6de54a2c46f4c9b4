//! What a file is, judged by its first bytes and by its name (H4). What is in it is never unpacked or run.

use domain::file::MediaType;
use domain::file::media::Content;

/// What the beginning of a file tells.
pub(super) fn content(head: &[u8]) -> Content {
    match infer::get(head) {
        Some(kind) => by_type(kind.mime_type()).map_or(Content::Foreign, Content::Like),
        None if is_text(head) => Content::Text,
        None => Content::Bytes,
    }
}

/// The type that the ending of a name stands for.
pub(super) fn by_name(name: &str) -> Option<MediaType> {
    let (_, ending) = name.rsplit_once('.')?;
    MediaType::of_ending(&ending.to_ascii_lowercase())
}

/// The type of this name, by which `infer` calls a few otherwise.
fn by_type(name: &str) -> Option<MediaType> {
    match name {
        "audio/m4a" => Some(MediaType::M4a),
        "video/x-m4v" => Some(MediaType::Mp4),
        other => MediaType::named(other),
    }
}

/// Whether these bytes are text in UTF-8, of which the end may be missing.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // Cut within a letter.
        Err(error) if error.error_len().is_none() => {
            let whole = head.get(..error.valid_up_to()).and_then(|whole| std::str::from_utf8(whole).ok());
            whole.unwrap_or_default()
        }
        Err(_) => return false,
    };
    text.chars().all(|letter| !letter.is_control() || matches!(letter, '\n' | '\r' | '\t' | '\u{c}' | '\u{feff}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(head: &[u8], name: &str) -> &'static str {
        MediaType::agreed(content(head), by_name(name)).name()
    }

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const PDF: &[u8] = b"%PDF-1.7\n";
    const ZIP: &[u8] = b"PK\x03\x04\x14\0\0\0\x08\0";
    const GIF: &[u8] = b"GIF89a/*";
    const OTHER: &str = "application/octet-stream";

    #[test]
    fn content_and_name_must_agree() {
        for (head, name, expected) in [
            (PNG, "picture.png", "image/png"),
            (PNG, "PICTURE.PNG", "image/png"),
            (PNG, "picture.jpg", OTHER),
            (PNG, "picture", OTHER),
            (PNG, "picture.html", OTHER),
            (PDF, "contract.pdf", "application/pdf"),
            (PDF, "contract.txt", OTHER),
            (ZIP, "many.zip", "application/zip"),
            (ZIP, "letter.docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
            (ZIP, "letter.pdf", OTHER),
            (b"Dear all,\n", "letter.txt", "text/plain"),
            (b"a,b\n1,2\n", "table.csv", "text/csv"),
            (b"a,b\n1,2\n", "table.png", OTHER),
            ("Grüße".as_bytes(), "letter.txt", "text/plain"),
            (&"Grüße".as_bytes()[..4], "cut.txt", "text/plain"),
            (b"\0\0\0", "letter.txt", OTHER),
            (b"\xff\xfe", "letter.txt", OTHER),
        ] {
            assert_eq!(media(head, name), expected, "{name}");
        }
    }

    /// H4: what a browser would run is never named, whatever it calls itself; nor what is two things at once.
    #[test]
    fn nothing_that_runs_has_a_type() {
        let pages: [&[u8]; 6] = [
            b"<!DOCTYPE html><script>alert(1)</script>",
            b"<html><body onload=alert(1)>",
            b"<?xml version=\"1.0\"?><svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>",
            b"<svg onload=alert(1)>",
            b"alert(1)",
            b"#!/bin/sh\nrm -rf /",
        ];
        for page in pages {
            for name in ["a.html", "a.htm", "a.svg", "a.xml", "a.xhtml", "a.js", "a.mjs", "a.sh", "a.pdf", "a.png", "a"]
            {
                assert_eq!(media(page, name), OTHER, "{name}: {}", String::from_utf8_lossy(page));
            }
        }
        // A picture that is a script as well is a picture at most, and only by its own name.
        assert_eq!(media(GIF, "a.js"), OTHER);
        assert_eq!(media(GIF, "a.gif"), "image/gif");
        let both = [PDF, b"<script>alert(1)</script>"].concat();
        assert_eq!(media(&both, "a.html"), OTHER);
        assert_eq!(media(b"<!DOCTYPE html><p>", "a.txt"), OTHER, "a page is no text, though it is one");
    }
}
