//! A free port that stays one's own, also while nobody listens there.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::sockopt::set_socket_reuseaddr;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with};

/// A port of the loopback address. A socket is bound to it and never listens: whoever asks for any free port is given
/// another one, and a server that names this one gets it (both set `SO_REUSEADDR`), as often as it starts.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _held: OwnedFd,
}

impl Port {
    pub(crate) fn free() -> std::io::Result<Port> {
        let held = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_reuseaddr(&held, true)?;
        bind(&held, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let number = SocketAddrV4::try_from(getsockname(&held)?)?.port();
        Ok(Port { number, _held: held })
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::Port;

    #[test]
    fn a_port_is_held_and_a_server_may_listen_there_again_and_again() {
        let port = Port::free().expect("a port");
        let place = ("127.0.0.1", port.number);
        for _ in 0..2 {
            TcpStream::connect(place).expect_err("nobody listens");
            let listener = TcpListener::bind(place).expect("it is free for a server");
            TcpStream::connect(place).expect("somebody listens");
            drop(listener);
        }
    }
}
