//! Attempts: who tries each operation of the tables and with what, made anew in the world for each of them.

use serde_json::{Value, json};
use tests::Person;

use super::world::{COACHEE, NO_ACCESS, NOBODY, OWNER, USER, World, access_token, authorization};

/// Who tries it and with what: everything in it is there and theirs to use, if it is anybody's.
pub async fn attempt(world: &mut World, key: &str, actor: usize) -> (Person, Value) {
    let input = match key {
        "requestSignInLink" | "signIn" | "revokeSession" | "signOut" | "signOutEverywhere" | "deleteAccount"
        | "beginGoogleSignIn" | "signInWithGoogle" | "createCalendarFeed" | "revokeCalendarFeed" => {
            account(world, key, actor).await
        }
        _ if key.contains("ppointment") => appointment(world, key).await,
        _ if key.contains("AccessToken") => token(world, key, actor).await,
        "acceptCoachInvitation" | "acceptInvitation" => invitation(world, key).await,
        _ if key.contains("Group") => group(world, key).await,
        "setNotificationPreferences" => json!({ "kinds": [{ "kind": "GOAL_CHANGED", "mail": false }] }),
        "markNotificationsRead" => json!({ "practiceId": world.practice, "upTo": "at1000" }),
        "markNotificationsRead/ids" => {
            json!({ "practiceId": world.practice, "ids": [world.robin.thing("notification")] })
        }
        _ if key.contains("Coachee")
            || key.contains("Invitation")
            || key == "setActiveGoal"
            || key == "setLeadCoach"
            || key == "setBillingModel"
            || key == "writeSynopsis" =>
        {
            coachee(world, key, actor).await
        }
        _ if key.contains("Note") && !key.contains("Session") => note(world, key, actor).await,
        _ if key.contains("File") => file(world, key, actor).await,
        _ if key.contains("Message") || key.contains("Conversation") => message(world, key),
        _ if key.contains("Comment")
            || key.contains("Series")
            || key.contains("Monitoring")
            || key.contains("recurring") =>
        {
            beside(world, key).await
        }
        "commentOnAction" => beside(world, key).await,
        _ if key.contains("Goal") || key.contains("Milestone") || key.contains("Action") => plan(world, key).await,
        _ if key.contains("Assessment") => assessment(world, key).await,
        _ if key.contains("Question") => question(world, key),
        _ if key.contains("Session") || key.contains("Step") => session(world, key).await,
        _ if key.contains("Authorization") => money(world, key).await,
        _ => practice(world, key).await,
    };
    (world.people[actor].clone(), input)
}

async fn account(world: &mut World, key: &str, actor: usize) -> Value {
    let email = format!("somebody{}@elsewhere.example", world.next());
    match key {
        "requestSignInLink" => json!({ "email": email }),
        "deleteAccount" => json!({ "confirmEmail": world.people[actor].email }),
        "signInWithGoogle" => json!({ "credential": "a.b.c" }),
        "signIn" => {
            let stranger = world.product.stranger();
            let asked = stranger.ask(
                "mutation($e: EmailAddress!) { requestSignInLink(input: { email: $e }) { code } }",
                json!({ "e": email }),
            );
            let code = asked.await["requestSignInLink"]["code"].clone();
            let token = world.product.token(&email, "/login?token=").await;
            json!({ "token": token, "code": code, "kind": "PROGRAM" })
        }
        "revokeSession" if actor == NOBODY => json!({ "sessionId": world.far.thing("login") }),
        "revokeSession" => {
            let again = world.product.person(&world.people[actor].email.clone()).await;
            let sessions = again.ask("{ viewer { account { sessions { id current } } } }", json!({})).await;
            let sessions = sessions["viewer"]["account"]["sessions"].as_array().expect("sessions").clone();
            let new = sessions.iter().find(|session| session["current"] == true).expect("the new one");
            json!({ "sessionId": new["id"] })
        }
        _ => Value::Null,
    }
}

async fn token(world: &mut World, key: &str, actor: usize) -> Value {
    let portal = if key == "createAccessToken/coachee" { "COACHEE" } else { "COACH" };
    let input = access_token(&world.practice, portal, "WRITE");
    match key {
        "revokeAccessToken" if actor <= NO_ACCESS => {
            let made = world.done(&world.people[actor], "createAccessToken", input).await;
            json!({ "accessTokenId": made["accessToken"]["id"] })
        }
        "revokeAccessToken" => json!({ "accessTokenId": world.robin.thing("accesstoken") }),
        _ => input,
    }
}

/// Invitations come from a third practice: accepting them changes nothing in the one that is tried.
async fn invitation(world: &mut World, key: &str) -> Value {
    let email = format!("guest{}@elsewhere.example", world.next());
    let (host, practice) = world.host.clone();
    if key == "acceptCoachInvitation" {
        world.done(&host, "addCoach", json!({ "practiceId": practice, "name": "Guest", "email": email })).await;
    } else {
        let input = json!({ "practiceId": practice, "firstName": "Guest", "email": email, "sendInvitation": true });
        world.done(&host, "addCoachee", input).await;
    }
    json!({ "token": world.product.token(&email, "/invitations/").await, "kind": "PROGRAM" })
}

async fn practice(world: &mut World, key: &str) -> Value {
    let (practice, robin, target) = (world.practice.clone(), world.robin.coachee.clone(), world.target.clone());
    let access = json!({ "practiceId": practice, "coachId": target, "coacheeId": robin, "level": "USER" });
    let without = json!({ "practiceId": practice, "coachId": target, "coacheeId": robin });
    let owner = world.people[OWNER].clone();
    match key {
        "createPractice" => json!({ "name": "New", "timeZone": "Europe/Berlin", "displayName": "Founder" }),
        "updatePractice" => json!({ "practiceId": practice, "lowSessions": world.next() }),
        "addCoach" | "addCoach/manager" => {
            let role = if key == "addCoach" { "COACH" } else { "MANAGER" };
            let email = format!("invited{}@practice.example", world.next());
            json!({ "practiceId": practice, "name": "Invited", "email": email, "role": role })
        }
        "setCoachRole" => {
            json!({ "practiceId": practice, "coachId": world.new_coach("COACH").await, "role": "MANAGER" })
        }
        "removeCoach" => json!({ "practiceId": practice, "coachId": world.new_coach("COACH").await }),
        "removeCoach/manager" => json!({ "practiceId": practice, "coachId": world.new_coach("MANAGER").await }),
        "updateCoachSettings" => json!({ "practiceId": practice, "title": format!("Coach {}", world.next()) }),
        "updateCoachSettings/another" => {
            json!({ "practiceId": practice, "coachId": target, "title": format!("Coach {}", world.next()) })
        }
        "grantAccess" => {
            world.send(&owner, "revokeAccess", &without).await;
            access
        }
        "changeAccess" => {
            world.send(&owner, "grantAccess", &access).await;
            json!({ "practiceId": practice, "coachId": target, "coacheeId": robin, "level": "ADMIN" })
        }
        "revokeAccess" => {
            world.send(&owner, "grantAccess", &access).await;
            without
        }
        _ => panic!("how is {key} tried?"),
    }
}

async fn coachee(world: &mut World, key: &str, actor: usize) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let owner = world.people[OWNER].clone();
    match key {
        "addCoachee" | "addCoachee/closed" => {
            let is_open = key == "addCoachee";
            world
                .done(&owner, "updatePractice", json!({ "practiceId": practice, "coachesMayAddCoachees": is_open }))
                .await;
            let email = format!("added{}@coachee.example", world.next());
            json!({ "practiceId": practice, "firstName": "Added", "email": email })
        }
        "importCoachees" | "importCoachees/dry" | "importCoachees/closed" => {
            let (is_open, is_dry) = (!key.ends_with("closed"), key.ends_with("dry"));
            let open = json!({ "practiceId": practice, "coachesMayAddCoachees": is_open });
            world.done(&owner, "updatePractice", open).await;
            let csv = format!("first name,email\nAdded,added{}@coachee.example\n", world.next());
            json!({ "practiceId": practice, "csv": csv, "dryRun": is_dry })
        }
        // The coachee tries it with themself.
        "deactivateCoachee" | "reactivateCoachee" if actor == COACHEE => {
            json!({ "practiceId": practice, "coacheeId": robin })
        }
        "deactivateCoachee" => json!({ "practiceId": practice, "coacheeId": world.new_client().await }),
        "reactivateCoachee" => {
            let coachee = world.new_client().await;
            world.done(&owner, "deactivateCoachee", json!({ "practiceId": practice, "coacheeId": coachee })).await;
            json!({ "practiceId": practice, "coacheeId": coachee })
        }
        "setLeadCoach" if actor == COACHEE => {
            json!({ "practiceId": practice, "coacheeId": robin, "coachId": owner.id })
        }
        "setLeadCoach" => {
            json!({ "practiceId": practice, "coacheeId": world.new_client().await, "coachId": world.people[USER].id })
        }
        "setBillingModel" => {
            let model = ["EAP", "MONTHLY_RETAINER", "PAY_PER_SESSION", "PACKAGES", "FREE"][world.next() % 5];
            json!({ "practiceId": practice, "coacheeId": robin, "billingModel": model })
        }
        "updateCoachee" => {
            json!({ "practiceId": practice, "coacheeId": world.kim, "lastName": format!("Kim {}", world.next()) })
        }
        "updateCoachee/active" => {
            json!({ "practiceId": practice, "coacheeId": robin, "lastName": format!("Reed {}", world.next()) })
        }
        // The coachee tries it with themself.
        "sendInvitation" | "resendInvitation" if actor == COACHEE => {
            json!({ "practiceId": practice, "coacheeId": robin })
        }
        "sendInvitation" => json!({ "practiceId": practice, "coacheeId": world.new_client().await }),
        "resendInvitation" => {
            let coachee = world.new_client().await;
            world.done(&owner, "sendInvitation", json!({ "practiceId": practice, "coacheeId": coachee })).await;
            json!({ "practiceId": practice, "coacheeId": coachee })
        }
        "eraseCoachee" if actor == COACHEE => {
            json!({ "practiceId": practice, "coacheeId": robin, "confirmName": "Robin Reed" })
        }
        "eraseCoachee" => {
            let coachee = world.new_client().await;
            json!({ "practiceId": practice, "coacheeId": coachee, "confirmName": "fresh" })
        }
        "setActiveGoal" => {
            json!({ "practiceId": practice, "coacheeId": robin, "activeGoal": format!("Aim {}", world.next()) })
        }
        "writeSynopsis" => {
            json!({ "practiceId": practice, "coacheeId": robin, "synopsis": format!("Synopsis {}", world.next()) })
        }
        _ => panic!("how is {key} tried?"),
    }
}

async fn group(world: &mut World, key: &str) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    match key {
        "createGroup" => return json!({ "practiceId": practice, "name": "A group" }),
        "createGroup/robin" => {
            return json!({ "practiceId": practice, "name": "A group", "coacheeIds": [robin] });
        }
        _ => {}
    }
    // The owner's.
    let group = world.made("createGroup", json!({ "practiceId": practice, "name": "A group" })).await;
    match key {
        "updateGroup" => {
            json!({ "practiceId": practice, "groupId": group, "name": "Another", "addCoacheeIds": [robin] })
        }
        "deleteGroup" => json!({ "practiceId": practice, "groupId": group }),
        _ => panic!("how is {key} tried?"),
    }
}

async fn plan(world: &mut World, key: &str) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let new_goal = json!({ "practiceId": practice, "coacheeId": robin, "title": "A goal", "dueOn": "2026-06-30" });
    if key == "addGoal" {
        return new_goal;
    }
    let goal = world.made("addGoal", new_goal).await;
    let new_action = json!({ "practiceId": practice, "coacheeId": robin, "goalId": goal, "title": "An action" });
    let new_milestone =
        json!({ "practiceId": practice, "goalId": goal, "title": "A milestone", "dueOn": "2026-06-30" });
    match key {
        "updateGoal" => return json!({ "practiceId": practice, "goalId": goal, "title": "Another goal" }),
        "deleteGoal" => return json!({ "practiceId": practice, "goalId": goal }),
        "addMilestone" => return new_milestone,
        "addAction" => return new_action,
        _ => {}
    }
    let milestone = world.made("addMilestone", new_milestone).await;
    let new_action =
        json!({ "practiceId": practice, "coacheeId": robin, "milestoneId": milestone, "title": "An action" });
    match key {
        "updateMilestone" => return json!({ "practiceId": practice, "milestoneId": milestone, "dueOn": "2026-07-31" }),
        "deleteMilestone" => return json!({ "practiceId": practice, "milestoneId": milestone }),
        "addAction/milestone" => return new_action,
        _ => {}
    }
    let action = world.made("addAction", new_action).await;
    match key {
        "updateAction" => json!({ "practiceId": practice, "actionId": action, "description": "At length" }),
        "setActionProgress" => json!({ "practiceId": practice, "actionId": action, "progress": 50 }),
        "deleteAction" => json!({ "practiceId": practice, "actionId": action }),
        _ => panic!("how is {key} tried?"),
    }
}

/// What is beside an action: comments, series, monitoring.
async fn beside(world: &mut World, key: &str) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let mut new = json!({ "practiceId": practice, "coacheeId": robin, "title": "An action" });
    if key.contains("Series") || key.contains("recurring") {
        new["dueOn"] = json!("2027-01-01");
        new["recurrence"] = json!({ "frequency": "WEEKLY", "times": 9 });
        if key == "addAction/recurring" {
            return new;
        }
        let action = world.made("addAction", new).await;
        let query = "query($i: ID!) { node(id: $i) { ... on Action { seriesId } } }";
        let series = world.people[OWNER].ask(query, json!({ "i": action })).await["node"]["seriesId"].clone();
        let mut input = json!({ "practiceId": practice, "seriesId": series });
        if key == "updateActionSeries" {
            input["title"] = json!("In other words");
        }
        return input;
    }
    if key == "setActionMonitoring" {
        // They may not have been here for long.
        world.sign_in_again(COACHEE).await;
        let action = world.done(&world.people[COACHEE], "addAction", new).await["action"]["id"].clone();
        return json!({ "practiceId": practice, "actionId": action, "monitored": true });
    }
    let action = world.made("addAction", new).await;
    if key == "setActionMonitoring/coachs" {
        return json!({ "practiceId": practice, "actionId": action, "monitored": true });
    }
    let comment = json!({ "practiceId": practice, "actionId": action, "text": "A comment" });
    if key == "commentOnAction" {
        return comment;
    }
    let comment = world.made("commentOnAction", comment).await;
    let mut input = json!({ "practiceId": practice, "commentId": comment });
    if key == "updateComment" {
        input["text"] = json!("Another comment");
    }
    input
}

async fn session(world: &mut World, key: &str) -> Value {
    let (practice, robin, owner) = (world.practice.clone(), world.robin.coachee.clone(), world.people[OWNER].clone());
    match key {
        "startSession" => return json!({ "practiceId": practice, "coacheeId": robin }),
        "logSession" => {
            let began = "2026-03-01T09:00:00Z";
            return json!({ "practiceId": practice, "coacheeId": robin, "startedAt": began, "durationMinutes": 50 });
        }
        _ => {}
    }
    let session = world.session().await;
    let about = |mut rest: Value| {
        rest["practiceId"] = json!(practice);
        rest["sessionId"] = json!(session);
        rest
    };
    match key {
        "updateSession" => about(json!({ "title": "Another title" })),
        "rateSession" => about(json!({ "rating": 7, "reflection": "Calm" })),
        "saveSessionNotes" => about(json!({ "base": 0, "text": "Notes" })),
        "restoreSessionNotes" => {
            for (base, text) in [(0, "First"), (1, "Second")] {
                world.done(&owner, "saveSessionNotes", about(json!({ "base": base, "text": text }))).await;
            }
            about(json!({ "revision": 1 }))
        }
        "setNextSteps" | "checkNextStep" => {
            world.done(&owner, "setNextSteps", about(json!({ "steps": [{ "text": "A step" }] }))).await;
            let step = world.step(&owner, &practice, &session).await;
            if key == "checkNextStep" {
                return json!({ "practiceId": practice, "nextStepId": step, "done": true });
            }
            about(json!({ "steps": [{ "id": step, "text": "A step" }, { "text": "Another" }] }))
        }
        "endSession" => about(json!({ "durationMinutes": 50 })),
        "setSessionStatus" => {
            world.done(&owner, "endSession", about(json!({ "durationMinutes": 50 }))).await;
            about(json!({ "status": "LATE" }))
        }
        _ => panic!("how is {key} tried?"),
    }
}

async fn note(world: &mut World, key: &str, actor: usize) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let new = json!({ "practiceId": practice, "coacheeId": robin, "title": "A note", "text": "Thoughts" });
    if key == "writeNote" {
        return new;
    }
    let (mutation, case) = key.split_once('/').unwrap_or((key, "own"));
    // Its author: the coachee of one that is or will be shared, the owner of a private one, else whoever tries it.
    let coachees = case == "shared" || ["shareNote", "unshareNote"].contains(&key);
    let author = match case {
        _ if coachees => COACHEE,
        "own" if actor < NO_ACCESS || actor == COACHEE => actor,
        _ => OWNER,
    };
    let author = world.people[author].clone();
    let note = world.made_by(&author, "writeNote", new).await;
    let about = |mut rest: Value| {
        rest["practiceId"] = json!(practice);
        rest["noteId"] = json!(note);
        rest
    };
    if case == "shared" || key == "unshareNote" {
        world.done(&author, "shareNote", about(json!({}))).await;
    }
    match mutation {
        "saveNote" => about(json!({ "base": 1, "text": "More thoughts" })),
        "restoreNote" => {
            world.done(&author, "saveNote", about(json!({ "base": 1, "text": "Second" }))).await;
            about(json!({ "revision": 1 }))
        }
        "commentOnNote" => about(json!({ "text": "Indeed" })),
        "shareNote" | "unshareNote" | "deleteNote" => about(json!({})),
        _ => panic!("how is {key} tried?"),
    }
}

async fn file(world: &mut World, key: &str, actor: usize) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let (mutation, case) = key.split_once('/').unwrap_or((key, "own"));
    let permission = if ["owners", "coachees"].contains(&case) { "SHARED" } else { "PRIVATE" };
    let content = tests::file("a file.txt", "Words in a file");
    let new = json!({ "practiceId": practice, "coacheeId": robin, "permission": permission, "file": content });
    if mutation == "uploadFile" {
        return new;
    }
    let owner = match case {
        "coachees" => COACHEE,
        "own" if actor < NO_ACCESS || actor == COACHEE => actor,
        _ => OWNER,
    };
    let owner = world.people[owner].clone();
    let file = world.made_by(&owner, "uploadFile", new).await;
    match mutation {
        "setFilePermission" => {
            let other = if permission == "SHARED" { "PRIVATE" } else { "SHARED" };
            json!({ "practiceId": practice, "fileId": file, "permission": other })
        }
        "deleteFile" => json!({ "practiceId": practice, "fileId": file }),
        _ => panic!("how is {key} tried?"),
    }
}

fn message(world: &World, key: &str) -> Value {
    let (practice, conversation) = (world.practice.clone(), world.robin.thing("conversation").to_owned());
    match key {
        "sendMessage" => json!({ "practiceId": practice, "coacheeId": world.robin.coachee, "text": "Hello" }),
        "sendMessage/conversation" => {
            json!({ "practiceId": practice, "conversationId": conversation, "text": "Hello" })
        }
        "markConversationRead" => json!({ "practiceId": practice, "conversationId": conversation }),
        _ => panic!("how is {key} tried?"),
    }
}

async fn appointment(world: &mut World, key: &str) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let mut new =
        json!({ "practiceId": practice, "coacheeId": robin, "title": "An appointment", "start": "2026-11-10T09:00" });
    if key == "addAppointment" {
        new["coachId"] = json!(world.people[OWNER].id);
        return new;
    }
    let appointment = world.made("addAppointment", new).await;
    let about = json!({ "practiceId": practice, "appointmentId": appointment });
    let with = |name: &str, value: &str| {
        let mut about = about.clone();
        about[name] = json!(value);
        about
    };
    match key {
        "rescheduleAppointment" => with("start", "2026-11-11T09:00"),
        "cancelAppointment" => about,
        "respondToAppointment" => with("answer", "GOING"),
        "startSession/appointment" => with("coacheeId", &robin),
        _ => panic!("how is {key} tried?"),
    }
}

async fn money(world: &mut World, key: &str) -> Value {
    let (practice, owner) = (world.practice.clone(), world.people[OWNER].clone());
    let mut new = authorization("ANY-", 9);
    new["practiceId"] = json!(practice);
    new["coacheeId"] = json!(world.robin.coachee);
    if key == "addAuthorization" {
        return new;
    }
    let authorization = world.made("addAuthorization", new).await;
    match key {
        "updateAuthorization" => {
            json!({ "practiceId": practice, "authorizationId": authorization, "totalSessions": 12 })
        }
        "closeAuthorization" => json!({ "practiceId": practice, "authorizationId": authorization }),
        "linkAuthorization" | "unlinkAuthorization" => {
            let session = world.session().await;
            let link = json!({ "practiceId": practice, "sessionId": session, "authorizationId": authorization });
            if key == "linkAuthorization" {
                return link;
            }
            world.done(&owner, "linkAuthorization", link).await;
            json!({ "practiceId": practice, "sessionId": session })
        }
        _ => panic!("how is {key} tried?"),
    }
}

async fn assessment(world: &mut World, key: &str) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let form = json!([{ "words": "Well?", "kind": "SHORT_TEXT" }]);
    let new = json!({ "practiceId": practice, "title": "A form", "questions": form });
    if key == "createAssessmentTemplate" {
        return new;
    }
    let template = world.made("createAssessmentTemplate", new).await;
    if key == "removeAssessmentTemplate" {
        return json!({ "practiceId": practice, "templateId": template });
    }
    let new = json!({ "practiceId": practice, "coacheeId": robin, "templateId": template });
    if key == "assignAssessment" {
        return new;
    }
    let assessment = world.made("assignAssessment", new).await;
    let about = json!({ "practiceId": practice, "assessmentId": assessment });
    let mut answered = about.clone();
    answered["answers"] = json!([{ "question": 0, "text": "Well." }]);
    match key {
        "saveAssessmentDraft" | "submitAssessment" => answered,
        "remindAssessment" | "deleteAssessmentResult" => about,
        "resetAssessment" => {
            // Their sign-in may have ended meanwhile.
            world.sign_in_again(COACHEE).await;
            world.done(&world.people[COACHEE], "submitAssessment", answered).await;
            about
        }
        _ => panic!("how is {key} tried?"),
    }
}

fn question(world: &World, key: &str) -> Value {
    let (practice, robin) = (world.practice.clone(), world.robin.coachee.clone());
    let about = |mut rest: Value| {
        rest["practiceId"] = json!(practice);
        rest["questionId"] = json!(world.robin.thing("question"));
        rest
    };
    match key {
        "assignQuestions" => json!({ "practiceId": practice, "coacheeId": robin, "questions": ["Well?"] }),
        "answerQuestion" => about(json!({ "answer": "Well." })),
        "commentOnQuestion" => about(json!({ "text": "Well." })),
        _ => panic!("how is {key} tried?"),
    }
}
