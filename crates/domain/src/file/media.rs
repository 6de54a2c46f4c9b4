//! What a file is: a closed list, so that nothing a browser would run as a page of ours can be named as its type (H4).
//!
//! HTML, SVG, XML and scripts have no name here: they are [`MediaType::Other`], and so is whatever content and name do not
//! agree on.

use serde::{Deserialize, Serialize};

use crate::text::facts;

/// Declares the types: the name in code, the one that the IANA registered, and the endings of names that stand for it.
macro_rules! media_types {
    ($($(#[$doc:meta])* $variant:ident $name:literal [$($ending:literal)*],)+) => {
        /// What a file is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum MediaType { $($(#[$doc])* #[serde(rename = $name)] $variant,)+ }
        impl MediaType {
            /// Every type.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];
            /// As HTTP names it.
            pub const fn name(self) -> &'static str { match self { $(Self::$variant => $name,)+ } }
            /// The type that an ending stands for, in small letters.
            pub fn of_ending(ending: &str) -> Option<Self> { match ending { $($($ending => Some(Self::$variant),)*)+ _ => None } }
        }
    };
}

media_types! {
    /// Anything else: bytes.
    Other "application/octet-stream" [],
    /// PDF.
    Pdf "application/pdf" ["pdf"],
    /// PNG.
    Png "image/png" ["png"],
    /// JPEG.
    Jpeg "image/jpeg" ["jpg" "jpeg"],
    /// GIF.
    Gif "image/gif" ["gif"],
    /// `WebP`.
    Webp "image/webp" ["webp"],
    /// HEIF, as telephones take photographs.
    Heif "image/heif" ["heic" "heif"],
    /// Text.
    Plain "text/plain" ["txt" "text" "log"],
    /// A table as text.
    Csv "text/csv" ["csv"],
    /// Text in Markdown.
    Markdown "text/markdown" ["md" "markdown"],
    /// A ZIP archive. Nobody opens it here.
    Zip "application/zip" ["zip"],
    /// A text of Word.
    Docx "application/vnd.openxmlformats-officedocument.wordprocessingml.document" ["docx"],
    /// A table of Excel.
    Xlsx "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" ["xlsx"],
    /// Slides of `PowerPoint`.
    Pptx "application/vnd.openxmlformats-officedocument.presentationml.presentation" ["pptx"],
    /// A text of `LibreOffice`.
    Odt "application/vnd.oasis.opendocument.text" ["odt"],
    /// A table of `LibreOffice`.
    Ods "application/vnd.oasis.opendocument.spreadsheet" ["ods"],
    /// Slides of `LibreOffice`.
    Odp "application/vnd.oasis.opendocument.presentation" ["odp"],
    /// Sound in MP3.
    Mp3 "audio/mpeg" ["mp3"],
    /// Sound in MPEG-4.
    M4a "audio/mp4" ["m4a"],
    /// Film in MPEG-4.
    Mp4 "video/mp4" ["mp4" "m4v"],
    /// Film in `WebM`.
    Webm "video/webm" ["webm"],
}

facts!(MediaType);

/// What content alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// It begins like files of this type.
    Like(MediaType),
    /// It begins like those of a type that is not on the list.
    Foreign,
    /// It has no beginning by which it is known, and is text.
    Text,
    /// It has none, and is no text.
    Bytes,
}

impl MediaType {
    /// The type of this name, if it is on the list.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|media| media.name() == name)
    }

    /// The type on which content and name agree; [`MediaType::Other`] where they do not. `by_name` is what the name's ending
    /// stands for, if it is on the list.
    pub fn agreed(content: Content, by_name: Option<Self>) -> Self {
        let Some(name) = by_name else { return Self::Other };
        let agrees = match content {
            Content::Like(media) => media == name || (media == Self::Zip && name.is_a_zip()),
            Content::Text => name.is_text(),
            Content::Foreign | Content::Bytes => false,
        };
        if agrees { name } else { Self::Other }
    }

    /// Whether its files have no beginning of their own.
    const fn is_text(self) -> bool {
        matches!(self, Self::Plain | Self::Csv | Self::Markdown)
    }

    /// Whether its files are ZIP archives with a certain content.
    const fn is_a_zip(self) -> bool {
        matches!(self, Self::Docx | Self::Xlsx | Self::Pptx | Self::Odt | Self::Ods | Self::Odp)
    }
}
