//! Who sees what, written by hand from the sight table of the facts.
//!
//! | letter | what the field shows |
//! | --- | --- |
//! | A | it answers, and Robin's marked text is in it |
//! | E | it answers, and nothing in it is Robin's |
//! | N | `NOT_FOUND` |
//! | U | nobody is signed in, so there is no viewer |
//!
//! Columns as in [`super::operations`].

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::letters;
use super::schema::Schema;
use super::world::{ACTORS, COACHEE, NO_ACCESS, OTHER_OWNER, OWNER, World};

/// The coach portal: field, arguments, the text by which Robin is known in it, and who sees it.
const COACH_PORTAL: &[(&str, &str, &str, &str)] = &[
    ("position", "", "", "EEEEE ENNNU"),
    ("practice", "", "", "EEEEE ENNNU"),
    ("me", "", "", "EEEEE ENNNU"),
    ("coaches", "(first: 20)", "", "EEEEE ENNNU"),
    // Who was invited as a coach is the managers'.
    ("coachInvitations", "", "eve@practice.example", "AAEEE ENNNU"),
    ("access", "(first: 20)", "$COACHEE", "AAAAA ENNNU"),
    ("coachees", "(first: 5)", "ROBIN-SYNOPSIS", "AAAAA ENNNU"),
    ("coachee", "(id: $COACHEE)", "ROBIN-SYNOPSIS", "AAAAA NNNNU"),
    // Each coach's own only (S2.10); the owner made Robin's.
    ("groups", "(first: 10)", "ROBIN-GROUP", "AEEEE ENNNU"),
    ("group", "(id: $GROUP)", "ROBIN-PURPOSE", "ANNNN NNNNU"),
    ("goals", "(first: 10)", "ROBIN-GOAL", "AAAAA ENNNU"),
    ("goal", "(id: $GOAL)", "ROBIN-ACTION", "AAAAA NNNNU"),
    ("actions", "(first: 10)", "ROBIN-DESCRIPTION", "AAAAA ENNNU"),
    ("action", "(id: $ACTION)", "ROBIN-COMMENT", "AAAAA NNNNU"),
    ("sessions", "(first: 5, filter: { running: true })", "ROBIN-NOTES", "AAAAA ENNNU"),
    ("session", "(id: $SESSION)", "ROBIN-NOTES", "AAAAA NNNNU"),
    ("liveSession", "(id: $SESSION)", "ROBIN-NOTES", "AAAAA NNNNU"),
    // Of the coachee's own notes what they shared; a coach's notes are each their own (S2.31, S2.32).
    ("notes", "(first: 10)", "ROBIN-SHARED", "AAAAA ENNNU"),
    // What is shared; private files are each their owner's (S2.29).
    ("files", "(first: 10)", "ROBIN-FILE", "AAAAA ENNNU"),
    // Each coach's own only; the owner writes to Robin.
    ("conversations", "(first: 10)", "ROBIN-MESSAGE", "AEEEE ENNNU"),
    (
        "appointments",
        "(range: { from: \"2026-10-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }, first: 5)",
        "ROBIN-PLACE",
        "AAAAA ENNNU",
    ),
    (
        "upcoming",
        "(range: { from: \"2026-10-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }, first: 5)",
        "ROBIN-APPOINTMENT",
        "AAAAA ENNNU",
    ),
    ("appointment", "(id: $APPOINTMENT)", "ROBIN-LINK", "AAAAA NNNNU"),
    // Each coach's own only (S1.47); the owner held Robin's session.
    ("myDevelopment", "(range: { to: \"2027-01-01T00:00:00Z\" })", "ROBIN-REFLECTION", "AEEEE ENNNU"),
    // Forms are every coach's of the practice; what is assigned of them is the client's.
    ("assessmentTemplates", "(first: 10)", "", "EEEEE ENNNU"),
    ("assessments", "(first: 10)", "ROBIN-ANSWER", "AAAAA ENNNU"),
    ("questions", "(first: 10)", "ROBIN-REPLY", "AAAAA ENNNU"),
    // Whoever has access sees the authorizations, though only Admin keeps them.
    ("authorizations", "(first: 10)", "ROBIN-NUMBER", "AAAAA ENNNU"),
    ("dashboard", "", "ROBIN-NUMBER", "AAAAA ENNNU"),
    // Owner and managers review the whole practice, coaches their clients.
    ("activityLog", "(first: 100)", "ROBIN-SYNOPSIS", "AAAAA ENNNU"),
    // How long the log is, every member may know; of what is in it, a proof of what they review.
    ("auditHead", "", "", "EEEEE ENNNU"),
    ("auditProof", "(position: $SEEN)", "$COACHEE", "AAAAA NNNNU"),
    ("auditConsistency", "(from: 1, to: 2)", "", "EEEEE ENNNU"),
    // Each recipient's own; the owner leads Robin.
    ("notifications", "(first: 10)", "$COACHEE", "AEEEE ENNNU"),
    // By now everybody above has read of Robin.
    ("accessLog", "(first: 100)", "$COACHEE", "AAAAA ENNNU"),
];

/// The coachee portal, likewise.
const COACHEE_PORTAL: &[(&str, &str, &str, &str)] = &[
    ("position", "", "", "NNNNN NEENU"),
    ("practice", "", "", "NNNNN NEENU"),
    ("me", "", "ROBIN-NAME", "NNNNN NAENU"),
    ("coaches", "", "", "NNNNN NEENU"),
    ("activeGoal", "", "ROBIN-AIM", "NNNNN NAENU"),
    ("goals", "(first: 10)", "ROBIN-MILESTONE", "NNNNN NAENU"),
    ("actions", "(first: 10)", "ROBIN-COMMENT", "NNNNN NAENU"),
    ("actionSeries", "(first: 10)", "ROBIN-SERIES", "NNNNN NAENU"),
    ("sessions", "(first: 10, filter: { running: true })", "ROBIN-SESSION", "NNNNN NAENU"),
    (
        "appointments",
        "(range: { from: \"2026-10-01T00:00:00Z\", to: \"2026-12-31T00:00:00Z\" }, first: 5)",
        "ROBIN-PLACE",
        "NNNNN NAENU",
    ),
    ("nextSteps", "(first: 10)", "ROBIN-STEP", "NNNNN NAENU"),
    ("assessments", "(first: 10)", "ROBIN-ANSWER", "NNNNN NAENU"),
    ("questions", "(first: 10)", "ROBIN-REPLY", "NNNNN NAENU"),
    ("journey", "", "", "NNNNN NEENU"),
    ("wheelOfLife", "", "", "NNNNN NEENU"),
    ("notes", "(first: 10)", "ROBIN-SHARED", "NNNNN NAENU"),
    ("files", "(first: 10)", "ROBIN-FILE", "NNNNN NAENU"),
    ("conversations", "(first: 10)", "ROBIN-MESSAGE", "NNNNN NAENU"),
    ("activityLog", "(first: 100)", "ROBIN-GOAL", "NNNNN NAENU"),
    ("notifications", "(first: 10)", "$COACHEE", "NNNNN NAENU"),
    ("auditHead", "", "", "NNNNN NEENU"),
    ("auditProof", "(position: $SEEN)", "$COACHEE", "NNNNN NANNU"),
    ("auditConsistency", "(from: 1, to: 2)", "", "NNNNN NEENU"),
    ("accessLog", "(first: 100)", "$COACHEE", "NNNNN NAENU"),
];

/// Robin's things by their ids: kind, and who finds it.
const NODES: &[(&str, &str, &str)] = &[
    ("Practice", "practice", "AAAAA ANNNU"),
    ("Coach", "person", "AAAAA ANNNU"),
    ("Coachee CoacheeProfile", "coachee", "AAAAA NANNU"),
    ("Group", "group", "ANNNN NNNNU"),
    ("Goal", "goal", "AAAAA NANNU"),
    ("Milestone", "milestone", "AAAAA NANNU"),
    ("Action", "action", "AAAAA NANNU"),
    ("ActionSeries", "series", "AAAAA NANNU"),
    ("Comment", "comment", "AAAAA NANNU"),
    ("Session CoacheeSession", "session", "AAAAA NANNU"),
    ("NextStep", "step", "AAAAA NANNU"),
    ("Assessment", "assessment", "AAAAA NANNU"),
    ("CoachingQuestion", "question", "AAAAA NANNU"),
    ("Appointment", "appointment", "AAAAA NANNU"),
    ("Authorization", "authorization", "AAAAA NNNNU"),
    // The owner's own note about Robin, with its comment; and the conversation of the two.
    ("Note", "note", "ANNNN NNNNU"),
    ("NoteComment", "notecomment", "ANNNN NNNNU"),
    // The file that the owner shares.
    ("File", "file", "AAAAA NANNU"),
    ("Conversation", "conversation", "ANNNN NANNU"),
    ("Message", "message", "ANNNN NANNU"),
    ("Notification", "notification", "ANNNN NNNNU"),
];

/// What a coachee never sees of their own file: synopsis, notes, authorization and rate.
const NEVER_THE_COACHEES: [&str; 6] =
    ["ROBIN-SYNOPSIS", "ROBIN-NOTES", "ROBIN-NUMBER", "ROBIN-SOURCE", "8765.43", "authorization_"];

/// Whose a type is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Only coaches reach it.
    Coach,
    /// Only coachees reach it.
    Coachee,
    /// Both do, and everything in it is for both.
    Both,
    /// It is one's own account's, or says what became of a change.
    Own,
}

/// Every object type with its fields.
const TYPES: &[(&str, Side, &str)] = &[
    ("Query", Side::Own, "node nodes service viewer"),
    ("Service", Side::Own, "version waysToSignIn"),
    ("Viewer", Side::Own, "account calendarFeed coachPortal coacheePortal portals"),
    ("Account", Side::Own, "accessTokens email id notificationPreferences sessions"),
    ("NotificationPreferences", Side::Own, "digestAt kinds quietHours timeZone"),
    ("NotificationPreference", Side::Own, "inApp kind mail"),
    ("QuietHours", Side::Own, "from until"),
    ("SignInSession", Side::Own, "current endsAt id kind signedInAt usedAt userAgent"),
    ("AccessToken", Side::Own, "createdAt endsAt id name scopes usedAt"),
    ("AccessTokenScope", Side::Own, "portal practiceId right"),
    ("PortalEntry", Side::Own, "kind practice"),
    ("PracticeCard", Side::Both, "id name timeZone"),
    ("Practice", Side::Coach, "coachesMayAddCoachees createdAt expiringSoonDays id lowSessions name timeZone"),
    ("Coach", Side::Coach, "bookingLink displayName email id joinedAt phone role timeZone title videoLink"),
    ("CoachCard", Side::Coachee, "bookingLink displayName id title videoLink"),
    ("CoachInvitation", Side::Coach, "email expiresAt id name role"),
    ("Access", Side::Coach, "clientId coachId grantedAt id level"),
    (
        "Coachee",
        Side::Coach,
        "acceptedAt actionSeries actions activeGoal activityLog activitySummary addedAt appointments assessments authorizations billingModel conversation deactivatedAt \
         email fileOwner files firstName fullName goals groups id invitedAt journey lastName lastSessionAt leadCoachId notes options questions quickMenu sessions \
         status synopsis wheelOfLife",
    ),
    ("Group", Side::Coach, "coacheeCount coachees createdAt description id name"),
    ("CoacheeProfile", Side::Coachee, "acceptedAt activeGoal email firstName id lastName"),
    (
        "Goal",
        Side::Both,
        "actions authorId coacheeId complete completedMilestoneCount createdAt createdBy dueOn id milestoneCount milestones \
         title",
    ),
    ("Milestone", Side::Both, "actionCount actions complete completedActionCount dueOn goalId id title"),
    (
        "Action",
        Side::Both,
        "authorId coacheeId commentCount comments complete createdAt createdBy description dueOn goalId id milestoneId monitored \
         progress series seriesId title",
    ),
    (
        "ActionSeries",
        Side::Both,
        "actionCount actions authorId coacheeId createdAt createdBy description endedAt firstOn frequency goalId id monitored \
         nextAppearsAt nextDueOn times title until",
    ),
    ("Comment", Side::Both, "actionId authorId changedAt coacheeId createdAt createdBy id text"),
    (
        "Session",
        Side::Coach,
        "activeGoal activeGoalThen appointmentId authorization coachId coachee coacheeId coacheeNotes durationMinutes fromLastSession id lookBack nextSteps notes \
         myRating notesHtml revision revisions running startedAt status title",
    ),
    ("SelfRating", Side::Coach, "ratedAt rating reflection sessionId startedAt"),
    ("Development", Side::Coach, "average count months ratings"),
    ("DevelopmentMonth", Side::Coach, "average count highest lowest month"),
    ("CoacheeSession", Side::Coachee, "durationMinutes id nextSteps startedAt status title"),
    ("SessionNotes", Side::Coach, "html revision savedAt savedById siblings text"),
    (
        "Note",
        Side::Both,
        "authorId by changedAt coacheeId commentCount comments html id newestRevision revision revisions shared siblings text \
         title writtenAt",
    ),
    ("NoteComment", Side::Both, "at authorId coacheeId id noteId text"),
    ("File", Side::Both, "by coacheeId contentType createdAt id name permission sharedAt size uploadedById url"),
    (
        "Conversation",
        Side::Both,
        "coachId coacheeId id lastMessage lastMessageAt messageCount messages readByCoach readByCoachee unreadCount withName",
    ),
    ("ReadMark", Side::Both, "at number"),
    ("Message", Side::Both, "by coachId coacheeId conversationId id number sentAt text"),
    ("NotesSibling", Side::Both, "at authorId base revision text"),
    ("NotesRevision", Side::Both, "actorId at base restoredFrom revision sibling"),
    ("NotesText", Side::Both, "html revision text"),
    ("NotesConflict", Side::Both, "base revision theirs yours"),
    ("NextStep", Side::Both, "done doneAt id place sessionId text"),
    ("AssessmentTemplate", Side::Coach, "authorId createdAt id questions title"),
    (
        "Assessment",
        Side::Both,
        "answers assignedAt assignedById coacheeId draft dueOn id questions remindedAt scores status submittedAt templateId title",
    ),
    ("AssessmentQuestion", Side::Both, "areas atMost dimension kind least most options required reversed weight words"),
    ("AssessmentOption", Side::Both, "points words"),
    ("AssessmentAnswer", Side::Both, "areas chosen number question text"),
    ("AssessmentScore", Side::Both, "dimension least most percent points"),
    (
        "CoachingQuestion",
        Side::Both,
        "answer answeredAt askedAt askedById coacheeId commentCount comments dueOn id words",
    ),
    ("QuestionComment", Side::Both, "at authorId id questionId text"),
    ("Journey", Side::Both, "points svg text"),
    ("JourneyPoint", Side::Both, "actions done on percent"),
    ("WheelOfLife", Side::Both, "areas beforeAt submittedAt svg text"),
    ("WheelArea", Side::Both, "area before value"),
    ("AssessmentTemplatePayload", Side::Coach, "errors position template"),
    ("AssessmentPayload", Side::Both, "assessment errors position"),
    ("CoachingQuestionPayload", Side::Both, "errors position question"),
    ("QuestionCommentPayload", Side::Both, "comment errors position"),
    ("FromLastSession", Side::Coach, "heading nextSteps sessionId startedAt"),
    ("PastSession", Side::Coach, "activeGoal id nextSteps startedAt status title"),
    (
        "Authorization",
        Side::Coach,
        "closedAt coacheeId createdAt endsOn expiringSoon held id number ratePerHour remaining runningLow source startsOn state \
         totalSessions used usedBy",
    ),
    ("ActivitySummary", Side::Coach, "completedSessions recentActivity upcomingAppointments"),
    (
        "Appointment",
        Side::Both,
        "addedAt answer answeredAt cancelled cancelledFrom coachId coachName coacheeId durationMinutes id occurrences place recurrence \
         sequence start timeZone title videoLink",
    ),
    (
        "AppointmentOccurrence",
        Side::Both,
        "answer answeredAt appointment conflicts durationMinutes endsAt occurrence sessionId start startsAt status",
    ),
    ("AppointmentPayload", Side::Both, "appointment conflicts errors position"),
    ("CalendarFeed", Side::Own, "createdAt"),
    ("CreateCalendarFeedPayload", Side::Own, "calendarFeed errors path"),
    ("RevokeCalendarFeedPayload", Side::Own, "errors revoked"),
    ("Money", Side::Coach, "amount currency"),
    (
        "Dashboard",
        Side::Coach,
        "expiringAuthorizations lowAuthorizations overdueActions recentActivity stalledCoachees",
    ),
    (
        "ActivityEntry",
        Side::Both,
        "actorId at changes coacheeId entry kind onBehalfOfId position system thingId through",
    ),
    ("ActivityChange", Side::Both, "field now was"),
    ("AccessLogEntry", Side::Both, "at coacheeId fileId kind position readerId readerName through"),
    ("Notification", Side::Both, "at byId byName changedFields coacheeId id kind position thing thingId unread"),
    ("UnreadNotifications", Side::Both, "unreadCount"),
    ("NotificationItem", Side::Both, "changes position"),
    ("ActivityItem", Side::Both, "entry position"),
    ("AuditHead", Side::Both, "checkpoint key root signedAt size"),
    ("AuditProof", Side::Both, "leafHash position proof record"),
    ("AuditConsistency", Side::Both, "from hashes to"),
    ("CoachPortalItem", Side::Coach, "changes position"),
    ("CoacheePortalItem", Side::Coachee, "changes position"),
    ("LiveSessionItem", Side::Coach, "changes position"),
    ("PlanItem", Side::Both, "changes position"),
    ("ConversationItem", Side::Both, "changes position"),
    ("Gone", Side::Both, "id"),
    ("ResyncRequired", Side::Both, "atLeast"),
    ("UserError", Side::Own, "code message path"),
    ("RequestSignInLinkPayload", Side::Own, "code minutes"),
    ("SignInPayload", Side::Own, "errors personId token"),
    ("BeginGoogleSignInPayload", Side::Own, "clientId errors nonce"),
    ("SignOutPayload", Side::Own, "done errors"),
    ("CreateAccessTokenPayload", Side::Own, "accessToken errors token"),
    ("RevokeAccessTokenPayload", Side::Own, "errors revokedId"),
    ("AcceptancePayload", Side::Own, "errors position practiceId signedIn"),
    ("MarkNotificationsReadPayload", Side::Own, "errors position unreadCount"),
    ("NotificationPreferencesPayload", Side::Own, "errors notificationPreferences"),
    ("DeletedPayload", Side::Own, "deletedId errors position"),
    ("PracticePayload", Side::Coach, "errors position practice"),
    ("CoachPayload", Side::Coach, "coach errors position"),
    ("CoachInvitationPayload", Side::Coach, "errors invitation position"),
    ("AccessPayload", Side::Coach, "access errors position"),
    // Each side is answered with its own side: a test of its own shows that.
    ("CoacheePayload", Side::Own, "coachee errors position profile"),
    ("ImportPayload", Side::Coach, "added errors ignoredColumns position rows"),
    ("ImportRow", Side::Coach, "coachee email line message outcome"),
    ("GroupPayload", Side::Coach, "errors group position"),
    ("GoalPayload", Side::Both, "errors goal position"),
    ("MilestonePayload", Side::Both, "errors milestone position"),
    ("ActionPayload", Side::Both, "action errors position"),
    ("ActionSeriesPayload", Side::Both, "errors position series"),
    ("CommentPayload", Side::Both, "comment errors position"),
    ("SessionPayload", Side::Coach, "errors position session"),
    ("SessionNotesPayload", Side::Coach, "conflict errors position revision session"),
    ("NextStepPayload", Side::Both, "errors nextStep position"),
    ("NotePayload", Side::Both, "errors note position"),
    ("NoteCommentPayload", Side::Both, "comment errors position"),
    ("SavedNotePayload", Side::Both, "conflict errors note position revision"),
    ("FilePayload", Side::Both, "errors file position"),
    ("MessagePayload", Side::Both, "errors message position"),
    ("ConversationPayload", Side::Both, "conversation errors position"),
    ("AuthorizationPayload", Side::Coach, "authorization errors position"),
];

/// Those whose fields the other tables have, and those of lists.
fn is_elsewhere(name: &str) -> bool {
    ["Mutation", "Subscription", "CoachPortal", "CoacheePortal", "PageInfo"].contains(&name)
        || name.ends_with("Connection")
        || name.ends_with("Edge")
        || name.starts_with("__")
}

/// Every type is in the table with its fields, and no side reaches the other's.
pub fn types(schema: &Schema) {
    let objects = schema.types.iter().filter(|(name, of)| of.kind == "OBJECT" && !is_elsewhere(name));
    let served: BTreeMap<&str, BTreeSet<&str>> =
        objects.map(|(name, _)| (name.as_str(), schema.fields(name).collect())).collect();
    let known: BTreeMap<&str, BTreeSet<&str>> =
        TYPES.iter().map(|(name, _, fields)| (*name, fields.split_whitespace().collect())).collect();
    for name in served.keys().chain(known.keys()) {
        assert_eq!(served.get(name), known.get(name), "{name}: as served, and as in the table");
    }
    let list: BTreeSet<&str> = ["edges", "nodes", "pageInfo", "totalCount", "unreadCount", "cursor", "node"].into();
    for name in schema.types.keys().filter(|name| name.ends_with("Connection") || name.ends_with("Edge")) {
        assert!(schema.fields(name).all(|field| list.contains(field)), "{name}");
    }
    let sides: BTreeMap<&str, Side> = TYPES.iter().map(|(name, side, _)| (*name, *side)).collect();
    for (root, other) in [
        ("CoacheePortal", Side::Coach),
        ("CoacheePortalItem", Side::Coach),
        ("PlanItem", Side::Coach),
        ("ConversationItem", Side::Coach),
        ("NotificationItem", Side::Coach),
        ("CoachPortal", Side::Coachee),
    ] {
        for name in schema.reachable(&[root]) {
            assert_ne!(sides.get(name.as_str()), Some(&other), "{root} leads to {name}");
        }
    }
    for (root, table) in [("CoachPortal", COACH_PORTAL), ("CoacheePortal", COACHEE_PORTAL)] {
        let known: BTreeSet<&str> = table.iter().map(|(name, ..)| *name).collect();
        assert_eq!(schema.fields(root).collect::<BTreeSet<_>>(), known, "{root}");
    }
    let nodes: BTreeSet<&str> = NODES.iter().flat_map(|(types, ..)| types.split_whitespace()).collect();
    assert_eq!(schema.types["Node"].possible.iter().map(String::as_str).collect::<BTreeSet<_>>(), nodes);
}

/// A query for each field of both portals, but for those that asking itself changes (the position, and the access log), with
/// all that is below it.
pub fn portal_queries(schema: &Schema) -> Vec<String> {
    let mut queries = Vec::new();
    for (portal, of, table) in
        [("coachPortal", "CoachPortal", COACH_PORTAL), ("coacheePortal", "CoacheePortal", COACHEE_PORTAL)]
    {
        for (field, arguments, ..) in table.iter().filter(|(field, ..)| !["position", "accessLog"].contains(field)) {
            let below = selection(schema, &schema.types[of].fields[*field].of, arguments.contains("id:"));
            queries
                .push(format!("{{ viewer {{ {portal}(practiceId: $PRACTICE) {{ {field}{arguments} {below} }} }} }}"));
        }
    }
    queries
}

/// Every field of both portals, by everybody.
pub async fn portals(world: &World, wrong: &mut Vec<String>) {
    for (portal, of, table) in
        [("coachPortal", "CoachPortal", COACH_PORTAL), ("coacheePortal", "CoacheePortal", COACHEE_PORTAL)]
    {
        for (field, arguments, needle, line) in table {
            let inner = &world.schema.types[of].fields[*field].of;
            let below = selection(&world.schema, inner, arguments.contains("id:"));
            let query = format!("{{ viewer {{ {portal}(practiceId: $PRACTICE) {{ {field}{arguments} {below} }} }} }}");
            let query = world.robin.filled(&query);
            let needle = world.robin.filled(needle).replace('"', "");
            for (actor, expected) in letters(line).into_iter().enumerate() {
                let body = world.people[actor].whole(&query, json!({})).await.body;
                let got = shown(world, &body, &needle);
                if got != Some(expected) {
                    wrong.push(format!(
                        "{of}.{field} by {}: {got:?} and not {expected}: {query}\n  {body}",
                        ACTORS[actor]
                    ));
                }
                wrong.extend(
                    leaks(world, actor, &body)
                        .map(|leak| format!("{of}.{field} shows {} {leak}: {body}", ACTORS[actor])),
                );
            }
        }
    }
}

/// Robin's confidential texts, by the kind under which reading them is entered.
const CONFIDENTIAL: &[(&str, &[&str])] = &[
    ("active_goal", &["ROBIN-AIM"]),
    ("answers", &["ROBIN-ANSWER"]),
    ("comment", &["ROBIN-COMMENT"]),
    ("description", &["ROBIN-DESCRIPTION"]),
    ("meeting_link", &["ROBIN-LINK"]),
    ("form", &["ROBIN-FORM"]),
    ("file_name", &["ROBIN-FILE"]),
    ("note", &["ROBIN-SHARED"]),
    ("note_comment", &["ROBIN-OPINION"]),
    ("notes", &["ROBIN-NOTES"]),
    ("place", &["ROBIN-PLACE"]),
    ("question", &["ROBIN-ASKED"]),
    ("question_answer", &["ROBIN-REPLY"]),
    ("question_comment", &["ROBIN-REMARK"]),
    ("step", &["ROBIN-STEP"]),
    ("synopsis", &["ROBIN-SYNOPSIS"]),
    (
        "title",
        &[
            "ROBIN-GOAL",
            "ROBIN-MILESTONE",
            "ROBIN-ACTION",
            "ROBIN-SERIES",
            "ROBIN-SESSION",
            "ROBIN-ASSESSMENT",
            "ROBIN-HEADING",
            "ROBIN-APPOINTMENT",
        ],
    ),
];

/// The entries of the access log by this reader about Robin, perhaps only those since a moment: how many of each kind.
async fn entered(world: &World, reader: &str, from: Option<String>) -> BTreeMap<String, usize> {
    let query = "query($p: ID!, $f: AccessLogFilter) { viewer { coachPortal(practiceId: $p) { accessLog(filter: $f, first: 100) { nodes { kind } } } } }";
    let filter = json!({ "readerId": reader, "coacheeId": world.robin.coachee, "from": from });
    let data = world.people[OWNER].ask(query, json!({ "p": world.practice, "f": filter })).await;
    let mut kinds = BTreeMap::new();
    for node in data["viewer"]["coachPortal"]["accessLog"]["nodes"].as_array().expect("entries") {
        *kinds.entry(node["kind"].as_str().expect("a kind").to_owned()).or_default() += 1;
    }
    kinds
}

/// R3: a walk of the portal. Each field's answer is held against the entries that it left: one for each kind of Robin's
/// texts in it, none for a kind that is not. The owner wrote and leads, Robin is addressed: they leave none.
pub async fn readings(world: &World, wrong: &mut Vec<String>) {
    for (field, arguments, ..) in COACHEE_PORTAL {
        let inner = &world.schema.types["CoacheePortal"].fields[*field].of;
        let below = selection(&world.schema, inner, false);
        let query = format!("{{ viewer {{ coacheePortal(practiceId: $PRACTICE) {{ {field}{arguments} {below} }} }} }}");
        world.people[COACHEE].ask(&world.robin.filled(&query), json!({})).await;
    }
    assert!(entered(world, &world.people[COACHEE].id, None).await.is_empty(), "who is addressed leaves no entry");
    let mut seen = BTreeSet::new();
    for (field, arguments, ..) in COACH_PORTAL {
        let inner = &world.schema.types["CoachPortal"].fields[*field].of;
        let below = selection(&world.schema, inner, arguments.contains("id:"));
        let query = format!("{{ viewer {{ coachPortal(practiceId: $PRACTICE) {{ {field}{arguments} {below} }} }} }}");
        for actor in [OWNER, 1, 2] {
            if *field == "group" && actor != OWNER {
                // It is there for its coach only, who made it.
                continue;
            }
            world.product.later(16);
            let reader = &world.people[actor];
            let since = world.product.now();
            let answer = reader.ask(&world.robin.filled(&query), json!({})).await.to_string();
            // What is read twice in fifteen minutes is entered once.
            reader.ask(&world.robin.filled(&query), json!({})).await;
            let left = entered(world, &reader.id, Some(since)).await;
            for (kind, marks) in CONFIDENTIAL {
                let is_shown = marks.iter().any(|mark| answer.contains(mark));
                seen.extend(is_shown.then_some(*kind));
                let new = left.get(*kind).copied().unwrap_or_default();
                if new != usize::from(is_shown && actor != OWNER) {
                    wrong.push(format!("{field} by {} left {new} entries about {kind}: {answer}", ACTORS[actor]));
                }
            }
        }
    }
    let all: BTreeSet<&str> = CONFIDENTIAL.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(seen, all, "the walk must come by every kind");
}

/// What is asked below a field: more lists deep where it is one thing.
pub fn selection(schema: &Schema, of: &str, is_one: bool) -> String {
    let fields = &schema.types[of].fields;
    if fields.is_empty() {
        return String::new();
    }
    match fields.get("nodes").filter(|_| fields.contains_key("edges")) {
        Some(nodes) => format!("{{ nodes {{ {} }} }}", schema.select(&nodes.of, 1)),
        None => format!("{{ {} }}", schema.select(of, if is_one { 3 } else { 1 })),
    }
}

/// The letter of an answer; nothing where it is none of them.
fn shown(world: &World, body: &Value, needle: &str) -> Option<char> {
    if let Some(errors) = body["errors"].as_array() {
        return match errors[0]["extensions"]["code"].as_str() {
            Some("NOT_FOUND") => Some('N'),
            Some("UNAUTHENTICATED") => Some('U'),
            _ => None,
        };
    }
    if body["data"]["viewer"].is_null() {
        return Some('U');
    }
    let text = body["data"].to_string();
    if !needle.is_empty() && text.contains(needle) {
        return Some('A');
    }
    let is_robins = text.contains(world.robin.mark)
        || world
            .robin
            .things
            .iter()
            .any(|(kind, id)| !["practice", "login", "seen"].contains(&kind.as_str()) && text.contains(id));
    (!is_robins).then_some('E')
}

/// What an answer shows that this one must never see.
fn leaks(world: &World, actor: usize, body: &Value) -> impl Iterator<Item = String> {
    let mut never: Vec<&str> = Vec::new();
    if actor != OTHER_OWNER {
        never.push(world.far.mark);
    }
    if (2..=COACHEE).contains(&actor) {
        never.push(world.lee.mark);
    }
    if actor >= NO_ACCESS && actor != COACHEE {
        never.push(world.robin.mark);
    }
    if actor == COACHEE {
        never.extend(NEVER_THE_COACHEES);
    }
    // A self-rating is its coach's alone (A3), and so is a coach's note (S2.32).
    if actor != OWNER {
        never.extend(["ROBIN-REFLECTION", "LEE-REFLECTION", "ROBIN-PRIVATE", "LEE-PRIVATE"]);
        // So is a group.
        never.extend(["ROBIN-GROUP", "ROBIN-PURPOSE", "LEE-GROUP", "LEE-PURPOSE"]);
    }
    // What a coachee wrote for themself is theirs alone; messages are the two sides'.
    if actor != COACHEE {
        never.push("ROBIN-OWN");
    }
    if actor != OWNER && actor != COACHEE {
        never.push("ROBIN-MESSAGE");
    }
    let text = body.to_string();
    never.into_iter().filter(|mark| text.contains(mark)).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Everything by its id, by everybody.
pub async fn nodes(world: &World, wrong: &mut Vec<String>) {
    let query = "query($i: ID!) { node(id: $i) { __typename id } }";
    let many = "query($i: ID!) { nodes(ids: [$i]) { id } }";
    for (_, kind, line) in NODES {
        let found = world.robin.things.iter().find(|(name, _)| name.ends_with(kind)).map(|(_, id)| id);
        let id = found.unwrap_or(&world.people[OWNER].id);
        for (actor, expected) in letters(line).into_iter().enumerate() {
            let person = &world.people[actor];
            let body = person.whole(query, json!({ "i": id })).await.body;
            let got = match body["errors"][0]["extensions"]["code"].as_str() {
                None if body["data"]["node"]["id"] == json!(id) => 'A',
                Some("NOT_FOUND") => 'N',
                Some("UNAUTHENTICATED") => 'U',
                None | Some(_) => '?',
            };
            let nodes = person.whole(many, json!({ "i": id })).await.body["data"]["nodes"][0].clone();
            if got != expected || nodes.is_null() != (expected != 'A') {
                wrong.push(format!("node {kind} by {}: {got} and not {expected}: {body} {nodes}", ACTORS[actor]));
            }
        }
        let far = world.far.like(id).expect("its like");
        if world.people[OWNER].fails(query, json!({ "i": far })).await != "NOT_FOUND" {
            wrong.push(format!("node {kind} of another practice"));
        }
    }
}

/// Lists that are filtered by somebody whom one may not see are empty, and by-id fields do not find.
pub async fn lists_by_foreign_ids(world: &World, wrong: &mut Vec<String>) {
    let lists =
        ["goals", "actions", "sessions", "notes", "files", "authorizations", "activityLog", "assessments", "questions"];
    for (actor, unseen) in [(OWNER, &world.far), (4, &world.lee), (NO_ACCESS, &world.robin)] {
        for list in lists {
            let running = if list == "sessions" { ", running: true" } else { "" };
            let query = format!(
                "{{ viewer {{ coachPortal(practiceId: \"{}\") {{ {list}(filter: {{ coacheeId: $COACHEE{running} }}) {{ nodes {{ __typename }} }} }} }} }}",
                world.practice
            );
            let data = world.people[actor].ask(&unseen.filled(&query), json!({})).await;
            if data["viewer"]["coachPortal"][list]["nodes"] != json!([]) {
                wrong.push(format!("{list} of somebody unseen by {}: {data}", ACTORS[actor]));
            }
        }
        for (field, kind) in [
            ("coachee", "COACHEE"),
            ("group", "GROUP"),
            ("goal", "GOAL"),
            ("action", "ACTION"),
            ("session", "SESSION"),
            ("liveSession", "SESSION"),
        ] {
            let query = format!(
                "{{ viewer {{ coachPortal(practiceId: \"{}\") {{ {field}(id: ${kind}) {{ id }} }} }} }}",
                world.practice
            );
            let real = world.people[actor].whole(&unseen.filled(&query), json!({})).await.body;
            let id =
                unseen.things.iter().find(|(name, _)| name.to_uppercase() == kind).map(|(_, id)| id).expect("an id");
            let none = query.replace(&format!("${kind}"), &format!("\"{}\"", super::nothing_like(id)));
            let none = world.people[actor].whole(&none, json!({})).await.body;
            // Only where in the document the field stands may differ.
            if real != none || real["errors"][0]["extensions"]["code"] != "NOT_FOUND" {
                wrong.push(format!("{field} of somebody unseen by {}: {real} {none}", ACTORS[actor]));
            }
        }
    }
}
