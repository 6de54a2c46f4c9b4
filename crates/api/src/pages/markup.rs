//! HTML that is safe by its type: text gets into an [`Html`] escaped, and templates are part of the program.

use std::fmt::Write as _;

/// A piece of a page.
#[derive(Clone)]
pub(super) struct Html(String);

domain::hidden!(Html);

impl Html {
    /// Nothing.
    pub(super) const fn none() -> Self {
        Self(String::new())
    }

    /// A text that may be anybody's, as it stands in content and in quoted attributes.
    pub(super) fn text(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        for letter in text.chars() {
            match letter {
                '&' | '<' | '>' | '"' | '\'' => {
                    // Writing into a string cannot fail.
                    let _infallible = write!(out, "&#{};", u32::from(letter));
                }
                other => out.push(other),
            }
        }
        Self(out)
    }

    /// Markup of the program's own. Its type keeps out what is made while it runs.
    pub(super) fn own(markup: &'static str) -> Self {
        Self(markup.to_owned())
    }

    /// A template of the program's own, with each `{{name}}` replaced. What is put in is not looked at again; a name
    /// that no value has becomes nothing.
    pub(super) fn fill(template: &'static str, values: &[(&str, Self)]) -> Self {
        let mut pieces = template.split("{{");
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once("}}").unwrap_or_default();
            if let Some((_, value)) = values.iter().find(|(known, _)| *known == name) {
                out.push_str(&value.0);
            }
            out.push_str(rest);
        }
        Self(out)
    }

    /// The page's text.
    pub(super) fn into_string(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_text_and_nothing_else() {
        let values = [("a", Html::text("<b>'\"&{{b}}")), ("b", Html::own("<i>"))];
        let filled = Html::fill("{{a}}|{{b}}|{{c}}|{", &values).into_string();
        assert_eq!(filled, "&#60;b&#62;&#39;&#34;&#38;{{b}}|<i>||{");
        assert_eq!(format!("{:?}", Html::own("CANARY")), "…");
    }
}
