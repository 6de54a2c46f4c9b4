//! A watch: one viewer's eyes on a practice, from a position on, and what they are to be told.
//!
//! The viewer's scope is kept for as long as no event moves it ([`domain::sight::Move`]); then it is looked at anew, and
//! whoever has lost the portal, or sight of the one thing that they follow, is told nothing more. Every watch hears all
//! that this node has heard before it tells anything, so that nobody is told under a sight that is known to be over.
//!
//! What is told of rows is their present state: what happened several times before it could be told is told once. A watch
//! that catches up hears the log to its end first, keeps of each event which rows it changed, and no more than
//! [`ROWS_MAX`] of them; who was away for longer than [`REPLAY_MAX`] events loads anew, which costs less than the replay.

use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use domain::account::Portal;
use domain::coachee;
use domain::entry::To;
use domain::id::{CoacheeId, ConversationId, Id as _, LogId, PersonId, PracticeId, SessionId, Subject};
use domain::sight::{Move, Scope, Sees, Side, Thing};
use domain::{Event, Table};
use tokio::time::{Instant, Sleep};
use uuid::Uuid;

use crate::follow::{Follower, Part};
use crate::passage::{Heard, Line, Passage};
use crate::readings::OneByOne;
use crate::{App, Error, Reader, View};

/// Whoever was away for more events than this is asked to load again.
pub const REPLAY_MAX: u64 = 10_000;
/// Whoever missed changes of more rows than this is asked to load again.
pub const ROWS_MAX: usize = 500;
/// How many events wait to be told one by one, beyond those that came at once.
const WAITING_MAX: usize = 256;
/// How many bytes of their records do.
const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long a sight is used while there may be news that was not heard.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What of a practice is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Focus {
    /// All that the viewer sees.
    All,
    /// What is about one coachee.
    Coachee(CoacheeId),
    /// One session with a coachee.
    Session(SessionId, CoacheeId),
    /// One conversation with a coachee.
    Conversation(ConversationId, CoacheeId),
}

impl Focus {
    fn is_about(self, subject: Subject) -> bool {
        self.coachee().is_none_or(|coachee| subject == coachee.into())
    }

    /// The coachee whose things alone are followed.
    const fn coachee(self) -> Option<CoacheeId> {
        match self {
            Self::All => None,
            Self::Coachee(coachee) | Self::Session(_, coachee) | Self::Conversation(_, coachee) => Some(coachee),
        }
    }
}

/// A viewer who follows a practice.
#[derive(Debug)]
pub struct Watch {
    app: App,
    focus: Focus,
    reader: Reader,
    scope: Arc<Scope>,
    follower: Follower,
    /// Until when the next events are waited for.
    patience: Pin<Box<Sleep>>,
    /// Where the viewer has to load again, since they were away for too long.
    begins_anew: Option<u64>,
    /// Events that wait to be told one by one.
    entries: VecDeque<Part>,
    looked_at: Instant,
    /// The position at which it was.
    looked_upto: u64,
}

/// What is to be told.
#[derive(Debug)]
pub enum News {
    /// The viewer has to load again, at least this position.
    Anew(u64),
    /// These rows changed, or came into sight or left it.
    Rows {
        /// Their present state.
        view: View,
        /// Which.
        rows: Vec<Row>,
        /// What is there no more for this viewer, though its row may be.
        gone: Vec<Gone>,
    },
}

/// A row that changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where it lies.
    pub table: Table,
    /// Its key.
    pub id: Uuid,
    /// Whether the viewer may know that it was there, so that they are told when it is not any more. Else it is another's,
    /// who may have shared it: it is shown if they have, and not spoken of if they have not.
    pub is_known: bool,
}

/// Something that has left the viewer's sight whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// A coachee, with everything about them.
    Coachee(CoacheeId),
    /// A coach.
    Coach(PersonId),
}

/// What was heard and may concern the viewer.
#[derive(Default)]
struct Gathered {
    news: Vec<Part>,
    has_history: bool,
    /// Whether somebody was forgotten: rows that were loaded before may be theirs.
    forgets: bool,
    rows: Vec<Changed>,
    moves: Vec<Move>,
    /// Coachees who came into being: all that there is of them is told here.
    added: Vec<Subject>,
}

/// A row that an event changed, with what decides who may learn of it.
#[derive(PartialEq, Eq)]
struct Changed {
    row: (Table, Uuid),
    of: (Subject, Option<PersonId>),
    sees: Thing,
    to: To,
}

impl App {
    /// Watches a practice through one of its portals, from the event after a position; without one, from now on.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the viewer has no such portal; [`Error::BadRequest`] for a position that is yet to come.
    pub async fn watch(
        &self,
        reader: &Reader,
        practice: PracticeId,
        portal: Portal,
        after: Option<u64>,
    ) -> Result<Watch, Error> {
        let view = self.view(reader, practice, portal, after).await?;
        let after = after.unwrap_or(view.position);
        let follower = self.follow_one(LogId::Practice(practice), view.scope.one(), after);
        let begins_anew = (view.position - after > REPLAY_MAX).then_some(view.position);
        Ok(Watch {
            app: self.clone(),
            focus: Focus::All,
            reader: reader.clone(),
            scope: view.scope.clone(),
            follower,
            patience: Box::pin(tokio::time::sleep_until(Instant::now())),
            begins_anew,
            entries: VecDeque::new(),
            looked_at: Instant::now(),
            looked_upto: view.position,
        })
    }
}

impl Watch {
    /// The position up to which everything was told.
    pub fn position(&self) -> u64 {
        self.follower.position()
    }

    /// Looks at the practice as it is now.
    ///
    /// # Errors
    /// [`Error::Forbidden`] where the viewer has lost the portal, or sight of what they follow.
    pub async fn look(&mut self) -> Result<View, Error> {
        let Scope { practice, .. } = *self.scope;
        // Whoever was told something may hold that view still.
        let reader = Reader { looks: OneByOne::default(), ..self.reader.clone() };
        let view = match self.app.view(&reader, practice, self.scope.side.portal(), None).await {
            Err(Error::NotFound) => return Err(Error::Forbidden),
            other => other?,
        };
        let was_one = self.scope.one();
        (self.scope, self.looked_at, self.looked_upto) = (view.scope.clone(), Instant::now(), view.position);
        self.reader.looked.renew(&self.scope, self.looked_upto);
        if self.scope.one() != was_one {
            self.follower = self.app.follow_one(self.log(), self.scope.one(), self.follower.position());
        }
        let profile = self.scope.sees(Thing::Profile);
        match self.focus.coachee() {
            Some(coachee) if !profile.row(coachee.into(), None, false) => Err(Error::Forbidden),
            Some(_) | None => Ok(view),
        }
    }

    /// Follows what is about one coachee only.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the viewer does not see them.
    pub async fn of_coachee(mut self, coachee: CoacheeId) -> Result<Self, Error> {
        self.look().await?.one::<domain::coachee::Coachee>(coachee).await?.ok_or(Error::NotFound)?;
        self.focus = Focus::Coachee(coachee);
        Ok(self)
    }

    /// Follows one session only.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the viewer does not see it.
    pub async fn of_session(mut self, session: SessionId) -> Result<Self, Error> {
        let row = self.look().await?.one::<domain::session::Session>(session).await?.ok_or(Error::NotFound)?;
        self.focus = Focus::Session(session, row.coachee);
        Ok(self)
    }

    /// Follows one conversation only.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the viewer does not see it.
    pub async fn of_conversation(mut self, conversation: ConversationId) -> Result<Self, Error> {
        let row = self.look().await?.one::<domain::message::Conversation>(conversation).await?;
        self.focus = Focus::Conversation(conversation, row.ok_or(Error::NotFound)?.coachee);
        Ok(self)
    }

    /// What is followed.
    pub const fn focus(&self) -> Focus {
        self.focus
    }

    /// What the viewer is to be told next; `None` where there is nothing until then.
    ///
    /// # Errors
    /// [`Error::Forbidden`] ends the watch, as in [`Watch::look`].
    pub async fn next(&mut self, until: Instant) -> Result<Option<News>, Error> {
        if let Some(position) = self.begins_anew.take() {
            return Ok(Some(self.begin_anew(position)));
        }
        loop {
            let Some(part) = self.part(until).await? else { return Ok(self.nothing()) };
            let mut gathered = Gathered::default();
            // What follows is boxed here and below: of thousands who wait, few are told something at a time.
            Box::pin(self.gather_all(part, &mut gathered)).await?;
            if let Some(news) = Box::pin(self.tell(gathered)).await? {
                return Ok(Some(news));
            }
            if Instant::now() >= until {
                return Ok(self.nothing());
            }
        }
    }

    /// The next entry of the activity log that the viewer may review; `None` where there is none until then.
    ///
    /// # Errors
    /// [`Error::Forbidden`] ends the watch, as in [`Watch::look`].
    pub async fn next_entry(&mut self, until: Instant) -> Result<Option<Line>, Error> {
        loop {
            Box::pin(self.hear_what_is_there()).await?;
            if let Some(entry) = Box::pin(self.pop_entry()).await? {
                return Ok(Some(entry));
            }
            if Instant::now() >= until {
                return Ok(self.nothing());
            }
            let Some(part) = self.part(until).await? else { return Ok(self.nothing()) };
            Box::pin(self.keep(part)).await?;
        }
    }

    /// The next events; nothing where none come until then.
    async fn part(&mut self, until: Instant) -> Result<Option<Part>, Error> {
        // Put off and not made anew: that takes no lock of the timers', where thousands are told something at once.
        if self.patience.deadline() != until {
            self.patience.as_mut().reset(until);
        }
        tokio::select! {
            biased;
            part = self.follower.part() => part.map(Some),
            () = &mut self.patience => Ok(None),
        }
    }

    fn log(&self) -> LogId {
        LogId::Practice(self.scope.practice)
    }

    /// Nothing to tell, up to as far as the log is known: nobody who was forgotten up to there is shown.
    fn nothing<T>(&mut self) -> Option<T> {
        self.follower.rest();
        self.reader.looked.renew(&self.scope, self.follower.position().max(self.looked_upto));
        None
    }

    /// From this position on, whatever was before it.
    fn begin_anew(&mut self, position: u64) -> News {
        self.follower = self.app.follow_one(self.log(), self.scope.one(), position);
        News::Anew(position)
    }

    /// Notes what of a part, and of those that have come by now, may concern the viewer.
    async fn gather_all(&mut self, first: Part, gathered: &mut Gathered) -> Result<(), Error> {
        self.gather(first, gathered).await?;
        while let Some(part) = self.follower.part_by_now().await? {
            self.gather(part, gathered).await?;
        }
        Ok(())
    }

    /// Notes what of a part may concern the viewer.
    async fn gather(&self, part: Part, gathered: &mut Gathered) -> Result<(), Error> {
        let heard = self.app.hear(self.log(), &part.passage).await?;
        let mut rules = Rules::of(&self.scope);
        for it in heard.iter().skip(part.from).flatten() {
            let when = &it.happened.when;
            if let Some(moved) = self.scope.moved_by(&it.happened.event, when) {
                gathered.moves.push(moved);
            }
            gathered.forgets |= it.happened.event.forgets().is_some();
            if let Event::Coachee(coachee::Event::Added { .. }) = &it.happened.event {
                gathered.added.push(when.subject);
            }
            // No access says any more whether a coach had seen somebody who was erased before their sight was looked at.
            if let (Event::Coachee(coachee::Event::Erased { .. }), Side::Coach(_), true) =
                (&it.happened.event, &self.scope.side, when.seq <= self.looked_upto)
            {
                gathered.moves.push(Move::All);
            }
            // The event is about the practice; and no move takes from owner and managers what is there no more.
            if let Event::Coachee(coachee::Event::Erased { coachee, .. }) = &it.happened.event
                && self.focus.coachee() == Some(*coachee)
            {
                return Err(Error::Forbidden);
            }
            if !self.focus.is_about(when.subject) || gathered.rows.len() > ROWS_MAX {
                continue;
            }
            let is_new = gathered.added.contains(&when.subject);
            for row in it.touched.iter().filter(|row| may_be_shown(row.0)) {
                let event = &it.happened.event;
                let of = (when.subject, when.owner);
                let changed = Changed { row: *row, of, sees: event.sees(), to: event.to() };
                if (is_new || rules.show(&changed)) && !gathered.rows.contains(&changed) {
                    gathered.rows.push(changed);
                }
            }
        }
        if part.is_news {
            gathered.news.push(part);
        } else {
            gathered.has_history = true;
        }
        Ok(())
    }

    /// What of it the viewer is told, under their sight as it is now.
    async fn tell(&mut self, gathered: Gathered) -> Result<Option<News>, Error> {
        if gathered.rows.is_empty() && gathered.moves.is_empty() {
            return Ok(None);
        }
        if gathered.rows.len() > ROWS_MAX {
            let position = self.look().await?.position;
            return Ok(Some(self.begin_anew(position)));
        }
        let view = match self.view_of_news(&gathered).await? {
            Some(view) => view,
            None => self.look().await?,
        };
        let (mut rows, mut gone) = (Vec::new(), Vec::new());
        for moved in &gathered.moves {
            match self.told_of_move(*moved, &view, &gathered.added).await? {
                Told::Anew => return Ok(Some(News::Anew(view.position))),
                Told::Row(row) => rows.push(row),
                Told::Gone(it) if !gone.contains(&it) => gone.push(it),
                Told::Gone(_) | Told::Nothing => {}
            }
        }
        let mut rules = Rules::of(&view.scope);
        for changed in gathered.rows {
            if !rules.show(&changed) {
                continue;
            }
            let ((table, id), is_known) = (changed.row, rules.know(&changed));
            match rows.iter_mut().find(|row: &&mut Row| (row.table, row.id) == (table, id)) {
                Some(row) => row.is_known |= is_known,
                None => rows.push(Row { table, id, is_known }),
            }
        }
        Ok((!rows.is_empty() || !gone.is_empty()).then_some(News::Rows { view, rows, gone }))
    }

    /// The rows that news changed, as all who follow share them; `None` where the viewer has to look for themselves.
    async fn view_of_news(&self, gathered: &Gathered) -> Result<Option<View>, Error> {
        if !gathered.moves.is_empty() || gathered.has_history || gathered.forgets {
            return Ok(None);
        }
        let mut known = Vec::with_capacity(gathered.news.len());
        for part in &gathered.news {
            let rows = self.app.know(self.log(), &part.passage).await?;
            if !rows.holds(&self.scope) {
                return Ok(None);
            }
            known.push(rows);
        }
        Ok(self.app.view_of(&self.reader, &self.scope, known))
    }

    /// What a viewer is told of a move of their sight. What came into it cannot be told piece by piece, but for what came
    /// into being meanwhile; what left it is gone.
    async fn told_of_move(&self, moved: Move, view: &View, added: &[Subject]) -> Result<Told, Error> {
        let sees_coach = |coach: PersonId| view.scope.sees(Thing::Coach).row(coach.into(), None, false);
        Ok(match moved {
            Move::All => Told::Anew,
            Move::Client(client) if !self.focus.is_about(client) || added.contains(&client) => Told::Nothing,
            Move::Client(client) if view.scope.sees(Thing::Profile).row(client, None, false) => Told::Anew,
            Move::Client(client) => Told::Gone(Gone::Coachee(CoacheeId::of(client.uuid()))),
            Move::Coach(_) | Move::Removed(_) if self.focus != Focus::All => Told::Nothing,
            Move::Coach(coach) | Move::Removed(coach) if sees_coach(coach) => {
                Told::Row(Row { table: Table::member, id: coach.uuid(), is_known: true })
            }
            Move::Coach(coach) => Told::Gone(Gone::Coach(coach)),
            Move::Removed(coach) if view.knows_coach(coach).await? => Told::Gone(Gone::Coach(coach)),
            Move::Removed(_) => Told::Nothing,
        })
    }

    /// Keeps a part to be told event by event, and looks anew where it moves the viewer's sight. Where it forgets somebody,
    /// nothing of them is told of what waits.
    async fn keep(&mut self, part: Part) -> Result<(), Error> {
        let heard = self.app.hear(self.log(), &part.passage).await?;
        let moves = |it: &Arc<Heard>| self.scope.moved_by(&it.happened.event, &it.happened.when).is_some();
        let is_moved = heard.iter().skip(part.from).flatten().any(moves);
        let forgets = heard.iter().skip(part.from).flatten().any(|it| it.happened.event.forgets().is_some());
        self.entries.push_back(part);
        if forgets {
            self.hear_anew();
        }
        if is_moved {
            self.look().await?;
        }
        Ok(())
    }

    /// What waits is opened anew when it is told, with the keys that there are then.
    fn hear_anew(&mut self) {
        for Part { passage, .. } in &mut self.entries {
            *passage = Arc::new(Passage::new(passage.events().to_vec(), passage.upto()));
        }
    }

    /// Hears what has come by now, so that no entry is told under a sight that is known to be over. Who reads so slowly
    /// that not all of it can be heard yet looks anew every now and then.
    async fn hear_what_is_there(&mut self) -> Result<(), Error> {
        let left = self.entries.iter().filter(|part| !part.events().is_empty());
        let of = |part: &Part| (part.events().len(), part.passage.bytes());
        let (mut waiting, mut bytes) = left.map(of).fold((0, 0), |sum, more| (sum.0 + more.0, sum.1 + more.1));
        while waiting < WAITING_MAX && bytes < WAITING_BYTES_MAX {
            let Some(part) = self.follower.part_by_now().await? else { return Ok(()) };
            waiting += part.events().len();
            bytes += part.passage.bytes();
            self.keep(part).await?;
        }
        if self.looked_at.elapsed() > LOOK_EVERY {
            self.hear_anew();
            self.look().await?;
        }
        Ok(())
    }

    async fn pop_entry(&mut self) -> Result<Option<Line>, Error> {
        let log = self.log();
        while let Some(part) = self.entries.front_mut() {
            let heard = self.app.hear(log, &part.passage).await?;
            let Some(entry) = heard.get(part.from).cloned() else {
                self.entries.pop_front();
                continue;
            };
            part.from += 1;
            // A forgotten event has nothing to tell.
            let Some(entry) = entry else { continue };
            let when = entry.happened.when;
            if self.scope.sees_entry(&entry.happened.event, when.subject, when.owner) {
                let (scope, reader) = (self.scope.clone(), self.reader.clone());
                // What waits is opened anew where somebody is forgotten up to there.
                reader.looked.renew(&scope, self.follower.position());
                return Ok(Some(Line { heard: entry, scope, reader }));
            }
        }
        Ok(None)
    }
}

/// Whether rows of a table may be shown to anybody. What only decisions and searches look at is nothing missed.
fn may_be_shown(table: Table) -> bool {
    table.thing() != Thing::Internal && table != Table::coachee_word
}

/// What a move comes to for the viewer.
enum Told {
    Anew,
    Row(Row),
    Gone(Gone),
    Nothing,
}

/// A scope's rules, each made once.
struct Rules<'a> {
    scope: &'a Scope,
    made: BTreeMap<Thing, Sees>,
}

impl<'a> Rules<'a> {
    const fn of(scope: &'a Scope) -> Self {
        Self { scope, made: BTreeMap::new() }
    }

    /// Whether the row may be the viewer's to see, and what happened to it: where it is not, they learn nothing of it.
    fn show(&mut self, changed: &Changed) -> bool {
        // Whether another shared the row, only the row says.
        self.allow(changed, true)
    }

    /// Whether the viewer may know of the row without seeing it.
    fn know(&mut self, changed: &Changed) -> bool {
        self.allow(changed, changed.to == To::Both)
    }

    fn allow(&mut self, changed: &Changed, shared: bool) -> bool {
        let (subject, owner) = changed.of;
        [changed.row.0.thing(), changed.sees]
            .into_iter()
            .all(|thing| self.made.entry(thing).or_insert_with(|| self.scope.sees(thing)).row(subject, owner, shared))
    }
}
