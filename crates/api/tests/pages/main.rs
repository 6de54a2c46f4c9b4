//! The pages from outside: a real server on the loopback, over a real database, with its mail in a folder.

#[cfg(test)]
mod browser;
#[cfg(test)]
mod headers;
#[cfg(test)]
mod invitations;
#[cfg(test)]
mod signing_in;
