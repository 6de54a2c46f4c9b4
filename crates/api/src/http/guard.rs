//! The guard before the parser: what a document or a body may cost before anybody has looked at what it says.
//!
//! The GraphQL parser and the validator behind it are recursive programs that trust their input. Two thousand nested
//! list literals overflow the parser's stack, which ends the process and everybody's requests with it; twenty-two
//! fragments that spread each other twice make the validator walk four million selections. Neither is stopped by a
//! limit on depth or complexity, because such limits are measured by the very code that is being overrun. So two
//! readings come first, each linear in what it reads:
//!
//! 1. [`text`] reads the raw document as tokens (GraphQL October 2021, section 2.1) and counts bytes, tokens,
//!    directives and the nesting of every bracket. It keeps a stack of at most 64 bytes and never recurses. What it
//!    cannot read as a token it refuses, so the parser never meets a text in which the two could disagree about where a
//!    string or a comment ends: a bracket is hidden from both or from neither.
//! 2. [`super::shape::shape`] runs after the parser and before the validator. It sums the expanded selections of each
//!    fragment once and refuses a fragment that contains itself. It also counts introspection by the length of its lists
//!    (see [`super::introspection`]). And it weighs the values of variables wherever they are used, in lists a thousand
//!    times in one argument, and in fragments as often as these are spread: the validator, the counting of complexity
//!    and the executor copy the whole value for each use.
//!
//! [`json`] does for a body what `text` does for a document: it bounds its nesting, and how many values it has. Both
//! return on the first bound that is passed, so a refusal never costs more than an acceptance.

use thiserror::Error;

/// The longest document, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 16 * 1024;
/// The most tokens (names, punctuators, numbers, strings) of a document.
pub const MAX_TOKENS: usize = 2_000;
/// The most values of a body or of a socket's message: lists, objects, and what commas part in them. A text is one,
/// however long.
pub const MAX_VALUES: usize = 2_000;
/// The deepest nesting of brackets of any kind, in a document and in a body.
pub const MAX_NESTING: usize = 64;
/// The most directives that a document applies, wherever they stand.
pub const MAX_DIRECTIVES: usize = 50;
/// The most aliases that a document gives.
pub const MAX_ALIASES: usize = 30;
/// The most selections of an operation, every fragment counted wherever it is spread.
pub const MAX_SELECTIONS: usize = 2_000;
/// The deepest nesting of fields, through fragments. The standard introspection query needs 14.
pub const MAX_DEPTH: usize = 20;
/// What variables' values may come to, in bytes, each counted wherever it is used; one copy of each is free.
pub const MAX_COPIED_BYTES: usize = 16 << 20;
/// What a value counts for beside its text.
pub const VALUE_BYTES: usize = 64;
/// What a use of a variable counts for beside its value: it is looked for among all that are declared.
pub const USE_BYTES: usize = 1 << 10;
/// The most root fields of a mutation.
pub const MAX_ROOT_MUTATIONS: usize = 10;

/// Why the guard refuses. Each message names the bound and what was found.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A bound is passed (`QUERY_TOO_COMPLEX`). `found` is where counting stopped: at the first that was too many.
    #[error("Too many {what}: at most {most} are read, and there are at least {found}.")]
    TooMuch {
        /// What was counted, in the plural.
        what: &'static str,
        /// The count at which the guard stopped.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// The document is not GraphQL (`BAD_REQUEST`).
    #[error("Syntax error at byte {at}: {reason}.")]
    Unreadable {
        /// Offset into the document, in bytes.
        at: usize,
        /// What stands there.
        reason: &'static str,
    },
    /// The document has not exactly one operation (`BAD_REQUEST`).
    #[error("A request carries one operation, and this document has {0}.")]
    Operations(usize),
    /// A subscription does not have exactly one root field, written directly (`BAD_REQUEST`).
    #[error("A subscription has exactly one root field, written without a fragment, and this one has {0}.")]
    SubscriptionRoot(usize),
    /// Two root fields of a mutation have one response key (`BAD_REQUEST`).
    #[error(
        "A mutation has each root field once, and \"{0}\" stands there twice: write it once, or give one an alias."
    )]
    Twice(String),
    /// A fragment contains itself (`BAD_REQUEST`).
    #[error("Fragment \"{0}\" contains itself.")]
    Cycle(String),
}

/// Refuses when `found` passes `most`.
pub(super) fn within(what: &'static str, found: usize, most: usize) -> Result<(), Refusal> {
    if found > most { Err(Refusal::TooMuch { what, found, most }) } else { Ok(()) }
}

/// Reads the raw document and refuses what would cost too much to parse.
///
/// Linear in the document, and constant in memory.
pub fn text(document: &str) -> Result<(), Refusal> {
    within("bytes in the document", document.len(), MAX_DOCUMENT_BYTES)?;
    let mut reader = Reader { bytes: document.as_bytes(), at: 0 };
    let (mut tokens, mut directives) = (0, 0);
    let mut open = Nesting::default();
    while let Some(token) = reader.token()? {
        tokens += 1;
        within("tokens in the document", tokens, MAX_TOKENS)?;
        match token {
            Token::Open(closer) => open.enter(closer)?,
            Token::Close(closer) => {
                if !open.leave(closer) {
                    return Err(reader.unreadable("a closing bracket that closes nothing"));
                }
            }
            Token::Directive => {
                directives += 1;
                within("directives in the document", directives, MAX_DIRECTIVES)?;
            }
            Token::Other => {}
        }
    }
    if open.depth > 0 { Err(reader.unreadable("the document ends inside a bracket")) } else { Ok(()) }
}

/// Reads a JSON text and refuses one whose arrays and objects nest deeper than [`MAX_NESTING`], or that has more than
/// [`MAX_VALUES`] values.
///
/// It does not check that the text is JSON; that is the JSON reader's part, which may recurse as deep as this allows.
pub fn json(text: &[u8]) -> Result<(), Refusal> {
    let (mut depth, mut values, mut in_string, mut escaped) = (0_usize, 1, false, false);
    for byte in text {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'[' | b'{' => {
                depth += 1;
                within("levels of brackets in the body", depth, MAX_NESTING)?;
                values += 1;
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        within("values in the body", values, MAX_VALUES)?;
    }
    Ok(())
}

/// The brackets that are open: the closer of each, innermost last.
struct Nesting {
    closers: [u8; MAX_NESTING],
    depth: usize,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { closers: [0; MAX_NESTING], depth: 0 }
    }
}

impl Nesting {
    fn enter(&mut self, closer: u8) -> Result<(), Refusal> {
        within("levels of brackets in the document", self.depth + 1, MAX_NESTING)?;
        if let Some(place) = self.closers.get_mut(self.depth) {
            *place = closer;
        }
        self.depth += 1;
        Ok(())
    }

    fn leave(&mut self, closer: u8) -> bool {
        let fits = self.depth > 0 && self.closers.get(self.depth - 1) == Some(&closer);
        self.depth = self.depth.saturating_sub(1);
        fits
    }
}

enum Token {
    /// An opening bracket, named by the byte that closes it.
    Open(u8),
    Close(u8),
    Directive,
    Other,
}

/// A cursor over the document's bytes. Everything that decides is ASCII; other characters occur only inside strings and
/// comments, so bytes are enough.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn rest(&self) -> &[u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    fn unreadable(&self, reason: &'static str) -> Refusal {
        Refusal::Unreadable { at: self.at, reason }
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn token(&mut self) -> Result<Option<Token>, Refusal> {
        self.skip_ignored();
        let Some(byte) = self.peek(0) else { return Ok(None) };
        let token = match byte {
            b'(' => Token::Open(b')'),
            b'[' => Token::Open(b']'),
            b'{' => Token::Open(b'}'),
            b')' | b']' | b'}' => Token::Close(byte),
            b'@' => Token::Directive,
            b'!' | b'$' | b'&' | b':' | b'=' | b'|' => Token::Other,
            b'.' if self.rest().starts_with(b"...") => {
                self.at += 3;
                return Ok(Some(Token::Other));
            }
            b'"' => {
                self.string()?;
                return Ok(Some(Token::Other));
            }
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.skip_while(is_name_part);
                return Ok(Some(Token::Other));
            }
            b'-' | b'0'..=b'9' => {
                self.number()?;
                return Ok(Some(Token::Other));
            }
            _ => return Err(self.unreadable("a character that begins no token")),
        };
        self.at += 1;
        Ok(Some(token))
    }

    fn skip_ignored(&mut self) {
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t' | b',' | b'\n' | b'\r') => self.at += 1,
                Some(b'#') => self.skip_while(|byte| byte != b'\n' && byte != b'\r'),
                Some(0xEF) if self.rest().starts_with("\u{feff}".as_bytes()) => self.at += 3,
                _ => return,
            }
        }
    }

    fn string(&mut self) -> Result<(), Refusal> {
        if self.rest().starts_with(b"\"\"\"") {
            return self.block_string();
        }
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                // what may follow a backslash is the parser's to judge; here only that a quote does not end the string
                Some(b'\\') if self.peek(1).is_some_and(|byte| byte != b'\n' && byte != b'\r') => self.at += 2,
                Some(b'\\' | b'\n' | b'\r') | None => return Err(self.unreadable("a string without an end")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn block_string(&mut self) -> Result<(), Refusal> {
        self.at += 3;
        loop {
            if self.rest().starts_with(b"\"\"\"") {
                self.at += 3;
                return Ok(());
            }
            if self.rest().starts_with(b"\\\"\"\"") {
                self.at += 4;
            } else if self.peek(0).is_some() {
                self.at += 1;
            } else {
                return Err(self.unreadable("a block string without an end"));
            }
        }
    }

    fn number(&mut self) -> Result<(), Refusal> {
        if self.peek(0) == Some(b'-') {
            self.at += 1;
        }
        match self.peek(0) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.skip_while(|byte| byte.is_ascii_digit()),
            _ => return Err(self.unreadable("a minus sign without a number")),
        }
        if self.peek(0) == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(0), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        // otherwise "00" would be one token here and two in the parser
        if self.peek(0).is_some_and(|byte| is_name_part(byte) || byte == b'.') {
            return Err(self.unreadable("a number that runs into something else"));
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Refusal> {
        if !self.peek(0).is_some_and(|byte| byte.is_ascii_digit()) {
            return Err(self.unreadable("a number that lacks digits"));
        }
        self.skip_while(|byte| byte.is_ascii_digit());
        Ok(())
    }
}

fn is_name_part(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_too_much(refusal: &Result<(), Refusal>, expected: &str) -> bool {
        matches!(refusal, Err(Refusal::TooMuch { what, .. }) if what.starts_with(expected))
    }

    #[test]
    fn each_bracket_is_read_to_64_levels_and_not_to_65() {
        for (open, close) in [("{", "}"), ("[", "]"), ("(", ")")] {
            assert_eq!(text(&(open.repeat(64) + &close.repeat(64))), Ok(()));
            assert!(is_too_much(&text(&(open.repeat(65) + &close.repeat(65))), "levels"));
            assert!(is_too_much(&text(&open.repeat(2_000)), "levels"), "also when nothing closes them");
        }
        assert_eq!(json(("[".repeat(64) + &"]".repeat(64)).as_bytes()), Ok(()));
        assert!(is_too_much(&json(r#"{"a":"#.repeat(65).as_bytes()), "levels"));
    }

    #[test]
    fn brackets_in_strings_and_comments_do_not_count() {
        let many = "[".repeat(100);
        assert_eq!(text(&format!("{{ a(b: \"{many}\\\"{many}\") #{many}\n }}")), Ok(()));
        assert_eq!(text(&format!("{{ a(b: \"\"\"{many}\\\"\"\"\"{many}\"\"\") }}")), Ok(()));
        assert_eq!(json(format!("{{\"a\\\"{many}\": \"{many}\"}}").as_bytes()), Ok(()));
        // a string that ends sooner than it seems hides nothing
        assert!(is_too_much(&text(&format!("{{ a(b: \"\\\\\", c: {many}) }}")), "levels"));
        assert!(is_too_much(&text(&format!("{{ a(b: \"\" c: {many}) }}")), "levels"));
        assert!(is_too_much(&text(&format!("{{ a # \"\n (b: {many}) }}")), "levels"));
        assert!(is_too_much(&json(format!("{{\"a\\\\\": {many}").as_bytes()), "levels"));
    }

    #[test]
    fn bytes_tokens_and_directives_are_bounded() {
        assert_eq!(text(&" ".repeat(MAX_DOCUMENT_BYTES)), Ok(()));
        assert!(is_too_much(&text(&" ".repeat(MAX_DOCUMENT_BYTES + 1)), "bytes"));
        assert_eq!(text(&"a ".repeat(MAX_TOKENS)), Ok(()));
        assert!(is_too_much(&text(&"a ".repeat(MAX_TOKENS + 1)), "tokens"));
        assert_eq!(text(&"@a ".repeat(MAX_DIRECTIVES)), Ok(()));
        assert!(is_too_much(&text(&"@a ".repeat(MAX_DIRECTIVES + 1)), "directives"));
    }

    #[test]
    fn the_values_of_a_body_are_bounded_and_long_texts_are_one() {
        let list = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        assert_eq!(json(list(MAX_VALUES - 1).as_bytes()), Ok(()));
        assert!(is_too_much(&json(list(MAX_VALUES).as_bytes()), "values"));
        assert!(is_too_much(&json(format!("[{}", "[],".repeat(MAX_VALUES)).as_bytes()), "values"));
        assert_eq!(json(format!("{{\"note\":\"{}\"}}", "[,{,".repeat(50_000)).as_bytes()), Ok(()));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for document in ["\"", "\"\n\"", "\"\\", "\"\"\"", "\"\"\"\\\"\"\"", "00", "1a", "1.", "1.2.3", "-", "1e", "?"]
        {
            assert!(matches!(text(document), Err(Refusal::Unreadable { .. })), "{document}");
        }
        for document in ["..", "\u{c}", "é", "{", "}", "{]", "([)]", "'", "/", "\u{0}"] {
            assert!(matches!(text(document), Err(Refusal::Unreadable { .. })), "{document}");
        }
        for document in ["\"\"", "\"\"\"\"\"\"", "-0.5e+10", "0", "...", "\u{feff}a,b", "\"é\"", "#\r{}"] {
            assert_eq!(text(document), Ok(()), "{document}");
        }
    }
}
