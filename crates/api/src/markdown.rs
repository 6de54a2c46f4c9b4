//! Markdown as HTML that is safe to show (facts S1.37 and S1.38, promise H6).
//!
//! What holds here:
//! - Headers, lists, bold, italics, links, quotes, code and rules of `CommonMark`, and nothing beyond. HTML that somebody
//!   typed is shown as the text it is; an image is shown as its description.
//! - The result is sanitised whatever the renderer did: a list of tags, three attributes, links to `http`, `https` and
//!   `mailto` only, each with `rel="noopener noreferrer nofollow"`. No ids, classes, styles or titles.
//! - The work is about linear in the text, whatever the text is. Two things would make it quadratic, and are bounded
//!   before they can. Deep nesting: each line, and each tag, looks at all that is open, so the first 100 characters of a
//!   line may open blocks, and 32 open tags are rendered; deeper text is shown, without its markup. And long runs of
//!   text: to write one of them, html5ever 0.40 looks through all that is left of it at every ampersand, so a comment
//!   (which the sanitiser takes out) parts a run every 4 KiB, and an address has at most 2 KiB.
//!
//! Absent: a limit of the text's size, which the commands that save texts have.

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html::push_html};
use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

/// How many characters at the start of a line may open a quote or a list. What goes on in this manner is left out.
const MAX_PREFIX_CHARS: usize = 100;

/// How many tags may be open at once. A list in a list takes two.
const MAX_OPEN_TAGS: usize = 32;

/// How many bytes of text may follow each other without a seam.
const MAX_RUN_BYTES: usize = 4096;

/// How long the address of a link may be. A longer one is left out, its words stay.
const MAX_LINK_BYTES: usize = 2048;

/// Parts two runs of text in the sanitiser's tree, and is not in what it writes.
const SEAM: Event<'static> = Event::InlineHtml(CowStr::Borrowed("<!-- -->"));

static SANITISER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let tags = [
        "a",
        "blockquote",
        "br",
        "code",
        "em",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "strong",
        "ul",
    ];
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from(tags))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

/// Renders Markdown (`CommonMark`) as an HTML fragment that holds no script, handler, image, style or foreign link.
pub fn html(markdown: &str) -> String {
    let shallow = shallow(markdown);
    let mut rendered = String::with_capacity(shallow.len().saturating_mul(2));
    push_html(&mut rendered, short_runs(safe_events(Parser::new_ext(&shallow, Options::empty()))));
    SANITISER.clean(&rendered).to_string()
}

/// The text with at most [`MAX_PREFIX_CHARS`] of the characters that open blocks at the start of each line.
fn shallow(markdown: &str) -> String {
    let mut prefix_chars = Some(0_usize);
    let mut keep = |character| match (character, prefix_chars) {
        ('\n' | '\r', _) => {
            prefix_chars = Some(0);
            true
        }
        (' ' | '\t' | '>' | '-' | '*' | '+' | '.' | ')' | '0'..='9', Some(chars)) => {
            prefix_chars = Some(chars.saturating_add(1));
            chars < MAX_PREFIX_CHARS
        }
        _ => {
            prefix_chars = None;
            true
        }
    };
    markdown.chars().filter(|character| keep(*character)).collect()
}

/// The events without images, with HTML as text, and with at most [`MAX_OPEN_TAGS`] open.
fn safe_events<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    let mut open_tags = 0_usize;
    events.filter_map(move |event| match event {
        Event::Start(Tag::Image { .. }) | Event::End(TagEnd::Image) => None,
        Event::Start(tag) => {
            open_tags = open_tags.saturating_add(1);
            (open_tags <= MAX_OPEN_TAGS).then(|| Event::Start(safe_tag(tag)))
        }
        Event::End(end) => {
            let rendered = open_tags <= MAX_OPEN_TAGS;
            open_tags = open_tags.saturating_sub(1);
            let end = if matches!(end, TagEnd::HtmlBlock) { TagEnd::Paragraph } else { end };
            // A break keeps the words of unmarked paragraphs and items apart.
            Some(if rendered { Event::End(end) } else { Event::SoftBreak })
        }
        Event::Html(typed) | Event::InlineHtml(typed) => Some(Event::Text(typed)),
        event @ (Event::Text(_)
        | Event::Code(_)
        | Event::InlineMath(_)
        | Event::DisplayMath(_)
        | Event::FootnoteReference(_)
        | Event::SoftBreak
        | Event::HardBreak
        | Event::Rule
        | Event::TaskListMarker(_)) => Some(event),
    })
}

/// The tag with typed HTML as a paragraph, and without an address that is too long.
fn safe_tag(tag: Tag<'_>) -> Tag<'_> {
    if matches!(tag, Tag::HtmlBlock) {
        return Tag::Paragraph;
    }
    if let Tag::Link { link_type, dest_url, title, id } = tag {
        let dest_url = if dest_url.len() > MAX_LINK_BYTES { CowStr::Borrowed("") } else { dest_url };
        return Tag::Link { link_type, dest_url, title, id };
    }
    tag
}

/// The events with a seam wherever a run of text would get longer than about twice [`MAX_RUN_BYTES`].
fn short_runs<'a>(events: impl Iterator<Item = Event<'a>>) -> impl Iterator<Item = Event<'a>> {
    let mut run_bytes = 0_usize;
    events.flat_map(move |event| {
        let mut bytes = 1;
        let mut pieces = vec![event];
        // Code of this length is shown as text.
        if let Some(Event::Text(text) | Event::Code(text)) = pieces.first() {
            bytes = text.len();
            if bytes > MAX_RUN_BYTES {
                pieces = in_pieces(text);
            }
        }
        run_bytes = run_bytes.saturating_add(bytes);
        let seam = (run_bytes > MAX_RUN_BYTES).then_some(SEAM);
        if seam.is_some() {
            run_bytes = 0;
        }
        pieces.into_iter().chain(seam)
    })
}

/// A long text in pieces with seams between.
fn in_pieces<'a>(text: &str) -> Vec<Event<'a>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((piece, after)) = rest.split_at_checked(rest.floor_char_boundary(MAX_RUN_BYTES))
        && !piece.is_empty()
    {
        pieces.extend([Event::Text(CowStr::from(piece.to_owned())), SEAM]);
        rest = after;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use html5ever::tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
    };
    use proptest::prelude::*;
    use std::{cell::RefCell, fmt::Write};

    /// Collects what a browser's tokenizer would see. That is the whole parse as long as only tags with plain content
    /// appear, which `parsed` insists on.
    #[derive(Default)]
    struct Tokens(RefCell<Vec<Token>>);

    impl TokenSink for Tokens {
        type Handle = ();

        fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
            self.0.borrow_mut().push(token);
            TokenSinkResult::Continue
        }
    }

    /// What was parsed of an HTML fragment that is safe.
    #[derive(Default)]
    struct Parsed {
        text: String,
        links: Vec<String>,
        depth: usize,
    }

    fn parsed(html: &str) -> Parsed {
        let input = BufferQueue::default();
        input.push_back(html.into());
        let tokenizer = Tokenizer::new(Tokens::default(), TokenizerOpts::default());
        assert!(matches!(tokenizer.feed(&input), html5ever::TokenizerResult::Done));
        tokenizer.end();
        let mut parsed = Parsed::default();
        let mut open: Vec<String> = Vec::new();
        for token in tokenizer.sink.0.take() {
            match token {
                Token::TagToken(tag) if tag.kind == TagKind::EndTag => {
                    assert_eq!(open.pop().as_deref(), Some(&*tag.name), "{html}");
                }
                Token::TagToken(tag) => {
                    check_tag(&tag, html, &mut parsed);
                    if !matches!(&*tag.name, "br" | "hr") {
                        open.push(tag.name.to_string());
                    }
                    parsed.depth = parsed.depth.max(open.len());
                }
                Token::CharacterTokens(text) => parsed.text.push_str(&text),
                Token::EOFToken => {}
                other @ (Token::DoctypeToken(_)
                | Token::CommentToken(_)
                | Token::NullCharacterToken
                | Token::ParseError(_)) => panic!("{other:?} in {html}"),
            }
        }
        assert!(open.is_empty(), "{open:?} is left open in {html}");
        parsed
    }

    fn check_tag(tag: &Tag, html: &str, parsed: &mut Parsed) {
        let plain = [
            "blockquote",
            "br",
            "code",
            "em",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "li",
            "p",
            "pre",
            "strong",
            "ul",
        ];
        let mut rel = None;
        for attribute in &tag.attrs {
            match (&*tag.name, &*attribute.name.local) {
                ("a", "href") => {
                    let link = attribute.value.to_string();
                    let lower = link.to_lowercase();
                    let known = ["http://", "https://", "mailto:"].iter().any(|start| lower.starts_with(start));
                    assert!(known && !link.contains(char::is_control), "{link} in {html}");
                    parsed.links.push(link);
                }
                ("a", "rel") => rel = Some(attribute.value.to_string()),
                ("ol", "start") => assert!(attribute.value.parse::<u32>().is_ok(), "{html}"),
                (tag, name) => panic!("{name} of {tag} in {html}"),
            }
        }
        match &*tag.name {
            "a" => assert_eq!(rel.as_deref(), Some("noopener noreferrer nofollow"), "{html}"),
            "ol" => {}
            name => assert!(plain.contains(&name), "{name} in {html}"),
        }
    }

    #[test]
    fn what_coaches_type_is_formatted() {
        let table = [
            ("# Plan", "<h1>Plan</h1>\n"),
            ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
            ("3. a\n4. b", "<ol start=\"3\">\n<li>a</li>\n<li>b</li>\n</ol>\n"),
            ("**bold** and *italics*", "<p><strong>bold</strong> and <em>italics</em></p>\n"),
            (
                "[book](https://example.org/a?b=1&c=2 \"title\")",
                "<p><a href=\"https://example.org/a?b=1&amp;c=2\" rel=\"noopener noreferrer nofollow\">book</a></p>\n",
            ),
            (
                "<zoe@example.org>",
                "<p><a href=\"mailto:zoe@example.org\" rel=\"noopener noreferrer nofollow\">zoe@example.org</a></p>\n",
            ),
            (
                "> quote\n\n---\n\n`a < b`",
                "<blockquote>\n<p>quote</p>\n</blockquote>\n<hr>\n<p><code>a &lt; b</code></p>\n",
            ),
            ("```rust\nlet a = \"<b>\";\n```", "<pre><code>let a = \"&lt;b&gt;\";\n</code></pre>\n"),
            ("x < y & \"z\" é 😀", "<p>x &lt; y &amp; \"z\" é 😀</p>\n"),
            ("", ""),
        ];
        for (markdown, expected) in table {
            assert_eq!(html(markdown), expected, "{markdown}");
            parsed(expected);
        }
    }

    #[test]
    fn typed_html_is_shown_and_images_are_their_description() {
        assert_eq!(parsed(&html("a <b>loud</b> word")).text, "a <b>loud</b> word\n");
        assert_eq!(parsed(&html("<div>\nkept\n</div>")).text, "<div>\nkept\n</div>\n");
        assert_eq!(parsed(&html("<!-- kept -->")).text, "<!-- kept -->\n");
        assert_eq!(html("see ![the *chart*](https://example.org/x.png)"), "<p>see the <em>chart</em></p>\n");
    }

    #[test]
    fn links_lead_to_the_web_and_to_mail_only() {
        for link in ["https://example.org/", "HTTP://example.org", "mailto:a@example.org?subject=x"] {
            assert_eq!(parsed(&html(&format!("[x]({link})"))).links, [link]);
        }
        for link in ["/relative", "//example.org", "#id", "?q", "x.html", "ftp://example.org", "tel:1", "file:///etc"] {
            assert!(parsed(&html(&format!("[x]({link})"))).links.is_empty(), "{link}");
        }
    }

    /// Scripts in tags, handlers in attributes, dangerous addresses, and what has fooled sanitisers before.
    const PAYLOADS: &[&str] = &[
        "<script>alert(1)</script>",
        "<SCRIPT SRC=//example.org/x.js></SCRIPT>",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<script/src=data:,alert(1)>",
        "<script\n>alert(1)</script\n>",
        "</script><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "<img src=x:alert(alt) onerror=eval(src) alt=0>",
        "<img/src='x'/onerror=alert(1)>",
        "<IMG \"\"\"><SCRIPT>alert(1)</SCRIPT>\">",
        "<img src=`x` onerror=alert(1)>",
        "<img srcset=x onerror=alert(1)>",
        "<svg onload=alert(1)>",
        "<svg/onload=alert(1)//",
        "<svg><script>alert&#40;1&#41;</script></svg>",
        "<svg><a xlink:href=\"javascript:alert(1)\"><text>x</text></a></svg>",
        "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
        "<svg><style><img src=x onerror=alert(1)></style></svg>",
        "<svg><foreignObject><iframe onload=alert(1)></iframe></foreignObject></svg>",
        "<math><mi//xlink:href=\"data:x,<script>alert(1)</script>\">",
        "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=alert(1)&gt;\">",
        "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<iframe src=javascript:alert(1)></iframe>",
        "<iframe srcdoc=\"<script>alert(1)</script>\"></iframe>",
        "<object data=javascript:alert(1)></object>",
        "<embed src=javascript:alert(1)>",
        "<applet code=x></applet>",
        "<base href=javascript:alert(1)//>",
        "<meta http-equiv=refresh content=\"0;url=javascript:alert(1)\">",
        "<link rel=stylesheet href=//example.org/x.css>",
        "<style>@import '//example.org/x.css';</style>",
        "<style>*{background:url(javascript:alert(1))}</style>",
        "<div style=\"background:url(javascript:alert(1))\">x</div>",
        "<div style=\"width:expression(alert(1))\">x</div>",
        "<p style=x:y onclick=alert(1) id=a class=b>x</p>",
        "<body onload=alert(1)>",
        "<body background=javascript:alert(1)>",
        "<input autofocus onfocus=alert(1)>",
        "<select autofocus onfocus=alert(1)><option>x</select>",
        "<textarea autofocus onfocus=alert(1)></textarea>",
        "<textarea><script>alert(1)</script></textarea>",
        "<keygen autofocus onfocus=alert(1)>",
        "<video><source onerror=alert(1)></video>",
        "<audio src=x onerror=alert(1)>",
        "<details open ontoggle=alert(1)>x</details>",
        "<marquee onstart=alert(1)>x</marquee>",
        "<form action=javascript:alert(1)><button>x</button></form>",
        "<button formaction=javascript:alert(1)>x</button>",
        "<isindex type=image src=1 onerror=alert(1)>",
        "<table background=javascript:alert(1)><tr><td>x</table>",
        "<template><script>alert(1)</script></template>",
        "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
        "<title><img src=x onerror=alert(1)></title>",
        "<xmp><script>alert(1)</script></xmp>",
        "<plaintext><script>alert(1)</script>",
        "<a href=javascript:alert(1)>x</a>",
        "<a href=\"https://example.org\" onclick=alert(1) target=_top>x</a>",
        "<a href=\"jav&#x09;ascript:alert(1)\">x</a>",
        "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
        "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
        "<![CDATA[<script>alert(1)</script>]]>",
        "<?xml version=\"1.0\"?><?php echo 1 ?>",
        "<!DOCTYPE html><html><head></head></html>",
        "<x onclick=alert(1)>x</x>",
        "<\u{0}script>alert(1)</script>",
        "<script\u{c}>alert(1)</script>",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "java\u{0}script:alert(1)",
        "\u{1}javascript:alert(1)",
        "javascript&colon;alert(1)",
        "javascript&#58;alert(1)",
        "&#106;&#97;&#118;&#97;&#115;&#99;&#114;&#105;&#112;&#116;&#58;alert(1)",
        "&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74&#x3A;alert(1)",
        "jav\\ascript\\:alert(1)",
        "javascript://example.org/%0aalert(1)",
        "javascript:alert(1)//https://example.org",
        "vbscript:msgbox(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
        "data:image/svg+xml,<svg onload=alert(1)>",
        "blob:https://example.org/x",
        "view-source:javascript:alert(1)",
        "feed:javascript:alert(1)",
        "https:javascript:alert(1)",
        "https://example.org/\"onmouseover=\"alert(1)",
        "https://example.org/'onmouseover='alert(1)",
        "https://example.org/><script>alert(1)</script>",
        "https://example.org/&quot;onmouseover=&quot;alert(1)",
        "https://a\"><img src=x onerror=alert(1)>@example.org",
        "mailto:a@example.org\"><script>alert(1)</script>",
        "`<script>alert(1)</script>",
        "**<img src=x onerror=alert(1)>**",
        "a](javascript:alert(1)",
        "![x](javascript:alert(1))",
        "[x](javascript:alert(1) \"onclick=alert(1)\")",
        "[x][y]\n\n[y]: javascript:alert(1)",
        "```\"><script>alert(1)</script>\nx\n```",
    ];

    #[test]
    fn no_payload_survives_in_any_place() {
        for payload in PAYLOADS {
            let places = [
                (*payload).to_owned(),
                format!("text {payload} text"),
                format!("# {payload}\n\n- {payload}\n\n> {payload}\n\n**{payload}**"),
                format!("[x]({payload})"),
                format!("[x](<{payload}>)"),
                format!("[x](https://example.org \"{payload}\")"),
                format!("[{payload}](https://example.org)"),
                format!("<{payload}>"),
                format!("![{payload}]({payload})"),
                format!("![x](https://example.org/\"{payload})"),
                format!("[x]\n\n[x]: {payload}\n"),
                format!("[x]\n\n[x]: <{payload}> '{payload}'\n"),
                format!("```{payload}\n{payload}\n```"),
                format!("    {payload}"),
                format!("`{payload}`"),
                format!("<div>\n{payload}\n\n{payload}</div>"),
            ];
            for markdown in places {
                let shown = html(&markdown);
                parsed(&shown);
                assert_eq!(SANITISER.clean(&shown).to_string(), shown, "{markdown} is not the same when parsed again");
            }
        }
    }

    #[test]
    fn the_sanitiser_does_not_rely_on_the_renderer() {
        for payload in PAYLOADS {
            parsed(&SANITISER.clean(payload).to_string());
            parsed(&SANITISER.clean(&format!("<a href='{payload}' title=\"{payload}\">{payload}</a>")).to_string());
        }
        assert_eq!(SANITISER.clean("<img src=x><p id=a class=b lang=c title=d style=e>x").to_string(), "<p>x</p>");
    }

    #[test]
    fn deep_nesting_is_flat_beyond_a_bound_and_needs_little_stack() {
        let nested = |from: &str, to: &str| {
            let levels = 200_000 / (from.len() + to.len());
            from.repeat(levels) + "word" + &to.repeat(levels)
        };
        let lists = (0..400).fold(String::new(), |mut text, level| {
            writeln!(text, "{:level$}- word", "").unwrap();
            text
        });
        let texts = [
            nested(">", "\nword"),
            nested(">", "a\n"),
            nested("> ", "\n"),
            nested("- ", "\n"),
            nested("-\t", "\n\nword"),
            nested("1. ", "\n"),
            nested("> - ", "\nword"),
            nested("*a **b ", " c** d*"),
            nested("_", "_"),
            nested("[", "]"),
            nested("![", "](x)"),
            nested("[", "](https://example.org)"),
            nested("[x](", ")"),
            nested("<", ">"),
            nested("<b>", "</b>"),
            nested("<!--", "-->"),
            nested("`", "`"),
            nested("&", ";"),
            nested("\\", "\\"),
            nested(&lists, ""),
        ];
        for text in texts {
            // A recursion of one frame a level would need far more stack than this.
            let small = std::thread::Builder::new().stack_size(256 * 1024);
            let shown = small.spawn(move || html(&text)).unwrap().join().unwrap();
            assert!(parsed(&shown).depth <= MAX_OPEN_TAGS);
        }
    }

    #[test]
    fn long_runs_of_text_are_shown_whole_and_without_seams() {
        for text in ["&", "« é »", "word & word\n", "`a` & ", "&**", "a&amp;b "] {
            let text = text.repeat(20_000);
            let shown = html(&text);
            assert!(!shown.contains("<!"));
            let expected = {
                let mut rendered = String::new();
                push_html(&mut rendered, Parser::new(&text));
                parsed(&rendered).text
            };
            assert!(parsed(&shown).text == expected, "{}", text.split_at(8).0);
        }
        let code = "a & b ".repeat(2000);
        assert_eq!(parsed(&html(&format!("`{code}`"))).text, format!("{code}\n"));
    }

    #[test]
    fn runs_are_parted_before_they_get_long() {
        for text in ["&".repeat(100_000), "&\n".repeat(50_000), format!("`{}`", "&".repeat(100_000))] {
            let mut rendered = String::new();
            push_html(&mut rendered, short_runs(safe_events(Parser::new(&text))));
            // Five bytes for one ampersand, and nothing else that is longer.
            assert!(rendered.split("<!-- -->").all(|run| run.len() < MAX_RUN_BYTES * 2 * 5));
        }
    }

    #[test]
    fn an_address_that_is_too_long_is_left_out() {
        let link = |length: usize| format!("https://example.org/{}", "&".repeat(length - 20));
        assert_eq!(parsed(&html(&format!("[x]({})", link(MAX_LINK_BYTES)))).links, [link(MAX_LINK_BYTES)]);
        let long = parsed(&html(&format!("[x]({})", link(MAX_LINK_BYTES + 1))));
        assert!(long.links.is_empty());
        assert_eq!(long.text, "x\n");
    }

    #[test]
    fn text_that_is_too_deep_is_still_shown() {
        let quote = "> ".repeat(40);
        let shown = html(&format!("{quote}one\n{quote}\n{quote}two\n\n{}**loud**", "- ".repeat(40)));
        let parsed = parsed(&shown);
        assert_eq!(parsed.depth, MAX_OPEN_TAGS);
        assert_eq!(parsed.text.split_whitespace().collect::<Vec<_>>(), ["one", "two", "loud"]);
    }

    #[test]
    fn a_line_opens_blocks_in_its_first_hundred_characters() {
        for line_end in ["\n", "\r", "\r\n"] {
            let line = |signs: usize| format!("{}a > > b", ">".repeat(signs));
            let text = [line(99), line(100), line(101), line(5000)].join(line_end);
            assert_eq!(shallow(&text), [line(99), line(100), line(100), line(100)].join(line_end));
        }
        assert_eq!(html(&"-".repeat(500)), "<hr>\n");
    }

    proptest! {
        #[test]
        fn any_mixture_is_safe_and_shallow(parts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..12), other: String) {
            let signs = ["\n", "\n\n", "[", "](", ")", "<", ">", "`", "*", "- ", "    ", "\"", "'", "&", "]: ", &*other];
            let of = |part: proptest::sample::Index| {
                let at = part.index(signs.len() + PAYLOADS.len());
                signs.get(at).copied().unwrap_or_else(|| PAYLOADS[at - signs.len()])
            };
            let markdown: String = parts.into_iter().map(of).collect();
            prop_assert!(parsed(&html(&markdown)).depth <= MAX_OPEN_TAGS);
        }
    }
}
