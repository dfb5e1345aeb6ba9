//! A full disk: a small file system of its own where the test may mount one (Linux, root), else the test says that it
//! was skipped.

use std::path::PathBuf;
use std::process::Command;

use burgeon_testkit::Ledger;
use jiff::civil::date;

use crate::support::Place;

/// A mounted file system of a few megabytes.
struct Small(PathBuf);

impl Small {
    fn mount(place: &Place, size: &str) -> Option<Self> {
        let folder = place.data();
        std::fs::create_dir_all(&folder).ok()?;
        let options = format!("size={size}");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(&folder)
            .output()
            .ok()?;
        done.status.success().then_some(Self(folder))
    }

    fn grow(&self, size: &str) -> bool {
        let options = format!("remount,size={size}");
        Command::new("mount")
            .args(["-o", &options])
            .arg(&self.0)
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_loses_nothing_and_says_so() {
    let place = Place::new();
    let Some(small) = Small::mount(&place, "6m") else {
        eprintln!("skipped: a small file system cannot be mounted here (needs root on Linux)");
        return;
    };
    let little = Ledger::random(1, 20, date(2024, 1, 1), 200);
    let file = place.write("little.csv", little.csv());
    place.run(&["import", &file, "--as", "subscription_changes"]).ok();
    let taken = place.value("SELECT count(*) FROM subscription_changes");

    let much = Ledger::random(2, 60_000, date(2024, 1, 1), 200);
    let file = place.write("much.csv", much.csv());
    let full = place.run(&["import", &file, "--as", "subscription_changes"]).fails(1);
    assert!(full.to_lowercase().contains("space"), "{full}");

    assert!(small.grow("300m"), "the file system grows");
    assert_eq!(
        place.value("SELECT count(*) FROM subscription_changes"),
        taken,
        "what was there is still there"
    );
    place.run(&["doctor"]).ok();
    place.run(&["import", &file, "--as", "subscription_changes"]).ok();
    assert!(place.value("SELECT count(*) FROM subscription_changes") >= much.changes.len() as i64);
}
