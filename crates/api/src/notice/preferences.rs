//! Which notifications reach the viewer, how and when: a part of the account, for all their practices.

use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use domain::id::LogId;
use domain::notice::{Channel, DayTime, Kind, Preferences, Quiet, SetPreferences, Silenced, Want};

use super::NotificationKind;
use crate::scalars::TimeZone;
use crate::words::{New, Result, UserError, app, error, send, viewer};

/// Which notifications reach the viewer, how and when. All do, at once, until something else is set.
#[derive(SimpleObject)]
pub struct NotificationPreferences {
    /// Every kind, and in which ways it reaches the viewer.
    kinds: Vec<NotificationPreference>,
    /// When no mail comes; it waits until these hours end. Nothing where mail comes at any time.
    quiet_hours: Option<QuietHours>,
    /// When the notifications of a day come in one mail, `18:00`; nothing where each is mailed by itself.
    digest_at: Option<String>,
    /// Whose clock both go by; where nothing is set, the one of the coach settings or of the practice.
    time_zone: Option<TimeZone>,
}

impl NotificationPreferences {
    /// From its row.
    pub fn new(row: Preferences) -> Self {
        let kind = |kind: Kind| NotificationPreference {
            kind: kind.into(),
            in_app: row.want(kind, Channel::App),
            mail: row.want(kind, Channel::Mail),
        };
        let quiet = |quiet: Quiet| QuietHours { from: quiet.from.to_string(), until: quiet.until.to_string() };
        Self {
            kinds: Kind::ALL.into_iter().map(kind).collect(),
            quiet_hours: row.quiet.map(quiet),
            digest_at: row.digest.map(|at| at.to_string()),
            time_zone: row.zone.map(TimeZone),
        }
    }
}

/// In which ways a kind of notification reaches the viewer.
#[derive(SimpleObject)]
pub struct NotificationPreference {
    /// Which kind.
    kind: NotificationKind,
    /// Whether it is in the portal.
    in_app: bool,
    /// Whether it is mailed.
    mail: bool,
}

/// Hours of the day, which may lie around midnight.
#[derive(SimpleObject, InputObject)]
#[graphql(input_name = "QuietHoursInput")]
pub struct QuietHours {
    /// From this time of day on: `22:00`.
    from: String,
    /// Until this time of day: `07:00`.
    until: String,
}

/// In which ways a kind of notification is to reach the viewer; what is left out stays.
#[derive(InputObject)]
pub struct NotificationPreferenceInput {
    /// Which kind.
    kind: NotificationKind,
    /// Whether it is in the portal.
    in_app: Option<bool>,
    /// Whether it is mailed; `true` is refused for kinds that never are.
    mail: Option<bool>,
}

/// Sets which notifications reach the viewer; what is left out stays.
#[derive(InputObject)]
pub struct SetNotificationPreferencesInput {
    /// Kinds, and in which ways they reach the viewer.
    kinds: Option<Vec<NotificationPreferenceInput>>,
    /// When no mail comes; `null` ends quiet hours.
    quiet_hours: MaybeUndefined<QuietHours>,
    /// When the notifications of a day come in one mail, `18:00`; `null` ends that.
    digest_at: MaybeUndefined<String>,
    /// Whose clock both go by; `null` means the one of the coach settings or of the practice.
    time_zone: MaybeUndefined<TimeZone>,
}

/// What became of setting preferences.
#[derive(SimpleObject)]
pub struct NotificationPreferencesPayload {
    /// The preferences since. Nothing where it was refused.
    notification_preferences: Option<NotificationPreferences>,
    /// Why it was refused; empty where it was done.
    errors: Vec<UserError>,
}

/// Preferences of notifications.
#[derive(Default)]
pub struct PreferencesMutation;

#[Object]
impl PreferencesMutation {
    /// Sets which notifications reach the viewer, how and when, in all their practices. No program may.
    async fn set_notification_preferences(
        &self,
        ctx: &Context<'_>,
        input: SetNotificationPreferencesInput,
    ) -> Result<Option<NotificationPreferencesPayload>> {
        let person = viewer(ctx)?.person()?;
        let make = |_: &New<'_>| input.command(person);
        Ok(Some(match send(ctx, LogId::Account(person), make).await? {
            Ok(_) => {
                let row = app(ctx)?.notification_preferences(person).await.map_err(error)?;
                let notification_preferences = Some(NotificationPreferences::new(row));
                NotificationPreferencesPayload { notification_preferences, errors: Vec::new() }
            }
            Err(refused) => NotificationPreferencesPayload { notification_preferences: None, errors: vec![refused] },
        }))
    }
}

impl SetNotificationPreferencesInput {
    fn command(&self, person: domain::id::PersonId) -> std::result::Result<SetPreferences, UserError> {
        let ways = |of: &NotificationPreferenceInput| {
            let kind = Kind::from(of.kind);
            let want = |wanted: bool| if wanted { Want::Yes } else { Want::No };
            let app = of.in_app.map(|wanted| (Silenced { kind, channel: Channel::App }, want(wanted)));
            let mail = of.mail.map(|wanted| (Silenced { kind, channel: Channel::Mail }, want(wanted)));
            app.into_iter().chain(mail)
        };
        let quiet = |hours: &QuietHours| {
            let at = |text: &str| DayTime::parse(text).map_err(|refusal| UserError::at("quietHours", refusal));
            Ok::<_, UserError>(Quiet { from: at(&hours.from)?, until: at(&hours.until)? })
        };
        let digest = |text: &String| DayTime::parse(text).map_err(|refusal| UserError::at("digestAt", refusal));
        Ok(SetPreferences {
            person,
            wanted: self.kinds.iter().flatten().flat_map(ways).collect(),
            quiet: self.quiet_hours.as_opt_ref().map(|hours| hours.map(quiet).transpose()).transpose()?,
            digest: self.digest_at.as_opt_ref().map(|text| text.map(digest).transpose()).transpose()?,
            zone: self.time_zone.as_opt_ref().map(|zone| zone.map(|zone| zone.0.clone())),
        })
    }
}
