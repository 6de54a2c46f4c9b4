//! Reading a file of coachees (H5): comma-separated values, row by row, into people or what is wrong with them.
//!
//! Files come from spreadsheets: with a byte-order mark or none, any line ends, commas, semicolons or tabs, quotes where
//! a cell needs them. The first line names the columns, in words that are compared without case, spaces and signs. A cell
//! is text and nothing else: one that a spreadsheet would take for a formula is kept letter for letter.

use std::collections::{BTreeSet, HashMap};

use domain::Refusal;
use domain::coachee::{self, CoacheeEmail, IMPORT_MAX};
use domain::id::{CoacheeId, LogId, PracticeId};
use domain::text::{self, Email, LastName, Name, Text};

use crate::{App, Error};

/// A file as it was read.
#[derive(Debug)]
pub struct Sheet {
    /// Its rows without the first one, and without those that are empty.
    pub rows: Vec<Line>,
    /// The names of the columns that mean nothing here.
    pub ignored: Vec<String>,
}

/// A row of it.
pub struct Line {
    /// The line of the file on which it begins; the first is 1.
    pub number: u64,
    /// The address as it stands there.
    pub email: String,
    /// Whom it names, or what is wrong with it.
    pub read: Result<Newcomer, Fault>,
}

domain::hidden!(Line);

/// Somebody to be added.
#[derive(Debug, Clone)]
pub struct Newcomer {
    /// Required.
    pub first_name: Name,
    /// May be empty.
    pub last_name: LastName,
    /// Once in a file.
    pub email: Email,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// No first name.
    NoName,
    /// No address, or one that mail cannot be sent to.
    NoEmail,
    /// A name or an address is longer than it may be.
    TooLong,
    /// Control characters or line breaks in a name or an address.
    Unprintable,
    /// More cells than there are columns.
    TooManyCells,
    /// An earlier row has the same address.
    Duplicate,
}

impl Fault {
    /// What is wrong, and what to do.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoName => "The first name is missing.",
            Self::NoEmail => "This is not an email address that mail can be sent to.",
            Self::TooLong => "The name or the email address is too long.",
            Self::Unprintable => {
                "The name or the email address holds line breaks or control characters. Is a quote missing?"
            }
            Self::TooManyCells => {
                "The row has more cells than the first line names. Put quotes around a cell that holds the separator."
            }
            Self::Duplicate => "An earlier row of the file has the same email address.",
        }
    }
}

/// Where the columns are that mean something.
struct Columns {
    names: Names,
    email: usize,
    count: usize,
}

/// Where names are.
enum Names {
    /// In columns of their own; a last name may be missing.
    Two(usize, Option<usize>),
    /// In one: the first word is the first name.
    One(usize),
}

/// A column's name as it is compared: letters and digits, in lower case.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Columns {
    fn of(header: &csv::StringRecord) -> Result<(Self, Vec<String>), Refusal> {
        let names: Vec<String> = header.iter().map(plain).collect();
        let find = |known: &[&str]| names.iter().position(|name| known.contains(&name.as_str()));
        let email = find(&["email", "emailaddress", "mail", "mailaddress", "emails"]);
        let first = find(&["firstname", "first", "givenname", "forename"]);
        let last = find(&["lastname", "last", "surname", "familyname"]);
        let whole = find(&["name", "fullname", "coachee", "client"]);
        let of_names = match (first, whole) {
            (Some(first), _) => Some(Names::Two(first, last)),
            (None, Some(whole)) => Some(Names::One(whole)),
            (None, None) => None,
        };
        let (Some(email), Some(of_names)) = (email, of_names) else {
            return Err(coachee::Refusal::ImportHasNoColumns.into());
        };
        let mut used = BTreeSet::from([email]);
        match of_names {
            Names::Two(first, last) => used.extend([first].into_iter().chain(last)),
            Names::One(whole) => used.extend([whole]),
        }
        let ignored =
            header.iter().enumerate().filter(|(place, name)| !used.contains(place) && !name.trim().is_empty());
        let ignored = ignored.map(|(_, name)| name.trim().to_owned()).collect();
        Ok((Self { names: of_names, email, count: header.len() }, ignored))
    }

    fn read(&self, row: &csv::StringRecord) -> Result<Newcomer, Fault> {
        if row.iter().skip(self.count).any(|cell| !cell.trim().is_empty()) {
            return Err(Fault::TooManyCells);
        }
        let cell = |place: usize| row.get(place).unwrap_or_default();
        let (first_name, last_name) = match self.names {
            Names::Two(first, last) => (cell(first), last.map_or("", cell)),
            Names::One(whole) => {
                let whole = cell(whole).trim();
                whole.split_once(char::is_whitespace).unwrap_or((whole, ""))
            }
        };
        Ok(Newcomer {
            first_name: parsed(first_name, Fault::NoName)?,
            last_name: parsed(last_name, Fault::NoName)?,
            email: parsed(cell(self.email), Fault::NoEmail)?,
        })
    }
}

fn parsed<T: Text>(cell: &str, otherwise: Fault) -> Result<T, Fault> {
    let faults = [(text::Refusal::TooLong, Fault::TooLong), (text::Refusal::Unprintable, Fault::Unprintable)];
    T::parse(cell).map_err(|refusal| {
        let known = faults.into_iter().find(|(known, _)| Refusal::from(*known) == refusal);
        known.map_or(otherwise, |(_, fault)| fault)
    })
}

/// The sign that divides the cells of the first line: of those that it holds outside quotes the most frequent one.
fn separator(csv: &str) -> u8 {
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0)];
    let mut quoted = false;
    for byte in csv.bytes() {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' | b'\r' if !quoted => break,
            _ if quoted => {}
            _ => {
                if let Some((_, count)) = counts.iter_mut().find(|(sign, _)| *sign == byte) {
                    *count += 1;
                }
            }
        }
    }
    // The first of those that are equally frequent.
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(sign, _)| sign)
}

/// Reads a file.
///
/// # Errors
/// Where its first line does not name what is needed, or it has more rows than are imported at once.
pub fn read(csv: &str) -> Result<Sheet, Refusal> {
    let no_columns = || Refusal::from(coachee::Refusal::ImportHasNoColumns);
    let whole = csv.strip_prefix('\u{feff}').unwrap_or(csv);
    let csv = whole.trim_start_matches(['\r', '\n']);
    let above = line_ends(whole.strip_suffix(csv).unwrap_or_default().as_bytes());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(separator(csv))
        .has_headers(false)
        .flexible(true)
        .from_reader(csv.as_bytes());
    let mut records = reader.records();
    let header = records.next().and_then(Result::ok).ok_or_else(no_columns)?;
    let (columns, ignored) = Columns::of(&header)?;
    let (mut rows, mut seen, mut lines) = (Vec::new(), BTreeSet::new(), Lines { counted: 0, line: above + 1 });
    for record in records {
        // The text is a string already, and rows may be of any length: nothing is left that could fail.
        let record = record.map_err(|_| no_columns())?;
        if record.iter().all(|cell| cell.trim().is_empty()) {
            continue;
        }
        if rows.len() == IMPORT_MAX {
            return Err(coachee::Refusal::ImportIsTooLong.into());
        }
        let read = columns.read(&record).and_then(|newcomer| {
            if seen.insert(newcomer.email.clone()) { Ok(newcomer) } else { Err(Fault::Duplicate) }
        });
        let number = lines.at(csv, record.position().map_or(0, csv::Position::byte));
        let email = record.get(columns.email).unwrap_or_default().trim().to_owned();
        rows.push(Line { number, email, read });
    }
    Ok(Sheet { rows, ignored })
}

/// How many lines end here, whatever ends them.
fn line_ends(passed: &[u8]) -> u64 {
    let is_end = |(place, sign): (usize, &u8)| match sign {
        b'\n' => true,
        b'\r' => passed.get(place + 1) != Some(&b'\n'),
        _ => false,
    };
    passed.iter().enumerate().filter(|it| is_end(*it)).count() as u64
}

/// Counts lines, whatever ends them. (The reader's own count is one behind where a line ends with two signs.)
struct Lines {
    counted: usize,
    line: u64,
}

impl Lines {
    /// The line of the row that begins at this byte, or after the end of a line that lies there. Rows are asked for in order.
    fn at(&mut self, csv: &str, byte: u64) -> u64 {
        let begins = usize::try_from(byte).unwrap_or(usize::MAX).clamp(self.counted, csv.len());
        let ends = csv.as_bytes()[begins..].iter().take_while(|sign| matches!(sign, b'\r' | b'\n')).count();
        let passed = &csv.as_bytes()[self.counted..begins + ends];
        self.line += line_ends(passed);
        self.counted = begins + ends;
        self.line
    }
}

impl App {
    /// Which coachees of a practice have these addresses. To whoever may add coachees, adding says the same.
    ///
    /// # Errors
    /// The store's.
    pub async fn coachees_by_email(
        &self,
        practice: PracticeId,
        emails: impl IntoIterator<Item = &Email>,
    ) -> Result<HashMap<Email, CoacheeId>, Error> {
        let log = LogId::Practice(practice);
        let emails: Vec<&Email> = emails.into_iter().collect();
        let Some((mut snapshot, _)) = self.snapshot_of(log).await? else { return Ok(HashMap::new()) };
        let keys: Vec<_> = emails.iter().map(|email| coachee::email_key(email)).collect();
        let rows = self.inner.rows_of::<CoacheeEmail>(&mut snapshot, log, &keys).await?;
        snapshot.close().await?;
        let found: HashMap<_, _> = rows.into_iter().map(|row| (row.id, row.coachee)).collect();
        let known = emails.into_iter().zip(keys);
        Ok(known.filter_map(|(email, key)| Some((email.clone(), *found.get(&key)?))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(csv: &str) -> Vec<(u64, Result<String, Fault>)> {
        let people = read(csv).unwrap().rows.into_iter().map(|line| {
            let person = line
                .read
                .map(|it| format!("{}|{}|{}", it.first_name.as_str(), it.last_name.as_str(), it.email.as_str()));
            (line.number, person)
        });
        people.collect()
    }

    #[test]
    fn files_of_spreadsheets_are_read_as_they_come() {
        let expected =
            [(2, Ok("Robin|Reed|robin@coachee.example".to_owned())), (3, Ok("Kim||kim@coachee.example".to_owned()))];
        for csv in [
            "first name,last name,email\nRobin,Reed,robin@coachee.example\nKim,,kim@coachee.example",
            "\u{feff}First Name;Last Name;E-Mail\r\nRobin;Reed;ROBIN@coachee.example\r\nKim;;kim@coachee.example\r\n",
            "EMAIL ADDRESS\tSurname\tGiven name\nrobin@coachee.example\tReed\tRobin\nkim@coachee.example\t\tKim\n\n",
            "\"Name\",\"E-mail\"\n\"Robin Reed\",\"robin@coachee.example\"\nKim,kim@coachee.example\n , \n",
            "first_name,email,last,Room; floor\rRobin,robin@coachee.example,Reed,\"4;\"\"a\"\"\nb\"\rKim,kim@coachee.example",
        ] {
            let numbered: Vec<_> = told(csv);
            let people: Vec<_> = numbered.iter().map(|(_, person)| person.clone()).collect();
            assert_eq!(people, expected.iter().map(|(_, person)| person.clone()).collect::<Vec<_>>(), "{csv}");
            assert_eq!(numbered[0].0, 2, "{csv}");
        }
        let sheet = read("first name,Room,email,\nRobin,4,robin@coachee.example,\n").unwrap();
        assert_eq!(sheet.ignored, ["Room"]);
    }

    #[test]
    fn rows_say_what_is_wrong_with_them() {
        let long = "x".repeat(201);
        let csv = format!(
            "first name,last name,email\n,Reed,a@coachee.example\nKim,,nobody\nKim,,\n{long},,b@coachee.example\n\
             Lee,,lee@coachee.example,more\nLee,,lee@coachee.example,\n\"Lee\n\",\"x\ny\",c@coachee.example\nLEE,,LEE@coachee.example\n\
             =1+1,@x,d@coachee.example\nShort"
        );
        let expected = [
            (2, Err(Fault::NoName)),
            (3, Err(Fault::NoEmail)),
            (4, Err(Fault::NoEmail)),
            (5, Err(Fault::TooLong)),
            (6, Err(Fault::TooManyCells)),
            (7, Ok("Lee||lee@coachee.example".to_owned())),
            (8, Err(Fault::Unprintable)),
            (11, Err(Fault::Duplicate)),
            (12, Ok("=1+1|@x|d@coachee.example".to_owned())),
            (13, Err(Fault::NoEmail)),
        ];
        assert_eq!(told(&csv), expected);
        // Lines are counted from the first of the file, also where it begins with empty ones.
        for above in ["\n\n", "\r\n\r\n", "\r\r", "\u{feff}\r\n\n"] {
            let csv = format!("{above}first name,email\nKim,nobody");
            assert_eq!(told(&csv), [(4, Err(Fault::NoEmail))], "{csv:?}");
        }
    }

    #[test]
    fn files_that_are_none_and_files_that_are_too_long_are_refused() {
        let code = |csv: &str| read(csv).map(|_| ()).map_err(Refusal::code);
        for csv in ["", "\u{feff}", "\n\n", "Robin,Reed,robin@coachee.example", "email\nrobin@coachee.example", "a;b\n"]
        {
            assert_eq!(code(csv), Err("IMPORT_HAS_NO_COLUMNS"), "{csv}");
        }
        let rows = |count: usize| {
            let rows: Vec<String> = (0..count).map(|number| format!("P,p{number}@coachee.example")).collect();
            format!("first name,email\n{}\n", rows.join("\n"))
        };
        assert_eq!(code(&rows(IMPORT_MAX)), Ok(()));
        assert_eq!(code(&rows(IMPORT_MAX + 1)), Err("IMPORT_IS_TOO_LONG"));
        // A quote that never ends swallows what follows it; that row says so.
        assert_eq!(told("first name,email\n\"Robin,robin@coachee.example\nKim,kim@coachee.example\n").len(), 1);
    }
}
