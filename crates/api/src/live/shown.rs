//! As what a change is shown to who follows: every table has its answer.

use domain::Table;

/// As what a change of a row is shown to who follows a portal, where it shows such things at all.
pub(super) enum Shown {
    /// As that row.
    Itself,
    /// As the row of another table that has its key: notes and ratings as their session, a draft as its assessment.
    As(Table),
    /// Not.
    Nowhere,
}

/// Every table: a new one has to be named here, and where it is shown, with the changes that show it.
pub(super) const fn shown(table: Table) -> Shown {
    match table {
        Table::practice | Table::member | Table::coach_invitation | Table::access => Shown::Itself,
        Table::coachee | Table::group => Shown::Itself,
        Table::goal | Table::milestone | Table::action | Table::action_series | Table::comment => Shown::Itself,
        Table::authorization | Table::appointment => Shown::Itself,
        Table::session | Table::next_step => Shown::Itself,
        Table::notes | Table::self_rating => Shown::As(Table::session),
        Table::assessment_template | Table::assessment => Shown::Itself,
        Table::assessment_draft => Shown::As(Table::assessment),
        Table::question | Table::question_comment => Shown::Itself,
        Table::note | Table::note_comment | Table::file => Shown::Itself,
        Table::note_text => Shown::As(Table::note),
        Table::conversation | Table::message => Shown::Itself,
        Table::address | Table::account | Table::login | Table::portal => Shown::Nowhere,
        Table::access_token | Table::google_account | Table::calendar_feed => Shown::Nowhere,
        // Whoever is added to a group, or removed from it, changes the group.
        Table::group_member | Table::coachee_word => Shown::Nowhere,
        Table::coachee_email | Table::coachee_invitation | Table::activation => Shown::Nowhere,
        Table::unit | Table::reading | Table::action_thread => Shown::Nowhere,
        Table::notice | Table::notice_board => Shown::Itself,
        Table::notice_preferences => Shown::Nowhere,
    }
}
