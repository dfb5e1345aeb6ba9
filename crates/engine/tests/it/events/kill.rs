//! kill -9 at random points of intake, flush, merge and upkeep: what was acknowledged is there once.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use burgeon_engine::lake::{Lake, LakeOptions, Severity};

use super::{batch, content, event, open, options};

/// Where the child works, when this process is one.
const DIR: &str = "BURGEON_TEST_KILL_DIR";
/// From which event on.
const FROM: &str = "BURGEON_TEST_KILL_FROM";
/// Events of one append.
const EACH: usize = 7;

fn events_from(first: usize) -> Vec<super::Event> {
    (first..first + EACH)
        .map(|i| event(&format!("e{i:06}"), "click", &format!("p{}", i * 31 % 97), i as i64 * 37 % 5000))
        .collect()
}

/// The child: appends events, acknowledged on its standard output, with all upkeep at once. Does nothing when this
/// process is not the child.
#[tokio::test(flavor = "multi_thread")]
async fn writer() {
    let (Ok(dir), Ok(from)) = (std::env::var(DIR), std::env::var(FROM)) else {
        return;
    };
    let restless = LakeOptions { flush_events: 20, keep_seconds: 0, ..options() };
    let lake = Lake::open(Path::new(&dir), restless).await.expect("opens after a kill");
    let upkeep = {
        let lake = lake.clone();
        tokio::spawn(async move {
            for round in 0.. {
                match round % 5 {
                    4 => lake.compact().await.expect("compact"),
                    _ => lake.maintain().await.expect("maintain"),
                }
                tokio::task::yield_now().await;
            }
        })
    };
    let first: usize = from.parse().expect("a number");
    for at in (first..).step_by(EACH) {
        // Every other time as an import.
        match at / EACH % 10 {
            9 => {
                let import = lake.events().bulk().expect("bulk");
                import.write(&batch(&events_from(at))).expect("write");
                import.finish().await.expect("finish");
            }
            _ => {
                let done = lake.append("events", batch(&events_from(at))).await.expect("append");
                assert_eq!(done.taken + done.unchanged, EACH as u64);
            }
        }
        println!("ACK {at}");
        if upkeep.is_finished() {
            break;
        }
    }
    upkeep.await.expect("upkeep");
}

/// Runs the child for a while; gives the first events of the appends that it acknowledged.
fn killed_after(dir: &Path, from: usize, patience: Duration) -> Vec<usize> {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "events::kill::writer", "--nocapture", "--test-threads=1"])
        .env(DIR, dir)
        .env(FROM, from.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    let out = child.stdout.take().expect("piped");
    let reading = std::thread::spawn(move || {
        let lines = std::io::BufReader::new(out).lines().map_while(Result::ok);
        // The first one may stand behind what the test runner says.
        lines.filter_map(|line| line.rsplit("ACK ").next()?.parse().ok()).collect::<Vec<usize>>()
    });
    std::thread::sleep(patience);
    assert!(child.try_wait().expect("is there").is_none(), "the child ended by itself: {:?}", {
        let mut text = String::new();
        let mut error = child.stderr.take().expect("piped");
        std::io::Read::read_to_string(&mut error, &mut text).ok();
        text
    });
    child.kill().expect("killed");
    child.wait().expect("gone");
    reading.join().expect("reads")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_whenever_the_process_is_killed() {
    let dir = tempfile::tempdir().expect("tempdir");
    let mut chance = 0x2545_f491_4f6c_dd1du64;
    let mut acknowledged = BTreeSet::new();
    let mut next = 0;
    for _ in 0..10 {
        chance ^= chance << 13;
        chance ^= chance >> 7;
        chance ^= chance << 17;
        let told = killed_after(dir.path(), next, Duration::from_millis(400 + chance % 1_200));
        next = told.iter().max().map_or(next, |last| last + EACH);
        // The append that was cut off is sent again by the next child: it may be there already.
        acknowledged
            .extend(told.into_iter().flat_map(|first| first..first + EACH).map(|i| format!("e{i:06}")));
    }
    assert!(acknowledged.len() > 10 * EACH, "only {} events were acknowledged", acknowledged.len());
    let lake = open(dir.path()).await;
    let list = content(&lake).await;
    let there: BTreeSet<String> = list.iter().map(|one| one.id.clone()).collect();
    assert_eq!(list.len(), there.len(), "an event is there twice");
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let strange: Vec<_> = there.difference(&acknowledged).collect();
    assert!(strange.len() <= EACH, "never acknowledged: {strange:?}");
    let findings = lake.check().await;
    assert!(findings.iter().all(|finding| finding.severity == Severity::Notice), "{findings:?}");
    lake.compact().await.expect("compact");
    assert_eq!(content(&lake).await, list);
}
