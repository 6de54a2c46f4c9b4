//! Files: whose they are, who changes them, who is told (S2.29, S2.30, S3.19, S3.20).
#![cfg(test)]

mod support;

use domain::account::Portal;
use domain::coachee::Coachee;
use domain::file::{DeleteFile, Event, FILE_BYTES_MAX, File, MediaType, Permission, SetFilePermission, UploadFile};
use domain::id::{FileId, PersonId};
use domain::notice::{self, For, Kind, Matter, To, news};
use domain::row::Row as _;
use domain::text::{FileName, Text as _};
use domain::{Refusal, Stop};
use support::{World, id, refused, stored, text};

const FILE: u128 = 400;

fn upload(file: u128, about: u128, permission: Permission) -> UploadFile {
    UploadFile {
        file: id(file),
        coachee: id(about),
        name: text("worksheet.pdf"),
        key: text(&"5a".repeat(32)),
        size_bytes: 10,
        media: MediaType::Pdf,
        permission,
    }
}

const fn set(file: FileId, permission: Permission) -> SetFilePermission {
    SetFilePermission { file, permission }
}

/// A world in which this person has uploaded the file.
fn uploaded_by(owner: u128, permission: Permission) -> World {
    let mut world = World::new();
    let happened = match permission {
        Permission::Private => vec!["file.uploaded"],
        Permission::Shared => vec!["file.uploaded", "file.shared"],
    };
    assert_eq!(world.when(owner, &upload(FILE, World::COACHEE, permission)), Ok(happened));
    world
}

#[test]
fn s2_29_a_private_file_is_nobody_elses_to_learn_of() {
    let mut world = uploaded_by(World::COACH, Permission::Private);
    let row = world.row::<File>(id(FILE));
    assert_eq!(
        (row.by, row.owner(), row.shared(), row.shared_at),
        (Portal::Coach, Some(id(World::COACH)), false, None)
    );
    stored(row);
    for other in [World::OWNER, World::COACHEE_ACCOUNT, 99] {
        for permission in [Permission::Private, Permission::Shared] {
            assert_eq!(world.when(other, &set(id(FILE), permission)), Err(Stop::NotFound));
        }
        assert_eq!(world.when(other, &DeleteFile { file: id(FILE) }), Err(Stop::NotFound));
    }
}

#[test]
fn s3_20_its_owner_alone_changes_its_permission() {
    for (owner, others) in [(World::COACH, World::COACHEE_ACCOUNT), (World::COACHEE_ACCOUNT, World::COACH)] {
        let mut world = uploaded_by(owner, Permission::Shared);
        let row = world.row::<File>(id(FILE));
        assert_eq!((row.shared(), row.shared_at), (true, Some(world.now)));
        for other in [others, World::OWNER] {
            assert_eq!(world.when(other, &set(id(FILE), Permission::Private)), Err(Stop::Forbidden));
            assert_eq!(world.when(other, &DeleteFile { file: id(FILE) }), Err(Stop::Forbidden));
        }
        assert_eq!(world.when(owner, &set(id(FILE), Permission::Shared)), Ok(vec![]));
        assert_eq!(world.when(owner, &set(id(FILE), Permission::Private)), Ok(vec!["file.unshared"]));
        assert_eq!(world.row::<File>(id(FILE)).shared_at, None);
        assert_eq!(world.when(owner, &set(id(FILE), Permission::Private)), Ok(vec![]));
        assert_eq!(world.when(owner, &set(id(FILE), Permission::Shared)), Ok(vec!["file.shared"]));
        // What others see is taken back before it goes.
        assert_eq!(world.when(owner, &DeleteFile { file: id(FILE) }), Ok(vec!["file.unshared", "file.deleted"]));
        assert_eq!(world.when(owner, &DeleteFile { file: id(FILE) }), Err(Stop::NotFound));
    }
    let mut world = uploaded_by(World::COACH, Permission::Private);
    assert_eq!(world.when(World::COACH, &DeleteFile { file: id(FILE) }), Ok(vec!["file.deleted"]));
}

#[test]
fn a_file_is_about_somebody_whom_its_uploader_sees_and_has_bytes() {
    let mut world = World::new();
    for (who, about) in [(World::COACH, World::OTHER), (World::COACHEE_ACCOUNT, World::OTHER), (99, World::COACHEE)] {
        assert_eq!(world.when(who, &upload(FILE, about, Permission::Shared)), Err(Stop::NotFound));
    }
    assert_eq!(world.when(World::COACH, &upload(FILE, 77, Permission::Shared)), Err(Stop::NotFound));
    for (size_bytes, code) in
        [(0, "FILE_IS_EMPTY"), (FILE_BYTES_MAX + 1, "FILE_IS_TOO_LARGE"), (u32::MAX, "FILE_IS_TOO_LARGE")]
    {
        let wrong = UploadFile { size_bytes, ..upload(FILE, World::COACHEE, Permission::Private) };
        assert_eq!(world.when(World::COACH, &wrong), refused(code));
    }
    let largest = UploadFile { size_bytes: FILE_BYTES_MAX, ..upload(FILE, World::COACHEE, Permission::Private) };
    assert_eq!(world.when(World::COACH, &largest), Ok(vec!["file.uploaded"]));
    assert_eq!(world.when(World::COACH, &largest), refused("FILE_EXISTS"));
    assert_eq!(
        world.when(World::COACHEE_ACCOUNT, &upload(401, World::COACHEE, Permission::Private)),
        Ok(vec!["file.uploaded"])
    );
    assert_eq!(world.row::<File>(id(401)).by, Portal::Coachee);
}

/// Of what is shared the other side is told; of all else nobody.
#[test]
fn s2_30_sharing_is_news_to_the_other_side() {
    let mut world = uploaded_by(World::COACH, Permission::Private);
    let file = id(FILE);
    for event in [Event::Unshared { file }, Event::Deleted { file }] {
        assert_eq!(news(&event.into()), None);
    }
    let shared = news(&Event::Shared { file }.into()).expect("news");
    assert_eq!((shared.kind, shared.about, shared.to), (Kind::FileShared, Matter::File(file), For::Other));
    assert!(Kind::FileShared.is_mailed());
    let coachee = world.row::<Coachee>(id(World::COACHEE)).clone();
    let told = |by: u128| notice::told(&shared, id::<PersonId>(by), &coachee, notice::Origin::default());
    assert_eq!(told(World::COACH), Some((To::Coachee, id(World::COACHEE_ACCOUNT))));
    assert_eq!(told(World::COACHEE_ACCOUNT), Some((To::Lead, id(World::OWNER))));
    let events = world.when(World::COACH, &set(file, Permission::Shared));
    assert_eq!(events, Ok(vec!["file.shared"]));
}

#[test]
fn names_lie_in_no_folder_and_read_the_way_they_are_written() {
    for fine in ["a", "worksheet.pdf", "Grüße 你好.txt", ".hidden", "a..b", &"x".repeat(255)] {
        assert_eq!(FileName::parse(fine).map(|name| name.as_str().to_owned()), Ok(fine.to_owned()));
    }
    for wrong in ["", "  ", ".", "..", "a/b", "a\\b", "a\nb", "a\0", "x\u{202e}fdp.exe", "x\u{2066}y", &"x".repeat(256)]
    {
        assert!(FileName::parse(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(FileName::parse(" a ").map(|name| name.as_str().to_owned()), Ok("a".to_owned()), "as every line is");
    let _: Refusal = FileName::parse("..").unwrap_err();
}

#[test]
fn every_type_is_found_by_its_name_and_none_runs() {
    for media in MediaType::ALL {
        assert_eq!(MediaType::named(media.name()), Some(*media));
        for part in ["html", "svg", "javascript", "ecmascript", "shockwave"] {
            assert!(!media.name().contains(part), "{}", media.name());
        }
    }
    for name in ["text/html", "image/svg+xml", "text/xml", "application/xml", "text/javascript", ""] {
        assert_eq!(MediaType::named(name), None);
    }
    for ending in ["html", "htm", "svg", "xml", "xhtml", "js", "mjs", "exe", "sh", ""] {
        assert_eq!(MediaType::of_ending(ending), None);
    }
}
