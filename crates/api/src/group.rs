//! A coach's groups: each is its coach's alone (S2.10–S2.14).

use app::View;
use app::view::{Direction, Wanted};
use async_graphql::connection::Connection;
use async_graphql::{Context, ID, InputObject, Object};
use domain::group::{self, Membership};
use domain::id::{CoacheeId, GroupId, PracticeId};

use crate::coachee::Coachee;
use crate::page::{Asked, Cursor, List, Total};
use crate::scalars::{DateTime, Id, id};
use crate::words::{DeletedPayload, Result, delete, error, payload, run, shown, text, text_or};

/// A group of coachees, which only its coach sees.
pub struct Group {
    view: View,
    row: group::Group,
}

impl Group {
    /// From its row.
    pub fn new(view: &View, row: group::Group) -> Self {
        Self { view: view.clone(), row }
    }
}

#[Object]
impl Group {
    /// Its id.
    pub async fn id(&self) -> ID {
        id(self.row.id)
    }
    /// What it is called.
    async fn name(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, Some(&self.row.name)).await
    }
    /// What it is for.
    #[graphql(complexity = "crate::page::LONG")]
    async fn description(&self) -> Result<Option<String>> {
        shown(&self.view, &self.row, self.row.description.as_ref()).await
    }
    /// When it was made.
    async fn created_at(&self) -> DateTime {
        DateTime(self.row.created_at)
    }
    /// How many coachees belong to it whom the viewer has access to.
    async fn coachee_count(&self) -> Result<u64> {
        self.view.count_under::<Membership>("group_id", self.row.id).await.map_err(error)
    }
    /// Those coachees, in the order in which they were added. `coachees(filter: { groupId })` gives them in other orders.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn coachees(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Coachee, Total>> {
        let list = List::by("added_at").under("group_id", self.row.id);
        let total = Total::under::<Membership>(&self.view, "group_id", self.row.id);
        let view = self.view.clone();
        let asked = Asked { after, before, first, last };
        list.through(&self.view, (&asked, total), |row: &Membership| row.coachee, move |row| Coachee::new(&view, row))
            .await
    }
}

/// A coachee's groups.
pub struct FileGroups {
    /// Who looks.
    pub view: View,
    /// At whom.
    pub coachee: CoacheeId,
}

#[Object]
impl FileGroups {
    /// The viewer's groups to which the coachee belongs, in the order in which they were added to them.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn groups(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Group, Total>> {
        let list = List::by("added_at").under("subject", self.coachee);
        let total = Total::under::<Membership>(&self.view, "subject", self.coachee);
        let view = self.view.clone();
        let asked = Asked { after, before, first, last };
        list.through(&self.view, (&asked, total), |row: &Membership| row.group, move |row| Group::new(&view, row)).await
    }
}

/// The coach portal's groups.
pub struct CoachGroups(pub View);

#[Object]
impl CoachGroups {
    /// The viewer's own groups, in the order in which they were made. Nobody else sees them.
    #[graphql(complexity = "crate::page::cost(first, last, child_complexity)")]
    async fn groups(
        &self,
        after: Option<String>,
        before: Option<String>,
        first: Option<i32>,
        last: Option<i32>,
    ) -> Result<Connection<Cursor, Group, Total>> {
        let view = self.0.clone();
        let asked = Asked { after, before, first, last };
        List::by("created_at").counted(&self.0, &asked, move |row| Group::new(&view, row)).await
    }
    /// One of them.
    async fn group(&self, id: Id<GroupId>) -> Result<Option<Group>> {
        let row = self.0.one(id.0).await.map_err(error)?.ok_or_else(|| error(app::Error::NotFound))?;
        Ok(Some(Group::new(&self.0, row)))
    }
}

/// The viewer's own groups to which one of these coachees was added, whether or not they are seen any more.
pub(crate) async fn groups_of(view: &View, coachees: &[CoacheeId]) -> Result<Vec<GroupId>> {
    /// More than any coach makes.
    const GROUPS_MAX: u32 = 10_000;
    let order = vec![("created_at", Direction::Ascending)];
    let page = view.list::<group::Group>(&Wanted { order, limit: GROUPS_MAX, ..Wanted::default() }).await;
    let rows = page.map_err(error)?.rows.into_iter().map(|(row, _)| row);
    Ok(rows.filter(|row| coachees.iter().any(|it| row.coachees.contains(it))).map(|row| row.id).collect())
}

payload! {
    GroupPayload { group: Group } of group::Group
}

/// Makes a group.
#[derive(InputObject)]
pub struct CreateGroupInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Required.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// Who belongs to it; at most 500.
    #[graphql(default)]
    coachee_ids: Vec<Id<CoacheeId>>,
}

/// Changes a group; what is left out stays.
#[derive(InputObject)]
pub struct UpdateGroupInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    group_id: Id<GroupId>,
    /// Another name.
    name: Option<String>,
    /// Another description; an empty one clears it.
    description: Option<String>,
    /// Who belongs to it from now on, beside the others.
    #[graphql(default)]
    add_coachee_ids: Vec<Id<CoacheeId>>,
    /// Who no longer does. Whoever is in both lists is removed.
    #[graphql(default)]
    remove_coachee_ids: Vec<Id<CoacheeId>>,
}

/// Names a group.
#[derive(InputObject)]
pub struct DeleteGroupInput {
    /// The practice.
    practice_id: Id<PracticeId>,
    /// Which.
    group_id: Id<GroupId>,
}

fn ids(ids: Vec<Id<CoacheeId>>) -> Vec<CoacheeId> {
    ids.into_iter().map(|id| id.0).collect()
}

/// Groups.
#[derive(Default)]
pub struct GroupMutation;

#[Object]
impl GroupMutation {
    /// Makes a group of the viewer's own, of coachees whom they have access to.
    async fn create_group(&self, ctx: &Context<'_>, input: CreateGroupInput) -> Result<Option<GroupPayload>> {
        run(ctx, input.practice_id.0, |new| {
            Ok(group::CreateGroup {
                group: new.id(),
                name: text("name", &input.name)?,
                description: text_or("description", input.description.as_ref())?,
                coachees: ids(input.coachee_ids),
            })
        })
        .await
    }

    /// Changes a group's name, its description or who belongs to it.
    async fn update_group(&self, ctx: &Context<'_>, input: UpdateGroupInput) -> Result<Option<GroupPayload>> {
        run(ctx, input.practice_id.0, |_| {
            Ok(group::UpdateGroup {
                group: input.group_id.0,
                name: text_or("name", input.name.as_ref())?,
                description: text_or("description", input.description.as_ref())?,
                add: ids(input.add_coachee_ids),
                remove: ids(input.remove_coachee_ids),
            })
        })
        .await
    }

    /// Deletes a group to which nobody belongs whom the viewer has access to; others leave with it. Its coachees stay.
    async fn delete_group(&self, ctx: &Context<'_>, input: DeleteGroupInput) -> Result<Option<DeletedPayload>> {
        delete(ctx, input.practice_id.0, |_| Ok(group::DeleteGroup { group: input.group_id.0 })).await
    }
}
