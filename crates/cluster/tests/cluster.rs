//! The cluster starts, makes databases, and is gone when its process is.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn databases_are_apart_and_can_be_dropped() {
    let first = cluster::database(None, "one").expect("a database");
    let second = cluster::database(None, "one").expect("a database");
    assert_ne!(first, second);
    cluster::drop_database(None, &second).expect("dropped");
    cluster::copy(None, &second, "gone").expect_err("there is nothing to copy");
    let copy = cluster::copy(None, &first, "copy").expect("a copy");
    assert_ne!(copy, first);
    cluster::settle(None, &copy).expect("a database like any other");
    let url = cluster::url(None).expect("a server");
    assert!(url.starts_with("postgres://postgres@127.0.0.1:"), "{url}");
}

/// Runs only inside of the next test, as the process that is killed.
#[test]
fn child_that_starts_a_server_and_waits() {
    if !std::env::args().any(|argument| argument == "child_that_starts_a_server_and_waits") {
        return;
    }
    println!("\nserver {}", cluster::url(None).expect("a server"));
    // until the other test kills this process
    std::io::stdin().lines().for_each(drop);
}

#[test]
fn a_killed_process_takes_its_server_with_it() {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "--nocapture", "child_that_starts_a_server_and_waits"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let says = BufReader::new(child.stdout.take().expect("its output"));
    let line = says.lines().map_while(Result::ok).find(|line| line.starts_with("server ")).expect("its server");
    let port = line.trim().rsplit([':', '/']).nth(1).expect("a port").parse::<u16>().expect("a number");
    // A process of the same number, which was killed together with what cleans up behind it, may have left others.
    let numbered = |number: u32| format!("throughline-cluster-{}-{number}", child.id());
    let directories = (0..).map(|number| std::env::temp_dir().join(numbered(number)));
    let directory = directories.take_while(|directory| directory.exists()).last().expect("its directory");
    std::net::TcpStream::connect(("127.0.0.1", port)).expect("the server answers");
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(gone(&directory), "{} is still there", directory.display());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err(), "the server still answers");
}

/// Whether a directory goes away, looking until it does, for three minutes at most.
fn gone(directory: &Path) -> bool {
    let started = std::time::Instant::now();
    while directory.exists() {
        if started.elapsed().as_secs() > 180 {
            return false;
        }
        std::thread::yield_now();
    }
    true
}
