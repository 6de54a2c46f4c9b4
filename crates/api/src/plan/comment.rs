//! Comments on actions, for both sides (S2.18, S3.9).

use app::View;
use async_graphql::{Context, ID, InputObject, Object};
use domain::id::{ActionId, CommentId, PracticeId};
use domain::plan;

use super::Maker;
use crate::scalars::{DateTime, Id, id};
use crate::words::{DeletedPayload, Result, delete, payload, run, shown, text};

/// What somebody said about an action.
pub struct Comment {
    view: View,
    row: plan::Comment,
}

impl Comment {
    /// From its row.
    pub fn new(view: &View, row: plan::Comment) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Comment {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// On what.
    async fn action_id(&self) -> ID {
        id(self.row.action)
    }
    /// Whose action it is.
    async fn coachee_id(&self) -> ID {
        id(self.row.coachee)
    }
    /// What was said.
    #[graphql(complexity = "crate::page::COMMENT")]
    async fn text(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.text)).await
    }
    /// As what its author said it.
    async fn created_by(&self) -> Maker {
        self.row.by.into()
    }
    /// Who said it.
    async fn author_id(&self) -> Option<ID> {
        self.row.author.map(id)
    }
    /// When.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.at)
    }
    /// When its author last changed it, if they did.
    async fn changed_at(&self) -> Option<DateTime> {
        self.row.changed_at.map(DateTime)
    }
}

payload! {
    CommentPayload { comment: Comment } of plan::Comment
}

/// Says something about an action.
#[derive(InputObject)]
pub struct CommentOnActionInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// About what.
    action_id: Id<ActionId>,
    /// What is said: at most 4 000 characters, line breaks welcome.
    text: String,
}

/// Changes a comment.
#[derive(InputObject)]
pub struct UpdateCommentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which: one's own.
    comment_id: Id<CommentId>,
    /// What is said instead.
    text: String,
}

/// Names a comment.
#[derive(InputObject)]
pub struct DeleteCommentInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which: one's own.
    comment_id: Id<CommentId>,
}

/// Comments, for both sides.
#[derive(Default)]
pub struct CommentMutation;

#[Object]
impl CommentMutation {
    /// Says something about an action: whoever sees it.
    async fn comment_on_action(
        &self,
        ctx: &Context<'_>,
        input: CommentOnActionInput,
    ) -> Result<Option<CommentPayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(plan::CommentOnAction { comment: new.id(), action: input.action_id.0, text: text("text", &input.text)? })
        })
        .await
    }

    /// Changes one's own comment.
    async fn update_comment(&self, ctx: &Context<'_>, input: UpdateCommentInput) -> Result<Option<CommentPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(plan::UpdateComment { comment: input.comment_id.0, text: text("text", &input.text)? })
        })
        .await
    }

    /// Takes one's own comment back.
    async fn delete_comment(&self, ctx: &Context<'_>, input: DeleteCommentInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(plan::DeleteComment { comment: input.comment_id.0 })).await
    }
}
