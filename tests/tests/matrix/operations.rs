//! Who may do what, written by hand from the facts.
//!
//! | letter | what becomes of it |
//! | --- | --- |
//! | Y | it is done |
//! | R | it is refused for a reason of its own (a `UserError`) |
//! | F | `FORBIDDEN`: they see it and may not do this |
//! | N | `NOT_FOUND`: they must not learn that it is there |
//! | U | `UNAUTHENTICATED` |
//!
//! Columns: owner, manager, coach with Admin, User Admin, User – coach without access, the coachee, another coachee,
//! another practice's owner, nobody.

/// Mutations. What follows a `/` is a case of the mutation before it.
pub const MUTATIONS: &[(&str, &str)] = &[
    // Anybody may ask for a link and use it; one's own account is everybody's who has one (S1.8, S1.81).
    ("requestSignInLink", "YYYYY YYYYY"),
    ("signIn", "YYYYY YYYYY"),
    // Google is not set up here.
    ("beginGoogleSignIn", "RRRRR RRRRR"),
    ("signInWithGoogle", "RRRRR RRRRR"),
    ("revokeSession", "YYYYY YYYYU"),
    ("signOut", "YYYYY YYYYU"),
    ("signOutEverywhere", "YYYYY YYYYU"),
    // An account is deleted in a browser with a fresh sign-in; these hold tokens of programs.
    ("deleteAccount", "RRRRR RRRRU"),
    ("createPractice", "YYYYY YYYYU"),
    // A token reaches portals that its maker has, and is its maker's to end (A8).
    ("createAccessToken", "YYYYY YNNNU"),
    ("createAccessToken/coachee", "NNNNN NYYNU"),
    ("revokeAccessToken", "YYYYY YNNNU"),
    // An invitation is for whoever holds its link.
    ("acceptCoachInvitation", "YYYYY YYYYY"),
    ("acceptInvitation", "YYYYY YYYYY"),
    // The practice and its coaches are the managers' (S4.3, S4.7); managers are the owner's.
    ("updatePractice", "YYFFF FNNNU"),
    ("addCoach", "YYFFF FNNNU"),
    ("addCoach/manager", "YFFFF FNNNU"),
    ("setCoachRole", "YFFFF FNNNU"),
    ("removeCoach", "YYFFF FNNNU"),
    ("removeCoach/manager", "YFFFF FNNNU"),
    // One's own settings (S1.12); a manager changes anybody's.
    ("updateCoachSettings", "YYYYY YNNNU"),
    ("updateCoachSettings/another", "YYFFF FNNNU"),
    // Only managers grant access (S4.3); who does not see the client must not learn of them.
    ("grantAccess", "YYFFF NNNNU"),
    ("changeAccess", "YYFFF NNNNU"),
    ("revokeAccess", "YYFFF NNNNU"),
    // Owner and managers always, coaches where the practice lets them (S4.1).
    ("addCoachee", "YYYYY YNNNU"),
    ("addCoachee/closed", "YYFFF FNNNU"),
    // Name and email are the coaches' until the account is active, then the coachee's (S2.7).
    ("updateCoachee", "YYYYY NNNNU"),
    ("updateCoachee/active", "RRRRR NYNNU"),
    // Inviting is administration: User Admin and Admin (S4.6, S4.8).
    ("sendInvitation", "YYYYF NFNNU"),
    ("resendInvitation", "YYYYF NFNNU"),
    // So are statuses (S4.6, S4.8).
    ("deactivateCoachee", "YYYYF NFNNU"),
    ("reactivateCoachee", "YYYYF NFNNU"),
    // Who leads, and money: Admin, and the managers. The coachee knows that somebody leads, and nothing of money.
    ("setLeadCoach", "YYYFF NFNNU"),
    ("setBillingModel", "YYYFF NNNNU"),
    // Many at once are added by whoever may add one, also where that is tried dry.
    ("importCoachees", "YYYYY YNNNU"),
    ("importCoachees/dry", "YYYYY YNNNU"),
    ("importCoachees/closed", "YYFFF FNNNU"),
    // What takes away every coach's work with a coachee takes Admin.
    ("eraseCoachee", "YYYFF NFNNU"),
    // The client's data is full access for a User (S4.7); the coachee does not write the coach's side.
    ("setActiveGoal", "YYYYY NFNNU"),
    ("writeSynopsis", "YYYYY NFNNU"),
    // Groups are every coach's own, of coachees whom they see (S2.10); another's are not there, whoever they are.
    ("createGroup", "YYYYY YNNNU"),
    ("createGroup/robin", "YYYYY NNNNU"),
    ("updateGroup", "YNNNN NNNNU"),
    ("deleteGroup", "YNNNN NNNNU"),
    // The plan is both sides' (S2.27, S3.10, S3.15).
    ("addGoal", "YYYYY NYNNU"),
    ("updateGoal", "YYYYY NYNNU"),
    ("deleteGoal", "YYYYY NYNNU"),
    ("addMilestone", "YYYYY NYNNU"),
    ("updateMilestone", "YYYYY NYNNU"),
    ("deleteMilestone", "YYYYY NYNNU"),
    ("addAction", "YYYYY NYNNU"),
    ("addAction/milestone", "YYYYY NYNNU"),
    ("updateAction", "YYYYY NYNNU"),
    ("setActionProgress", "YYYYY NYNNU"),
    ("deleteAction", "YYYYY NYNNU"),
    // Whoever sees an action comments on it; a comment is its author's own (S2.18).
    ("commentOnAction", "YYYYY NYNNU"),
    ("updateComment", "YFFFF NFNNU"),
    ("deleteComment", "YFFFF NFNNU"),
    // What recurs is as much both sides' as what does not (S2.19).
    ("addAction/recurring", "YYYYY NYNNU"),
    ("updateActionSeries", "YYYYY NYNNU"),
    ("endActionSeries", "YYYYY NYNNU"),
    // The coachee alone, and what they made (S2.22).
    ("setActionMonitoring", "FFFFF NYNNU"),
    ("setActionMonitoring/coachs", "FFFFF NRNNU"),
    // Sessions are the coaches' who have access; the coachee sees that they were, and checks next steps (S1.43).
    ("startSession", "YYYYY NFNNU"),
    ("updateSession", "YYYYY NFNNU"),
    ("saveSessionNotes", "YYYYY NFNNU"),
    ("restoreSessionNotes", "YYYYY NFNNU"),
    ("setNextSteps", "YYYYY NFNNU"),
    ("checkNextStep", "YYYYY NYNNU"),
    ("linkAuthorization", "YYYYY NFNNU"),
    ("unlinkAuthorization", "YYYYY NFNNU"),
    ("endSession", "YYYYY NFNNU"),
    ("logSession", "YYYYY NFNNU"),
    ("setSessionStatus", "YYYYY NFNNU"),
    // Appointments are the coaches' who have access to make, move and cancel (S2.16); who comes, the coachee alone says.
    ("addAppointment", "YYYYY NFNNU"),
    ("rescheduleAppointment", "YYYYY NFNNU"),
    ("cancelAppointment", "YYYYY NFNNU"),
    ("respondToAppointment", "FFFFF NYNNU"),
    ("startSession/appointment", "YYYYY NFNNU"),
    // One's own calendar's address.
    ("createCalendarFeed", "YYYYY YYYYU"),
    ("revokeCalendarFeed", "YYYYY YYYYU"),
    // The owner held the session: rating it is the owner's alone (S1.45).
    ("rateSession", "YFFFF NFNNU"),
    // Forms are the practice's; assigning them is work with a client (S4.7), answering them is the coachee's alone, and
    // results are administration (S4.6, S4.8, S4.9).
    ("createAssessmentTemplate", "YYYYY YNNNU"),
    ("removeAssessmentTemplate", "YYYYY YNNNU"),
    ("assignAssessment", "YYYYY NFNNU"),
    ("saveAssessmentDraft", "FFFFF NYNNU"),
    ("submitAssessment", "FFFFF NYNNU"),
    ("remindAssessment", "YYYYF NFNNU"),
    ("resetAssessment", "YYYYF NFNNU"),
    ("deleteAssessmentResult", "YYYYF NFNNU"),
    // Coaching questions are asked by the coaches' side, answered by the coachee, and talked about by both (S2.16, S3.2).
    ("assignQuestions", "YYYYY NFNNU"),
    ("answerQuestion", "FFFFF NYNNU"),
    ("commentOnQuestion", "YYYYY NYNNU"),
    // A note is its author's: whoever works with the client writes their own, and so does the coachee (S2.31, S2.32).
    ("writeNote", "YYYYY NYNNU"),
    // Each tries it with a note of their own.
    ("saveNote", "YYYYY NYNNU"),
    ("restoreNote", "YYYYY NYNNU"),
    ("commentOnNote", "YYYYY NYNNU"),
    ("deleteNote", "YYYYY NYNNU"),
    // With the owner's own note: nobody else learns of it.
    ("saveNote/private", "YNNNN NNNNU"),
    ("restoreNote/private", "YNNNN NNNNU"),
    ("commentOnNote/private", "YNNNN NNNNU"),
    ("deleteNote/private", "YNNNN NNNNU"),
    // A coach's note cannot be shared, and is not there for others.
    ("shareNote/private", "RNNNN NNNNU"),
    ("unshareNote/private", "RNNNN NNNNU"),
    // With a note that the coachee shares: coaches see it, and only its author changes it.
    ("shareNote", "NNNNN NYNNU"),
    ("unshareNote", "FFFFF NYNNU"),
    ("saveNote/shared", "FFFFF NYNNU"),
    ("restoreNote/shared", "FFFFF NYNNU"),
    ("commentOnNote/shared", "YYYYY NYNNU"),
    ("deleteNote/shared", "FFFFF NYNNU"),
    // A file is its uploader's: whoever works with the client uploads their own, and so does the coachee (S2.29, S3.19).
    ("uploadFile", "YYYYY NYNNU"),
    // Each tries it with a file of their own.
    ("setFilePermission", "YYYYY NYNNU"),
    ("deleteFile", "YYYYY NYNNU"),
    // With the owner's private one: nobody else learns of it.
    ("setFilePermission/private", "YNNNN NNNNU"),
    ("deleteFile/private", "YNNNN NNNNU"),
    // With one that the owner shares, and with one that the coachee shares: who sees it changes nothing.
    ("setFilePermission/owners", "YFFFF NFNNU"),
    ("deleteFile/owners", "YFFFF NFNNU"),
    ("setFilePermission/coachees", "FFFFF NYNNU"),
    ("deleteFile/coachees", "FFFFF NYNNU"),
    // Whoever works with the coachee writes to them, and the coachee to the coach who leads them (S2.16).
    ("sendMessage", "YYYYY NYNNU"),
    // Into the conversation of the owner and Robin, which is the two sides' alone.
    ("sendMessage/conversation", "YNNNN NYNNU"),
    ("markConversationRead", "YNNNN NYNNU"),
    // Everybody's own: all of a member's, and what Robin did is told to the coach who leads Robin.
    ("markNotificationsRead/ids", "YNNNN NNNNU"),
    ("markNotificationsRead", "YYYYY YYYNU"),
    ("setNotificationPreferences", "YYYYY YYYYU"),
    // Money: Admin, and the managers (S4.3, S4.8). The coachee never sees an authorization.
    ("addAuthorization", "YYYFF NNNNU"),
    ("updateAuthorization", "YYYFF NNNNU"),
    ("closeAuthorization", "YYYFF NNNNU"),
];

/// Subscriptions with their arguments. Whoever is let in hears something at once, for they listen from the beginning.
pub const SUBSCRIPTIONS: &[(&str, &str, &str)] = &[
    ("activity", "practiceId: $PRACTICE, after: \"at1\"", "YYYYY YYYNU"),
    ("coachPortalChanges", "practiceId: $PRACTICE, after: \"at1\"", "YYYYY YNNNU"),
    ("coacheePortalChanges", "practiceId: $PRACTICE, after: \"at1\"", "NNNNN NYYNU"),
    ("plan", "practiceId: $PRACTICE, coacheeId: $COACHEE, after: \"at1\"", "YYYYY NYNNU"),
    ("liveSession", "practiceId: $PRACTICE, id: $SESSION, after: \"at1\"", "YYYYY NNNNU"),
    ("conversation", "practiceId: $PRACTICE, id: $CONVERSATION, after: \"at1\"", "YNNNN NYNNU"),
    // Only the owner has any; the others are told to load, since they came into the practice meanwhile.
    ("notifications", "practiceId: $PRACTICE, after: \"at1\"", "YYYYY YYYNU"),
];
