//! The transports from outside: a real server on the loopback, asked over HTTP, WebSocket and server-sent events.

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod bounds;
#[cfg(test)]
mod connections;
#[cfg(test)]
mod conversation;
#[cfg(test)]
mod crossing;
#[cfg(test)]
mod events;
#[cfg(test)]
mod heavy;
#[cfg(test)]
mod laws;
#[cfg(test)]
mod neighbour;
#[cfg(test)]
mod product;
#[cfg(test)]
mod requests;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod toy;
