//! Those who follow: so many sockets, each of which reads what comes and notes when. A change carries its number in its
//! text, each group of sockets hears its own numbers, and a frame that tells of the seventh change after the fourth has
//! told of the fifth and the sixth as well: what happened several times before it could be told is told once.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use app::Clock as _;
use futures_util::stream;
use futures_util::{SinkExt as _, StreamExt as _, TryStreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WireError, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use super::part::{Apart, Hears, Line, Part, Role, Says};
use crate::error::Error;

/// How many sockets are opened at a time.
const AT_A_TIME: usize = 32;
/// What a socket of ours reads at once.
const READ_BUFFER_BYTES: usize = 4 * 1024;
/// What stands before a change's number in its text.
pub(crate) const NUMBERED: &str = "Number ";

/// Who is to follow what.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Following {
    /// The server.
    pub(crate) address: SocketAddr,
    /// The sockets.
    pub(crate) seats: Vec<Seat>,
}

/// One socket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Seat {
    /// Which changes it hears: those of this number.
    pub(crate) group: usize,
    /// Where at the server.
    pub(crate) path: String,
    /// What it says, if anything has to be said.
    pub(crate) speaks: Option<Speaks>,
}

/// What a socket of the product says first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Speaks {
    /// Its person's token.
    pub(crate) token: String,
    /// The payload of its `subscribe`.
    pub(crate) subscribes: serde_json::Value,
}

/// What the crowd tells the benchmark.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    /// All sockets are open.
    Ready,
    /// All sockets of a group have heard of a change, the last of it by now.
    Arrived(usize, usize),
    /// What was asked for.
    Heard(Heard),
}

/// What was heard since the last time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Heard {
    /// The group, the change's number and when it was heard, in microseconds of the machine's clock.
    pub(crate) arrivals: Vec<(usize, usize, i64)>,
    /// How many frames told them.
    pub(crate) frames: usize,
    /// One of these frames.
    pub(crate) frame: String,
}

/// The crowd as the benchmark holds it.
#[derive(Debug)]
pub(crate) struct Crowd {
    part: Part,
    says: Says,
    arrived: HashMap<usize, watch::Receiver<usize>>,
    heard: mpsc::Receiver<Heard>,
    hearing: JoinSet<Result<(), Error>>,
}

impl Crowd {
    /// Lets so many follow, and waits until they do.
    pub(crate) async fn gather(following: &Following, apart: Apart) -> Result<Self, Error> {
        let (part, Line { mut hears, says }) = Part::start(Role::Crowd, apart, following).await?;
        match hears.hear().await? {
            Told::Ready => {}
            Told::Arrived(..) | Told::Heard(_) => return Err(Error::Unexpected("a change before any".to_owned())),
        }
        let (telling, arrived): (HashMap<_, _>, HashMap<_, _>) = following
            .seats
            .iter()
            .map(|seat| {
                let (tell, told) = watch::channel(0);
                ((seat.group, tell), (seat.group, told))
            })
            .unzip();
        let (tell, heard) = mpsc::channel(1);
        let mut hearing = JoinSet::new();
        hearing.spawn(hear(hears, telling, tell));
        Ok(Self { part, says, arrived, heard, hearing })
    }

    /// Waits until all sockets of a group have heard of a change.
    pub(crate) async fn arrived(&self, group: usize, number: usize) -> Result<(), Error> {
        let gone = || Error::Unexpected("a socket was closed".to_owned());
        let mut arrived = self.arrived.get(&group).ok_or_else(gone)?.clone();
        arrived.wait_for(|arrived| *arrived >= number).await.map_err(|_| gone())?;
        Ok(())
    }

    /// What was heard since the last time.
    pub(crate) async fn heard(&mut self) -> Result<Heard, Error> {
        self.says.tell(&()).await?;
        self.heard.recv().await.ok_or_else(|| Error::Unexpected("a socket was closed".to_owned()))
    }

    /// Lets all go.
    pub(crate) async fn leave(mut self) {
        self.hearing.abort_all();
        while self.hearing.join_next().await.is_some() {}
        let Self { part, says, .. } = self;
        part.end(says).await;
    }
}

async fn hear(
    mut hears: Hears,
    arrived: HashMap<usize, watch::Sender<usize>>,
    heard: mpsc::Sender<Heard>,
) -> Result<(), Error> {
    loop {
        match hears.hear().await? {
            Told::Ready => {}
            Told::Arrived(group, number) => {
                if let Some(arrived) = arrived.get(&group) {
                    arrived.send_replace(number);
                }
            }
            // Whoever asked may have gone.
            Told::Heard(it) => {
                let _ = heard.send(it).await;
            }
        }
    }
}

/// One group, as its sockets share it.
#[derive(Debug, Default)]
struct Group {
    seats: usize,
    /// How many have heard of each change.
    heard: Vec<usize>,
    arrivals: Vec<(usize, i64)>,
    frames: usize,
    frame: String,
}

impl Group {
    /// Somebody who had heard of the changes up to one hears of another: the last of which by now all have heard.
    fn hear(&mut self, frame: &str, since: usize, number: usize, at: i64) -> Option<usize> {
        self.frames += 1;
        if self.frame.is_empty() {
            frame.clone_into(&mut self.frame);
        }
        if self.heard.len() <= number {
            self.heard.resize(number + 1, 0);
        }
        let (mut last, seats) = (None, self.seats);
        for change in since + 1..=number {
            self.arrivals.push((change, at));
            if let Some(heard) = self.heard.get_mut(change) {
                *heard += 1;
                last = if *heard == seats { Some(change) } else { last };
            }
        }
        last
    }
}

/// Follows, as a part of its own.
pub(crate) async fn follow(mut line: Line) -> Result<(), Error> {
    let Following { address, seats } = line.hears.hear().await?;
    let mut groups: HashMap<usize, Group> = HashMap::new();
    for seat in &seats {
        groups.entry(seat.group).or_default().seats += 1;
    }
    let groups: HashMap<usize, Arc<Mutex<Group>>> =
        groups.into_iter().map(|(number, group)| (number, Arc::new(Mutex::new(group)))).collect();
    let (tell, mut told) = mpsc::unbounded_channel();
    let wires: Vec<(Seat, Wire)> = stream::iter(seats)
        .map(async |seat| {
            let wire = Wire::open(address, &seat).await?;
            Ok::<_, Error>((seat, wire))
        })
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await?;
    let mut sitting = JoinSet::new();
    for (seat, wire) in wires {
        if let Some(group) = groups.get(&seat.group) {
            sitting.spawn(sit(wire, seat.group, Arc::clone(group), tell.clone()));
        }
    }
    line.says.tell(&Told::Ready).await?;
    loop {
        tokio::select! {
            Some((group, number)) = told.recv() => line.says.tell(&Told::Arrived(group, number)).await?,
            asked = line.hears.next::<()>() => match asked? {
                Some(()) => line.says.tell(&Told::Heard(report(&groups))).await?,
                None => return Ok(()),
            },
            Some(ended) = sitting.join_next() => {
                let why = ended.map_or_else(|panic| panic.to_string(), |ended| ended.to_string());
                return Err(Error::Unexpected(format!("a socket was closed: {why}")));
            }
        }
    }
}

fn report(groups: &HashMap<usize, Arc<Mutex<Group>>>) -> Heard {
    let mut all = Heard::default();
    for (number, group) in groups {
        let mut group = group.lock().unwrap_or_else(PoisonError::into_inner);
        let arrivals = std::mem::take(&mut group.arrivals);
        all.arrivals.extend(arrivals.into_iter().map(|(change, at)| (*number, change, at)));
        all.frames += std::mem::take(&mut group.frames);
        all.frame.clone_from(&group.frame);
    }
    all
}

/// Reads to the end, which is an error.
async fn sit(
    mut wire: Wire,
    number: usize,
    group: Arc<Mutex<Group>>,
    tell: mpsc::UnboundedSender<(usize, usize)>,
) -> Error {
    let mut since = 0;
    loop {
        let frame = match wire.frame().await {
            Ok(frame) => frame,
            Err(error) => return error,
        };
        let at = app::clock::Machine.now().0;
        // A heartbeat has no number.
        let Some(change) = number_in(&frame).filter(|change| *change > since) else { continue };
        let last = group.lock().unwrap_or_else(PoisonError::into_inner).hear(&frame, since, change, at);
        since = change;
        if let Some(last) = last {
            // The line is closed at the end only.
            let _ = tell.send((number, last));
        }
    }
}

/// The number of the change that a frame tells.
fn number_in(frame: &str) -> Option<usize> {
    let (_, rest) = frame.split_once(NUMBERED)?;
    rest.split_once('"')?.0.parse().ok()
}

/// An open socket.
#[derive(Debug)]
pub(crate) struct Wire(WebSocketStream<TcpStream>);

impl Wire {
    /// Opens one, and says what has to be said.
    pub(crate) async fn open(address: SocketAddr, seat: &Seat) -> Result<Self, Error> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws://{address}{}", seat.path).into_client_request().map_err(broken)?;
        if seat.speaks.is_some() {
            let protocol = HeaderValue::from_static("graphql-transport-ws");
            request.headers_mut().insert("sec-websocket-protocol", protocol);
        }
        let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER_BYTES);
        let (wire, _) = client_async_with_config(request, stream, Some(config)).await.map_err(broken)?;
        let mut wire = Self(wire);
        if let Some(Speaks { token, subscribes }) = &seat.speaks {
            let authorization = format!("Bearer {token}");
            wire.say(&json!({ "type": "connection_init", "payload": { "authorization": authorization } })).await?;
            let acknowledged = wire.frame().await?;
            if !acknowledged.contains("connection_ack") {
                return Err(Error::Unexpected(format!("a socket is not acknowledged: {acknowledged}")));
            }
            wire.say(&json!({ "type": "subscribe", "id": "1", "payload": subscribes })).await?;
        }
        Ok(wire)
    }

    async fn say(&mut self, message: &serde_json::Value) -> Result<(), Error> {
        self.0.send(Message::text(message.to_string())).await.map_err(broken)
    }

    /// The next text that comes.
    pub(crate) async fn frame(&mut self) -> Result<String, Error> {
        loop {
            match self.0.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.as_str().to_owned()),
                Some(Ok(Message::Close(why))) => {
                    let why = why.map_or_else(String::new, |why| why.reason.as_str().to_owned());
                    return Err(Error::Unexpected(format!("the server has closed a socket: {why}")));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(broken(error)),
                None => return Err(Error::Unexpected("a socket has ended".to_owned())),
            }
        }
    }
}

fn broken(error: WireError) -> Error {
    Error::Unexpected(format!("a socket: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_that_was_told_with_a_later_one_has_arrived_with_it() {
        let mut group = Group { seats: 2, ..Group::default() };
        assert_eq!(group.hear("{}", 0, 1, 10), None);
        assert_eq!(group.hear("{}", 0, 3, 20), Some(1));
        assert_eq!(group.hear("{}", 1, 3, 30), Some(3));
        assert_eq!(group.arrivals, [(1, 10), (1, 20), (2, 20), (3, 20), (2, 30), (3, 30)]);
        assert_eq!(group.frames, 3);
    }

    #[test]
    fn a_frame_tells_its_number() {
        assert_eq!(number_in(r#"{"name":"Number 17","position":"at3"}"#), Some(17));
        assert_eq!(number_in(r#"{"changes":[],"position":"at3"}"#), None);
    }
}
