//! D5: asking again after an unknown outcome is safe. The same request under the same idempotency key, up to twenty times and
//! several at once, has one effect and one answer: position, ids and tokens.

use futures_util::future::join_all;
use serde_json::{Value, json};
use tests::{Person, Product, both};

/// How many events there are, in all logs.
async fn events(product: &Product) -> u64 {
    let mut snapshot = product.app.store().snapshot().await.expect("a snapshot");
    let heads = snapshot.heads(None, 1_000).await.expect("heads");
    heads.iter().map(|head| head.seq).sum()
}

/// Somebody who asks again and again.
struct Asking<'p> {
    product: &'p Product,
    done: usize,
}

impl Asking<'_> {
    /// Asks under a new key, many times at once and then once more; what the only answer says.
    async fn ask(&mut self, by: &Person, mutation: &str, variables: Value) -> Value {
        self.done += 1;
        let (key, times) = (format!("retry-{}", self.done), self.done * 7 % 20 + 1);
        let before = events(self.product).await;
        let asked = join_all((0..times).map(|_| by.once(&key, mutation, variables.clone()))).await;
        let first = asked[0].body.clone();
        assert!(first.get("errors").is_none(), "{mutation}: {first}");
        assert!(
            asked.iter().all(|answer| answer.body == first),
            "{mutation}: {times} answers, and not all are {first}"
        );
        let since = events(self.product).await;
        assert!(since > before, "{mutation} did something");
        assert_eq!(by.once(&key, mutation, variables.clone()).await.body, first, "{mutation}");
        assert_eq!(events(self.product).await, since, "{mutation}: a repeat adds nothing");
        let mut other = variables;
        let input = other.as_object_mut().and_then(|fields| fields.values_mut().next()).expect("a variable");
        *input = json!({});
        let refused = by.once(&key, mutation, other).await.body;
        assert!(refused.get("errors").is_some(), "{mutation}: the key is this request's: {refused}");
        let answer = first["data"].as_object().and_then(|data| data.values().next()).cloned().expect("an answer");
        assert_eq!(answer["errors"], json!([]), "{mutation}: {answer}");
        answer
    }
}

fn id(answer: &Value, field: &str) -> String {
    answer[field]["id"].as_str().unwrap_or_else(|| panic!("no {field}: {answer}")).to_owned()
}

both! {
    #[test]
    async fn a_change_may_be_asked_for_again(product: Product) {
        let ada = product.person("ada@practice.example").await;
        let mut asking = Asking { product: &product, done: 0 };
        let create = "mutation($n: String!) { createPractice(input: { name: $n, timeZone: \"Europe/Berlin\", displayName: \"Ada\" }) { practice { id } position errors { code } } }";
        let practice = id(&asking.ask(&ada, create, json!({ "n": "Practice of Ada" })).await, "practice");
        let mutation = |name: &str, input: &str, thing: &str| format!("mutation($i: {input}!) {{ {name}(input: $i) {{ {thing} position errors {{ code }} }} }}");
        let p = |mut fields: Value| { fields["practiceId"] = json!(practice); json!({ "i": fields }) };

        let add = mutation("addCoachee", "AddCoacheeInput", "coachee { id }");
        let invited = json!({ "firstName": "Robin", "email": "robin@coachee.example", "sendInvitation": true });
        let robin = id(&asking.ask(&ada, &add, p(invited)).await, "coachee");
        let mails = product.mail("robin@coachee.example").await;
        assert_eq!(mails.len(), 1, "one invitation was sent");
        let token = product.token("robin@coachee.example", "/invitations/").await;
        let accept = "mutation($t: String!) { acceptInvitation(input: { token: $t, kind: PROGRAM }) { practiceId position signedIn { personId token } errors { code } } }";
        // Not yet as it should be: asked again after it was accepted, an invitation is not valid (docs/SECURITY.md, D5).
        let accepted = product.stranger().ask(accept, json!({ "t": token })).await["acceptInvitation"].clone();
        let coachee = product.stranger().holding(accepted["signedIn"]["token"].as_str().map(str::to_owned));

        let c = |mut fields: Value| { fields["coacheeId"] = json!(robin); p(fields) };
        asking.ask(&ada, &mutation("setActiveGoal", "SetActiveGoalInput", "coachee { id activeGoal }"), c(json!({ "activeGoal": "To speak up" }))).await;
        let goal = id(&asking.ask(&ada, &mutation("addGoal", "AddGoalInput", "goal { id title }"), c(json!({ "title": "Lead", "dueOn": "2027-01-01" }))).await, "goal");
        let milestone = id(&asking.ask(&coachee, &mutation("addMilestone", "AddMilestoneInput", "milestone { id }"), p(json!({ "goalId": goal, "title": "First", "dueOn": "2026-12-01" }))).await, "milestone");
        let action = id(&asking.ask(&coachee, &mutation("addAction", "AddActionInput", "action { id progress }"), c(json!({ "milestoneId": milestone, "title": "Ask", "dueOn": "2026-11-01" }))).await, "action");
        asking.ask(&coachee, &mutation("setActionProgress", "SetActionProgressInput", "action { id progress }"), p(json!({ "actionId": action, "progress": 100 }))).await;

        let approval = json!({ "number": "A-1", "source": "EAP", "totalSessions": 2, "startsOn": "2026-01-01", "endsOn": "2026-12-31", "ratePerHour": { "amount": "120", "currency": "EUR" } });
        let authorization = id(&asking.ask(&ada, &mutation("addAuthorization", "AddAuthorizationInput", "authorization { id }"), c(approval)).await, "authorization");
        let logged = json!({ "startedAt": "2026-03-02T08:00:00Z", "durationMinutes": 50, "authorizationId": authorization });
        asking.ask(&ada, &mutation("logSession", "LogSessionInput", "session { id }"), c(logged)).await;
        let session = id(&asking.ask(&ada, &mutation("startSession", "StartSessionInput", "session { id }"), c(json!({ "authorizationId": authorization }))).await, "session");
        let s = |mut fields: Value| { fields["sessionId"] = json!(session); p(fields) };
        asking.ask(&ada, &mutation("saveSessionNotes", "SaveSessionNotesInput", "revision"), s(json!({ "base": 0, "text": "We spoke." }))).await;
        asking.ask(&ada, &mutation("endSession", "EndSessionInput", "session { id }"), s(json!({ "durationMinutes": 50 }))).await;
        asking.ask(&ada, &mutation("deleteAction", "DeleteActionInput", "deletedId"), p(json!({ "actionId": action }))).await;

        let invited = json!({ "name": "Kim", "email": "kim@practice.example", "role": "COACH" });
        asking.ask(&ada, &mutation("addCoach", "AddCoachInput", "invitation { id }"), p(invited)).await;
        assert!(asking.done > 12);
        product.prove().await;
    }
}
