//! `throughline ready`: asks the server of these settings at `/readyz`, from the same machine. For where there is no other
//! program that could, as in an image without a shell.

use std::io::{Read as _, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::error::Error;
use crate::settings::Settings;

/// How long the server may take for each step: a little more than it gives the database.
const PATIENCE: Duration = Duration::from_secs(4);
/// More than its answer ever has, in bytes.
const ANSWER_BYTES_MAX: u64 = 4_096;

/// Writes what the server says; whether it is ready. One that does not answer is not.
///
/// # Errors
/// [`Error::Output`].
pub fn run(settings: &Settings, out: &mut dyn Write) -> Result<bool, Error> {
    let address = here(settings.listen);
    let (is_ready, said) = match ask(address) {
        Ok(answer) => {
            let said =
                answer.split_once("\r\n\r\n").map_or("no answer of a server", |(_, body)| body).trim().to_owned();
            (answer.split(' ').nth(1) == Some("200"), said)
        }
        Err(error) => (false, format!("nobody answers at {address}: {error}")),
    };
    writeln!(out, "{said}")?;
    Ok(is_ready)
}

/// Whether a server of this program is what listens there.
pub(crate) fn listens(listen: SocketAddr) -> bool {
    ask(here(listen)).is_ok_and(|answer| answer.to_ascii_lowercase().contains("\r\nx-request-id: "))
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// An address of this machine at which a server that listens there is heard.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}
