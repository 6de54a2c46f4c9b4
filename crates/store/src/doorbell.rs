//! How nodes on one PostgreSQL tell each other that a log has grown.
//!
//! A message is a list of `<log id in hexadecimal>:<seq>`, separated by spaces. It carries no more than that, and
//! nobody may rely on it: it is a hint to read the log now rather than at the next poll.

use sqlx::PgPool;
use sqlx::postgres::PgListener;

use crate::error::{During, Error};
use crate::statement::hex;
use crate::value::Id;

/// The channel's name.
const CHANNEL: &str = "throughline";
/// A message may have 7 999 bytes; one log's news has at most 53.
const NEWS_A_MESSAGE: usize = 140;

/// What came over the doorbell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Rung {
    /// These logs have reached these positions.
    At(Vec<(Id, u64)>),
    /// The connection was lost: what happened until it is back was missed, so look at everything followed.
    Missed,
}

/// Waits for the other nodes' news. Its own node's come too.
#[derive(Debug)]
pub struct Doorbell {
    listener: Option<PgListener>,
}

impl Doorbell {
    pub(crate) fn silent() -> Doorbell {
        Doorbell { listener: None }
    }

    pub(crate) async fn listen(pool: &PgPool) -> Result<Doorbell, Error> {
        let failed = |error: sqlx::Error| Error::classify(&error, During::Statement);
        let mut listener = PgListener::connect_with(pool).await.map_err(failed)?;
        listener.listen(CHANNEL).await.map_err(failed)?;
        Ok(Doorbell { listener: Some(listener) })
    }

    /// The next news. On SQLite it never comes.
    ///
    /// # Errors
    /// [`Error::NotSent`] when the connection is lost and cannot be had again yet; ask again after a pause.
    pub async fn next(&mut self) -> Result<Rung, Error> {
        let Some(listener) = &mut self.listener else { return std::future::pending().await };
        match listener.try_recv().await {
            Ok(Some(message)) => Ok(Rung::At(message.payload().split(' ').filter_map(parse).collect())),
            Ok(None) => Ok(Rung::Missed),
            Err(error) => Err(Error::classify(&error, During::Statement)),
        }
    }
}

pub(crate) async fn ring(pool: &PgPool, news: &[(Id, u64)]) -> Result<(), Error> {
    for part in news.chunks(NEWS_A_MESSAGE) {
        let message: Vec<String> = part.iter().map(|(log, seq)| format!("{}:{seq}", hex(log))).collect();
        let sent = sqlx::query("select pg_notify($1, $2)").bind(CHANNEL).bind(message.join(" ")).execute(pool).await;
        sent.map_err(|error| Error::classify(&error, During::Statement))?;
    }
    Ok(())
}

/// One log's news; what does not read as such is not ours and is left out.
fn parse(news: &str) -> Option<(Id, u64)> {
    let (log, seq) = news.split_once(':')?;
    let log = u128::from_str_radix(log, 16).ok().filter(|_| log.len() == 32)?;
    Some((log.to_be_bytes(), seq.parse().ok()?))
}
