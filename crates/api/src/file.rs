//! Files, for both sides: one's own, and those that the other side shares (S2.29, S2.30, S3.19, S3.20). Their bytes are
//! read at `/files/{id}` (`download`).
//!
//! One type serves both portals: it has no field for what only one side may see, since whose a file is decides that.

mod download;

use app::View;
use app::files::{Broken, NotReceived};
use app::view::{Direction, Filter, Value};
use async_graphql::connection::Connection;
use async_graphql::{Context, Enum, ID, InputObject, InputValueError, InputValueResult, Object, Scalar, ScalarType};
use domain::account::{Portal, Right};
use domain::coachee::Coachee;
use domain::file::{self, Permission};
use domain::id::{CoacheeId, FileId, Id as _, LogId, PracticeId};
use domain::text::FileName;
use futures_util::StreamExt as _;

pub(crate) use self::download::router;
use crate::http::{Incoming, placeholder};
use crate::note::Side;
use crate::page::{Asked, Cursor, List, is};
use crate::scalars::{DateTime, Id, id};
use crate::words::{
    DeletedPayload, Once, Payload, Result, UserError, answered, app, attempt, bad, delete, error, look_for, payload,
    run, shown, text, viewer,
};

/// Who sees a file beside who uploaded it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "Permission")]
pub(crate) enum FilePermission {
    /// Nobody.
    Private,
    /// The other side: the coachee, and the coaches with access to them.
    Shared,
}

/// A file about a coachee.
pub(crate) struct File {
    view: View,
    row: file::File,
}

impl File {
    /// From its row.
    pub(crate) fn new(view: &View, row: file::File) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl File {
    /// Its id.
    pub(crate) async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// About whom.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// Who uploaded it, and alone shares, takes back and deletes it.
    async fn uploaded_by_id(&self) -> ID {
        id(self.row.owner)
    }
    /// On which side they are.
    async fn by(&self) -> Side {
        self.row.by.into()
    }
    /// What it is called.
    async fn name(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.name)).await
    }
    /// How many bytes it has.
    async fn size(&self) -> u32 {
        self.row.size_bytes
    }
    /// Its type as HTTP names it, where content and name agree on one; else `application/octet-stream`.
    async fn content_type(&self) -> &'static str {
        self.row.media.name()
    }
    /// Who sees it.
    async fn permission(&self) -> FilePermission {
        if self.row.shared { FilePermission::Shared } else { FilePermission::Private }
    }
    /// When it was uploaded.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.uploaded_at)
    }
    /// Since when it is shared, if it is.
    async fn shared_at(&self) -> Option<DateTime> {
        self.row.shared_at.map(DateTime)
    }
    /// Where its bytes are read, with the same sign-in: `/files/…`, of this server.
    async fn url(&self) -> String {
        format!("/files/{}", self.row.id)
    }
}

/// A file, which comes with the request: as `multipart/form-data`, by the GraphQL multipart request specification. The
/// variable is null, and the part `map` says so.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Upload;

#[Scalar(name = "Upload", specified_by_url = "https://github.com/jaydenseric/graphql-multipart-request-spec")]
impl ScalarType for Upload {
    fn parse(value: async_graphql::Value) -> InputValueResult<Self> {
        if value == placeholder() {
            return Ok(Self);
        }
        let what = "a file comes as a part of multipart/form-data, by the GraphQL multipart request specification";
        Err(InputValueError::custom(what))
    }
    fn to_value(&self) -> async_graphql::Value {
        async_graphql::Value::Null
    }
}

/// Which files.
#[derive(Default, InputObject)]
pub(crate) struct FileFilter {
    /// About this coachee.
    coachee_id: Option<Id<CoacheeId>>,
    /// Only private ones, or only shared ones.
    permission: Option<FilePermission>,
    /// Only those that a coach uploaded, or only the coachee's.
    by: Option<Side>,
}

/// The files that somebody sees, the newest first.
fn list(permission: Option<FilePermission>, by: Option<Side>) -> List {
    let mut list = List { order: vec![("uploaded_at", Direction::Descending)], ..List::default() };
    if let Some(permission) = permission {
        list = list.only(Filter::Eq("shared".to_owned(), Value::Bool(permission == FilePermission::Shared)));
    }
    if let Some(by) = by {
        let side = file::side(Portal::from(by)).to_owned();
        list = list.only(Filter::Eq("side".to_owned(), Value::Text(side)));
    }
    list
}

/// The coach portal's files.
pub(crate) struct CoachFiles(pub(crate) View);

#[Object]
impl CoachFiles {
    /// The viewer's own files about coachees, and those that are shared; the newest come first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn files(
        &self,
        filter: Option<FileFilter>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, File>> {
        let filter = filter.unwrap_or_default();
        let mut list = list(filter.permission, filter.by);
        if let Some(coachee) = filter.coachee_id {
            list = list.only(is("subject", coachee.0));
        }
        let view = self.0.clone();
        list.connection(&self.0, &Asked { after, before, first, last }, move |row| File::new(&view, row)).await
    }
}

/// The files about one coachee: in their file, and in their own portal.
pub(crate) struct CoacheeFiles {
    /// Who looks.
    pub(crate) view: View,
    /// About whom.
    pub(crate) coachee: CoacheeId,
}

#[Object]
impl CoacheeFiles {
    /// The viewer's own files about the coachee, and those that are shared; the newest come first.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn files(
        &self,
        #[graphql(desc = "Only private ones, or only shared ones.")] permission: Option<FilePermission>,
        #[graphql(desc = "Only those that a coach uploaded, or only the coachee's.")] by: Option<Side>,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, File>> {
        let list = list(permission, by).under("subject", self.coachee);
        let view = self.view.clone();
        list.connection(&self.view, &Asked { after, before, first, last }, move |row| File::new(&view, row)).await
    }
}

payload! { FilePayload { file: File } of file::File }

/// Uploads a file.
#[derive(InputObject)]
pub(crate) struct UploadFileInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// About whom.
    coachee_id: Id<CoacheeId>,
    /// Who sees it.
    permission: FilePermission,
    /// What it is called; where it is left out, what it was called where it comes from.
    name: Option<String>,
    /// The file, at most 25 MiB.
    file: Upload,
}

/// Shares a file, or takes it back.
#[derive(InputObject)]
pub(crate) struct SetFilePermissionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    file_id: Id<FileId>,
    /// Who sees it.
    permission: FilePermission,
}

/// Names a file.
#[derive(InputObject)]
pub(crate) struct DeleteFileInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    file_id: Id<FileId>,
}

/// Uploading files, sharing and deleting them.
#[derive(Default)]
pub(crate) struct FileMutation;

#[Object]
impl FileMutation {
    /// Uploads a file about a coachee. A private one is its uploader's alone; of a shared one the other side is told.
    async fn upload_file(&self, ctx: &Context<'_>, input: UploadFileInput) -> Result<Option<FilePayload>> {
        let (practice, coachee) = (input.practice_id.0, input.coachee_id.0);
        viewer(ctx)?.reach(practice, Right::Write)?;
        // Of whom one does not see no byte is read; whoever sees them may upload.
        if look_for::<Coachee>(ctx, practice, None, coachee).await?.is_none() {
            return Err(error(app::Error::NotFound));
        }
        let Upload = input.file;
        let missing = || bad("A file comes as a part of multipart/form-data, and one mutation takes it.");
        let incoming = ctx.data_opt::<Incoming>().ok_or_else(missing)?;
        let content = incoming.take().ok_or_else(missing)?.map(|part| part.map_err(Broken));
        let given = input.name.as_deref().or(incoming.name.as_deref()).unwrap_or_default();
        let name: FileName = match text("name", given) {
            Ok(name) => name,
            Err(refused) => return Ok(Some(FilePayload::refused(refused))),
        };
        upload(ctx, (practice, coachee), (name, input.permission.into()), content).await
    }

    /// Shares a file with the other side, or takes it back; only who uploaded it can. Of a shared file the other side is
    /// told each time.
    async fn set_file_permission(
        &self,
        ctx: &Context<'_>,
        input: SetFilePermissionInput,
    ) -> Result<Option<FilePayload>> {
        let (file, permission) = (input.file_id.0, input.permission.into());
        run(ctx, input.practice_id.0, |_| Ok(file::SetFilePermission { file, permission })).await
    }

    /// Deletes a file with its bytes; only who uploaded it can.
    async fn delete_file(&self, ctx: &Context<'_>, input: DeleteFileInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(file::DeleteFile { file: input.file_id.0 })).await
    }
}

/// Takes the bytes, and enters the file. A repeat under the same key takes none, and answers as the first time.
async fn upload(
    ctx: &Context<'_>,
    (practice, coachee): (PracticeId, CoacheeId),
    (name, permission): (FileName, Permission),
    content: impl futures_util::Stream<Item = std::result::Result<bytes::Bytes, Broken>> + Unpin + Send,
) -> Result<Option<FilePayload>> {
    use domain::text::Text as _;
    let (app, log) = (app(ctx)?, LogId::Practice(practice));
    // The name may be the form's, of which the input says nothing.
    let once = Once::of(ctx, viewer(ctx)?)?.with(name.as_str().as_bytes());
    if once.was_used(app, log).await? {
        let sha256 = match app.digest(content).await {
            Ok(sha256) => sha256,
            Err(not) => return not_received(not).map(Some),
        };
        let done = once.with(&sha256).done_before(app, log).await?.ok_or_else(|| error(app::Error::Unavailable))?;
        return answered(ctx, practice, done).await.map(Some);
    }
    let file: FileId = app.mint();
    let received = match app.receive((practice, coachee, file), name.as_str(), content).await {
        Ok(received) => received,
        Err(not) => return not_received(not).map(Some),
    };
    let (once, key) = (once.with(&received.sha256), domain::text::FileKey::stored(&received.key));
    let (size_bytes, media) = (received.size_bytes, received.media);
    let enter = file::UploadFile { file, coachee, name, key, size_bytes, media, permission };
    let upload = received.offered();
    match attempt(ctx, log, &once, (once.command(app), enter)).await {
        Ok(Ok(done)) => {
            if done.thing == file.uuid() {
                app.entered(upload).await;
            } else {
                app.discard(upload).await;
            }
            answered(ctx, practice, done).await.map(Some)
        }
        Ok(Err(app::Error::Refused(refusal))) => {
            app.discard(upload).await;
            Ok(Some(FilePayload::refused(refusal.into())))
        }
        Ok(Err(failed)) => {
            // Whether it was entered is not known of the others: who sweeps looks.
            if failed.changed_nothing() {
                app.discard(upload).await;
            }
            Err(error(failed))
        }
        Err(not_tried) => {
            app.discard(upload).await;
            Err(not_tried)
        }
    }
}

fn not_received(not: NotReceived) -> Result<FilePayload> {
    match not {
        NotReceived::Refused(refusal) => Ok(FilePayload::refused(UserError::at("file", refusal.into()))),
        NotReceived::Broken(Broken(what)) => Err(bad(format!("The file did not come whole: {what}. Send it again."))),
        NotReceived::Failed(failed) => Err(error(failed)),
    }
}
