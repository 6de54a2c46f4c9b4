//! Importing coachees: what becomes of each row of a file (S1.29's decision, promise H5).

use std::collections::HashMap;

use app::App;
use app::import::{Fault, Line, Newcomer, Sheet};
use app::tokens::Kind;
use async_graphql::{Context, Enum, InputObject, SimpleObject};
use domain::access::{Answer, Deed};
use domain::account::Right;
use domain::coachee::{self, AddCoachee, ImportCoachees};
use domain::id::{CoacheeId, CommandId, Id as _, PracticeId};
use domain::text::Email;

use super::Coachee;
use crate::inviting::Inviting;
use crate::scalars::{Id, Position};
use crate::words::{Result, UserError, app, error, view, viewer};

/// What is done where rows cannot be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum OnBadRows {
    /// Nobody is added.
    RefuseAll,
    /// The others are added.
    Skip,
}

/// Adds the coachees of a file.
#[derive(InputObject)]
pub struct ImportCoacheesInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// The file's text: comma-separated values, the first line names the columns.
    csv: String,
    /// Whether only to report: then nothing is changed.
    dry_run: bool,
    /// What is done where rows cannot be imported. Who is there already is no bad row.
    #[graphql(default_with = "OnBadRows::RefuseAll")]
    on_bad_rows: OnBadRows,
    /// Whether everybody who is added is invited at once.
    #[graphql(default)]
    send_invitations: bool,
}

/// What became of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub enum ImportOutcome {
    /// The coachee was added.
    Added,
    /// The coachee would be added: this was a dry run, or other rows are bad.
    WouldBeAdded,
    /// A coachee of the practice has this address already. Nothing is changed for them.
    ExistsAlready,
    /// An earlier row has the same address.
    DuplicateInFile,
    /// No address, or one that mail cannot be sent to.
    BadEmail,
    /// No first name.
    MissingName,
    /// A name or an address that is too long.
    TooLong,
    /// Line breaks or control characters in a name or an address.
    Unprintable,
    /// More cells than the first line names.
    TooManyCells,
}

impl From<Fault> for ImportOutcome {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::NoName => Self::MissingName,
            Fault::NoEmail => Self::BadEmail,
            Fault::TooLong => Self::TooLong,
            Fault::Unprintable => Self::Unprintable,
            Fault::TooManyCells => Self::TooManyCells,
            Fault::Duplicate => Self::DuplicateInFile,
        }
    }
}

/// A row of an imported file.
#[derive(SimpleObject)]
pub struct ImportRow {
    /// The line of the file on which it begins; the first is 1.
    line: u32,
    /// The address as it stands there.
    email: String,
    /// What became of it.
    outcome: ImportOutcome,
    /// What is wrong with it, in words.
    message: Option<String>,
    /// The coachee whom it added, or who has its address already, where the viewer sees them.
    coachee: Option<Coachee>,
}

/// What became of an import.
#[derive(Default, SimpleObject)]
pub struct ImportPayload {
    /// Every row that is not empty, in the order of the file. There may be a thousand.
    #[graphql(complexity = "1_000 * child_complexity + 1")]
    rows: Vec<ImportRow>,
    /// Columns that mean nothing here, and were passed over.
    ignored_columns: Vec<String>,
    /// How many were added; in a dry run, how many would be.
    added: u32,
    /// The log's position since. Nothing in a dry run, and where the import was refused.
    position: Option<Position>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

pub(super) async fn import(ctx: &Context<'_>, input: ImportCoacheesInput) -> Result<Option<ImportPayload>> {
    let (app, practice) = (app(ctx)?, input.practice_id.0);
    viewer(ctx)?.reach(practice, Right::Write)?;
    let now = view(ctx, practice, None).await?;
    let answer = now.rights_here().await.map_err(error)?.answer(Deed::AddCoachee);
    // Nobody waits for a connection to read with who holds one: enough who did would wait for each other.
    drop(now);
    match answer {
        Answer::Yes => {}
        Answer::No => return Err(error(app::Error::Forbidden)),
        Answer::Unseen => return Err(error(app::Error::NotFound)),
    }
    let sheet = match app::import::read(&input.csv) {
        Ok(sheet) => sheet,
        Err(refusal) => {
            let errors = vec![UserError::at("csv", refusal)];
            return Ok(Some(ImportPayload { errors, ..ImportPayload::default() }));
        }
    };
    let is_bad = input.on_bad_rows == OnBadRows::RefuseAll && sheet.rows.iter().any(|line| line.read.is_err());
    if input.dry_run {
        return report(ctx, (practice, None), sheet, None).await.map(Some);
    }
    if is_bad {
        let refused = UserError::at("csv", coachee::Refusal::ImportHasBadRows.into());
        let report = report(ctx, (practice, None), sheet, None).await?;
        return Ok(Some(ImportPayload { added: 0, errors: vec![refused], ..report }));
    }
    let inviting = Inviting::begin(ctx, practice, Kind::CoacheeInvitation)?;
    let command = inviting.command;
    let newcomers = sheet.rows.iter().filter_map(|line| Some((line.number, line.read.as_ref().ok()?)));
    let add = |(number, newcomer): (u64, &Newcomer)| {
        let Newcomer { first_name, last_name, email } = newcomer.clone();
        let invitation = input.send_invitations.then(|| inviting.to(&email));
        AddCoachee { coachee: of_row(command, number), first_name, last_name, email, invitation }
    };
    let coachees: Vec<AddCoachee> = newcomers.map(add).collect();
    let counted =
        if input.send_invitations { counted(&inviting, (app, practice), &coachees).await? } else { Vec::new() };
    let done = match inviting.run(ctx, ImportCoachees { practice, coachees }, &counted).await? {
        Ok(done) => done,
        Err(refused) => return Ok(Some(ImportPayload { errors: vec![refused], ..ImportPayload::default() })),
    };
    let report = report(ctx, (practice, Some(done.position)), sheet, Some(done.command)).await?;
    Ok(Some(ImportPayload { position: Some(Position(done.position)), ..report }))
}

/// The addresses to which invitations are sent, which count by now: who is there already is passed over, and sent none.
///
/// # Errors
/// `RATE_LIMITED` where to one of them none may be sent. Then none counts.
async fn counted(
    inviting: &Inviting<'_>,
    (app, practice): (&App, PracticeId),
    coachees: &[AddCoachee],
) -> Result<Vec<Email>> {
    let known = app.coachees_by_email(practice, coachees.iter().map(|new| &new.email)).await.map_err(error)?;
    let (mut counted, mut too_often) = (Vec::new(), None);
    for new in coachees.iter().filter(|new| !known.contains_key(&new.email)) {
        if inviting.may_send(&new.email) {
            counted.push(new.email.clone());
        } else {
            too_often.get_or_insert(&new.email);
        }
    }
    if let Some(email) = too_often
        && let Err(limited) = inviting.only_repeats(email).await
    {
        for email in &counted {
            inviting.take_off(email);
        }
        return Err(limited);
    }
    Ok(counted)
}

/// The id of the coachee whom a command adds for a row: the same when it is repeated.
fn of_row(command: CommandId, number: u64) -> CoacheeId {
    CoacheeId::of(uuid::Uuid::new_v5(&command.uuid(), format!("coachee of line {number}").as_bytes()))
}

/// What became of each row by a command that was done, at this position at least; without one, what would.
async fn report(
    ctx: &Context<'_>,
    (practice, at_least): (PracticeId, Option<u64>),
    sheet: Sheet,
    command: Option<CommandId>,
) -> Result<ImportPayload> {
    let emails = sheet.rows.iter().filter_map(|line| line.read.as_ref().ok().map(|newcomer| &newcomer.email));
    let known = app(ctx)?.coachees_by_email(practice, emails).await.map_err(error)?;
    let view = &view(ctx, practice, at_least).await?;
    let told: Vec<_> = sheet.rows.into_iter().map(|line| (outcome(&line, &known, command), line)).collect();
    let ids: Vec<CoacheeId> = told.iter().filter_map(|((_, coachee), _)| *coachee).collect();
    let rows = view.many::<coachee::Coachee>(&ids).await.map_err(error)?;
    let mut seen: HashMap<CoacheeId, coachee::Coachee> = rows.into_iter().map(|row| (row.id, row)).collect();
    let row = |((outcome, coachee), line): ((ImportOutcome, Option<CoacheeId>), Line)| ImportRow {
        line: u32::try_from(line.number).unwrap_or(u32::MAX),
        email: line.email,
        outcome,
        message: line.read.err().map(|fault| fault.message().to_owned()),
        coachee: coachee.and_then(|id| seen.remove(&id)).map(|row| Coachee::new(view, row)),
    };
    let rows: Vec<ImportRow> = told.into_iter().map(row).collect();
    let is_added = |row: &&ImportRow| matches!(row.outcome, ImportOutcome::Added | ImportOutcome::WouldBeAdded);
    let added = u32::try_from(rows.iter().filter(is_added).count()).unwrap_or(u32::MAX);
    Ok(ImportPayload { rows, ignored_columns: sheet.ignored, added, ..ImportPayload::default() })
}

/// What became of a row, and the coachee whom it means.
fn outcome(
    line: &Line,
    known: &HashMap<Email, CoacheeId>,
    command: Option<CommandId>,
) -> (ImportOutcome, Option<CoacheeId>) {
    let newcomer = match &line.read {
        Ok(newcomer) => newcomer,
        Err(fault) => return ((*fault).into(), None),
    };
    let own = command.map(|command| of_row(command, line.number));
    match (known.get(&newcomer.email).copied(), own) {
        (Some(there), own) if own != Some(there) => (ImportOutcome::ExistsAlready, Some(there)),
        // Whoever has no such address by now was added all the same, and has another one or was erased since.
        (_, Some(own)) => (ImportOutcome::Added, Some(own)),
        (_, None) => (ImportOutcome::WouldBeAdded, None),
    }
}
