//! How a feature declares its events, rows and refusals, and how the features become one.

/// Declares a feature's refusals: a name, the code that programs read, the words that people read.
#[macro_export]
macro_rules! refusals {
    ($(#[$enum_doc:meta])* pub enum Refusal { $($(#[$doc:meta])* $name:ident $code:literal $message:literal,)+ }) => {
        $(#[$enum_doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Refusal { $($(#[$doc])* $name,)+ }
        impl Refusal {
            /// Every refusal of this feature.
            pub const ALL: &'static [Refusal] = &[$(Refusal::$name,)+];
            /// The code that programs read.
            pub const fn code(self) -> &'static str { match self { $(Self::$name => $code,)+ } }
            /// What is wrong and what to do.
            pub const fn message(self) -> &'static str { match self { $(Self::$name => $message,)+ } }
        }
    };
}

/// What holds somebody's words in the clear, or what lets somebody in, prints nothing of it: in place of a derived `Debug`.
#[macro_export]
macro_rules! hidden {
    ($($name:ty),+ $(,)?) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("…") }
        }
    )+};
}

/// Declares a feature's events. The first field is the thing that the event is about: its history, and the place its
/// texts are sealed to. The stored kind is written down, never derived, never reused. `sees Note to Both` says that those
/// who would see a shared thing of its kind learn of the event, though it has an owner.
macro_rules! events {
    ($(#[$enum_doc:meta])* pub enum Event { $(
        $(#[doc = $doc:literal])* $kind:literal as $short:literal $name:ident sees $sees:ident $(to $to:ident)? {
            $(#[$thing_doc:meta])* $thing:ident: $thing_type:ty
            $(, $(#[$field_doc:meta])* $field:ident: $field_type:ty)* $(,)?
        },
    )+ }) => {
        $(#[$enum_doc])*
        #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
        pub enum Event { $(
            $(#[doc = $doc])*
            #[serde(rename = $kind)]
            $name {
                #[doc = "The thing that the event is about."]
                $(#[$thing_doc])*
                $thing: $thing_type,
                $(#[doc = concat!("Field `", stringify!($field), "`.")] $(#[$field_doc])* $field: $field_type,)*
            },
        )+ }
        impl Event {
            /// Every stored kind, its short name, and the rule by which its entries are seen.
            pub const KINDS: &'static [$crate::entry::Kind] = &[$($crate::entry::Kind {
                stored: $kind,
                short: $short,
                sees: $crate::sight::Thing::$sees,
                to: $crate::declare::either!([$($crate::entry::To::$to)?] $crate::entry::To::Owner),
                says: concat!($($doc),*),
                fields: &[(stringify!($thing), stringify!($thing_type)), $((stringify!($field), stringify!($field_type))),*],
            },)+];
            /// The short name, by which people filter the activity log.
            pub const fn short(&self) -> &'static str { match self { $(Self::$name { .. } => $short,)+ } }
            /// The stored kind.
            pub const fn kind(&self) -> &'static str { match self { $(Self::$name { .. } => $kind,)+ } }
            /// The rule by which the event's entry is seen.
            pub const fn sees(&self) -> $crate::sight::Thing { match self { $(Self::$name { .. } => $crate::sight::Thing::$sees,)+ } }
            /// Who beside its owner may learn of it.
            pub const fn to(&self) -> $crate::entry::To {
                match self { $(Self::$name { .. } => $crate::declare::either!([$($crate::entry::To::$to)?] $crate::entry::To::Owner),)+ }
            }
            /// The prefix and UUID of the thing that the event is about.
            pub fn thing(&self) -> (&'static str, uuid::Uuid) {
                match self { $(Self::$name { $thing, .. } => (<$thing_type as $crate::id::Id>::PREFIX, $crate::id::Id::uuid(*$thing)),)+ }
            }
            /// Visits each text with its number.
            pub fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn $crate::text::Sealable, u32)) {
                match self { $(Self::$name { $thing, $($field),* } => {
                    $crate::text::Fact::secrets($thing, visit);
                    $($crate::text::Fact::secrets($field, visit);)*
                })+ }
            }
        }
    };
}
pub(crate) use events;

/// What was written, or else the default.
macro_rules! either {
    ([$written:expr] $default:expr) => {
        $written
    };
    ([] $default:expr) => {
        $default
    };
}
pub(crate) use either;

/// Declares a row beside its struct: its table, the rule by which it is seen, its key, whom it is about, who wrote its
/// texts, its columns and its sealed texts.
macro_rules! row {
    ($row:ident in $table:ident, seen as $thing:ident, id $id:ident: $id_type:ty, subject |$s:ident| $subject:expr
        $(, owner |$o:ident| $owner:expr)? $(, shared |$h:ident| $shared:expr)?
        $(, written by |$w:ident, $kind:pat_param| $author:expr)?
        $(, columns |$r:ident| [$($column:ident: $column_type:ty = $value:expr),* $(,)?])?
        $(, sealed [$($sealed:ident),* $(,)?])?) => {
        impl $crate::row::Row for $row {
            type Id = $id_type;
            const TABLE: $crate::Table = $crate::Table::$table;
            const THING: $crate::sight::Thing = $crate::sight::Thing::$thing;
            const COLUMNS: &'static [(&'static str, $crate::row::Type)] =
                &[$($((stringify!($column), <$column_type as $crate::row::Column>::TYPE)),*)?];
            fn id(&self) -> $id_type { self.$id }
            fn subject(&self) -> $crate::id::Subject { let $s = self; ($subject).into() }
            fn owner(&self) -> Option<$crate::id::PersonId> { $crate::declare::either!([$({ let $o = self; $owner })?] None) }
            fn shared(&self) -> bool { $crate::declare::either!([$({ let $h = self; $shared })?] false) }
            fn written_by(&self, text: $crate::text::Kind) -> Option<$crate::id::PersonId> {
                let _ = &text;
                $crate::declare::either!([$({ let ($w, $kind) = (self, text); $author })?] None)
            }
            fn columns(&self) -> Vec<$crate::row::Value> {
                $crate::declare::either!([$({ let $r = self; vec![$({ let value: $column_type = $value; $crate::row::Column::value(&value) }),*] })?] Vec::new())
            }
            fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn $crate::text::Sealable, u32)) {
                let _ = &visit;
                $($($crate::text::Fact::secrets(&mut self.$sealed, visit);)*)?
            }
            fn slots(rows: &$crate::Rows) -> &$crate::row::Slots<Self> { &rows.$table }
            fn slots_mut(rows: &mut $crate::Rows) -> &mut $crate::row::Slots<Self> { &mut rows.$table }
        }
    };
}
pub(crate) use row;

/// Makes the features one: their events, refusals, rows and tables.
macro_rules! features {
    (refusals [$($refuses:ident as $Refuses:ident),+ $(,)?]
     $($module:ident as $name:ident version $version:literal { $($table:ident: $row:ty),* $(,)? })+) => {
        /// Everything that can happen.
        #[derive(Clone, Debug)]
        pub enum Event { $(#[doc = concat!("Of the feature `", stringify!($module), "`.")] $name($module::Event),)+ }
        $(impl From<$module::Event> for Event { fn from(event: $module::Event) -> Self { Self::$name(event) } })+

        impl Event {
            /// Every stored kind, its short name, and the rule by which its entries are seen.
            pub fn kinds() -> impl Iterator<Item = entry::Kind> { [$($module::Event::KINDS),+].into_iter().flatten().copied() }
            /// The short name, by which people filter the activity log.
            pub fn short(&self) -> &'static str { match self { $(Self::$name(event) => event.short(),)+ } }
            /// The stored kind.
            pub fn kind(&self) -> &'static str { match self { $(Self::$name(event) => event.kind(),)+ } }
            /// The rule by which the event's entry is seen.
            pub fn sees(&self) -> sight::Thing { match self { $(Self::$name(event) => event.sees(),)+ } }
            /// Who beside its owner may learn of it.
            pub fn to(&self) -> entry::To { match self { $(Self::$name(event) => event.to(),)+ } }
            /// The prefix and UUID of the thing that the event is about.
            pub fn thing(&self) -> (&'static str, uuid::Uuid) { match self { $(Self::$name(event) => event.thing(),)+ } }
            /// Visits each text with its number.
            pub fn secrets(&mut self, visit: &mut dyn FnMut(&mut dyn text::Sealable, u32)) { match self { $(Self::$name(event) => event.secrets(visit),)+ } }
            /// The event of this stored kind.
            pub fn decode<'de, D: serde::Deserializer<'de>>(kind: &str, from: D) -> Result<Self, D::Error> {
                let feature = kind.split_once('.').map_or(kind, |(feature, _)| feature);
                $(if feature == stringify!($module) { return serde::Deserialize::deserialize(from).map(Self::$name); })+
                Err(serde::de::Error::custom(format_args!("this version of the program knows no events of the kind `{kind}`")))
            }
            /// Folds the event into its log's rows.
            pub fn fold(&self, when: &fold::When, rows: &mut Rows) { match self { $(Self::$name(event) => $module::fold(event, when, rows),)+ } }
            /// The words of the activity log.
            pub fn entry(&self) -> entry::Entry { match self { $(Self::$name(event) => $module::entry(event),)+ } }
        }

        impl serde::Serialize for Event {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> { match self { $(Self::$name(event) => event.serialize(to),)+ } }
        }

        /// Why a command was refused. A refusal is data: it has a code, a message and changes nothing.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Refusal { $(#[doc = concat!("Of `", stringify!($refuses), "`.")] $Refuses($refuses::Refusal),)+ }
        $(impl From<$refuses::Refusal> for Refusal { fn from(refusal: $refuses::Refusal) -> Self { Self::$Refuses(refusal) } })+
        $(impl From<$refuses::Refusal> for decide::Stop { fn from(refusal: $refuses::Refusal) -> Self { Self::Refused(refusal.into()) } })+

        impl Refusal {
            /// Every refusal there is.
            pub fn all() -> Vec<Self> { let mut all = Vec::new(); $(all.extend($refuses::Refusal::ALL.iter().map(|&refusal| Self::$Refuses(refusal)));)+ all }
            /// The code that programs read.
            pub const fn code(self) -> &'static str { match self { $(Self::$Refuses(refusal) => refusal.code(),)+ } }
            /// What is wrong and what to do.
            pub const fn message(self) -> &'static str { match self { $(Self::$Refuses(refusal) => refusal.message(),)+ } }
        }

        /// The tables of the read models.
        #[expect(non_camel_case_types, reason = "a table's name is written as the .sql writes it")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Table { $($(#[doc = concat!("Of `", stringify!($module), "`.")] $table,)*)+ }

        impl Table {
            /// Every table.
            pub const ALL: &'static [Table] = &[$($(Table::$table,)*)+];
            /// Its name in the `.sql`.
            pub const fn name(self) -> &'static str { match self { $($(Self::$table => stringify!($table),)*)+ } }
            /// The projection (the `.sql` file) that it belongs to.
            pub const fn projection(self) -> &'static str { match self { $($(Self::$table => stringify!($module),)*)+ } }
            /// Its columns beside the fixed ones.
            pub const fn columns(self) -> &'static [(&'static str, row::Type)] { match self { $($(Self::$table => <$row as row::Row>::COLUMNS,)*)+ } }
            /// The rule by which its rows are seen.
            pub const fn thing(self) -> sight::Thing { match self { $($(Self::$table => <$row as row::Row>::THING,)*)+ } }
            /// The prefix of its keys.
            pub const fn prefix(self) -> &'static str { match self { $($(Self::$table => <<$row as row::Row>::Id as id::Id>::PREFIX,)*)+ } }
            /// What is wrong with this document, if it is no row of this table; else the row for people.
            pub fn show(self, document: &[u8]) -> Result<String, postcard::Error> {
                match self { $($(Self::$table => <$row as row::Row>::from_document(document).map(|row| format!("{row:?}")),)*)+ }
            }
        }

        /// The projections: one a feature that has rows; a name and a version that grows when a fold's meaning changes.
        pub const PROJECTIONS: &[(&str, u32)] = &[$((stringify!($module), $version)),+];

        /// The rows of one log, as far as they are loaded.
        #[derive(Debug, Default)]
        pub struct Rows { pub(crate) noted: Option<Vec<row::Noted>>, $($(pub(crate) $table: row::Slots<$row>,)*)+ }

        impl Rows {
            /// Keeps a row that was loaded, or that there is none.
            pub fn load(&mut self, table: Table, id: uuid::Uuid, document: Option<&[u8]>) -> Result<(), postcard::Error> {
                match table { $($(Table::$table => self.$table.load(id, document),)*)+ }
            }
            /// Whether the key was loaded.
            pub fn knows(&self, table: Table, id: uuid::Uuid) -> bool { match table { $($(Table::$table => self.$table.get(id).is_some(),)*)+ } }
            /// What changed since the last call, table by table.
            pub fn take_changes(&mut self, mut each: impl FnMut(Table, uuid::Uuid, Option<row::Written>)) -> Result<(), postcard::Error> {
                $($(for (id, written) in self.$table.take_changes()? { each(Table::$table, id, written); })*)+
                Ok(())
            }
            /// About how many bytes these rows take.
            pub fn bytes(&self) -> usize { [$($(self.$table.bytes(),)*)+].into_iter().fold(0, usize::saturating_add) }
        }
    };
}
pub(crate) use features;
