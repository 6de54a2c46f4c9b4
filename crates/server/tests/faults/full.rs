//! D4: a full disk is said to be one, nothing half-written is left, reading goes on, and so does everything when there is
//! room again.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use cluster::Fragile;

use crate::chance::rounds;
use crate::place::{Code, Place};

/// A small disk in memory. It is unmounted when this is dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path, options: &str) -> SmallDisk {
        std::fs::create_dir_all(at).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(at).output().unwrap();
        assert!(
            mount.status.success(),
            "this test needs to mount a small tmpfs, which root may do: {}",
            String::from_utf8_lossy(&mount.stderr)
        );
        SmallDisk(at.to_owned())
    }

    /// Takes all room but these bytes away.
    fn fill(&self, leave: u64) {
        let room = rustix::fs::statvfs(&self.0).unwrap();
        let free = room.f_bavail * room.f_frsize;
        let filler = vec![0; usize::try_from(free.saturating_sub(leave)).unwrap()];
        match std::fs::write(self.0.join("filler"), filler) {
            // The program has taken some of it meanwhile: then the disk is as full as it can be.
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {}
            written => written.unwrap(),
        }
    }

    /// Gives it back, where it was not given back before.
    fn make_room(&self) {
        let filler = self.0.join("filler");
        if filler.exists() {
            std::fs::remove_file(filler).unwrap();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // What still runs there keeps it until it ends.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Fills it (the program's own log lies there too), writes until that is refused, makes room, goes on; again and again.
async fn fills(place: Arc<Place>, disk: &SmallDisk) {
    let client = reqwest::Client::new();
    let mut running = place.start().await;
    let (mut wanted, mut refused) = (Vec::new(), 0);
    let times = rounds(5, 40);
    for time in 0..times {
        disk.fill(64 << 10);
        let mut waiting = Vec::new();
        for number in 0.. {
            assert!(number < 2_000, "there still is room: {}", place.said());
            let key = format!("full-{time}-{number}");
            match place.add(&client, &key).await {
                Ok((id, _)) => wanted.push((id, key)),
                Err(code) => {
                    assert_eq!(code, Code::from("STORAGE_FULL"), "{}", place.said());
                    waiting.push(key);
                    refused += 1;
                    if waiting.len() == 5 {
                        break;
                    }
                }
            }
        }
        wanted.sort();
        assert!(place.goals(&client).await.expect("reads go on") == wanted, "nothing more and nothing less");
        place.ready().await.expect("it is ready: it will write when there is room");
        if time % 3 == 2 {
            // A crash while it is full, and a start while it is.
            running.kill();
            if let Some(started) = place.start_under(&[]).await {
                running = started;
                assert!(place.goals(&client).await.expect("reads go on") == wanted);
            } else {
                // PostgreSQL takes no connection to a database for whose list of its own tables there is no room.
                assert!(place.said().contains("could not write init file"), "the server has ended: {}", place.said());
                disk.make_room();
                running = place.start().await;
            }
        }
        disk.make_room();
        for key in waiting {
            let (id, _) = place.add(&client, &key).await.expect("there is room again");
            wanted.push((id, key));
        }
        wanted.sort();
        assert!(place.goals(&client).await.unwrap() == wanted);
    }
    running.kill();
    place.prove();
    println!("{times} times full: {refused} refused, {} acknowledged, 0 lost", wanted.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_to_be_full_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(&folder.path().join("small"), "size=24m");
    let place = Place::prepare(&folder.path().join("small/data"), None).await;
    fills(Arc::new(place), &disk).await;
}

/// The tables fill their disk. (Where its log has no room either, PostgreSQL itself stops, which is D1's case.)
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_to_be_full_and_harms_nothing_on_postgres() {
    let mut postgres = Fragile::make(&[]).unwrap();
    postgres.start(&[], &[]).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let owner = postgres.user().map_or_else(String::new, |(user, group)| format!(",uid={user},gid={group}"));
    let disk = SmallDisk::mount(&folder.path().join("small"), &format!("size=32m,mode=0700{owner}"));
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    postgres.psql("postgres", &format!("create tablespace small location '{}'", disk.0.display())).unwrap();
    let database = postgres.database("filled", "tablespace small").unwrap();
    let place = Place::prepare(&folder.path().join("data"), Some(database)).await;
    fills(Arc::new(place), &disk).await;
    drop(postgres);
}
