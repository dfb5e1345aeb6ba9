//! What a person meets when something is wrong: a clear sentence, the mend, the exit code, and nothing lost.

use std::net::TcpListener;

use crate::support::{Place, Serving};

const ONE: &str = "customer_id,subscription_id,effective_at,status,amount,currency,interval\n\
                   a,a1,2026-01-05,active,100.00,USD,month\n";

fn with_one_customer() -> Place {
    let place = Place::new();
    let file = place.write("one.csv", ONE);
    place.run(&["import", &file, "--as", "subscription_changes"]).ok();
    place
}

#[test]
fn errors_name_the_nearest_name() {
    let place = with_one_customer();
    let metric = place.run(&["query", "mmr", "--at", "2026-01-31"]).fails(2);
    assert!(metric.contains("mmr") && metric.contains("mrr"), "{metric}");
    let dimension = place.run(&["query", "mrr", "--at", "2026-01-31", "--by", "plna"]).fails(2);
    assert!(dimension.contains("plna") && dimension.contains("plan"), "{dimension}");
    let filter = place.run(&["query", "mrr", "--where", "plan"]).fails(2);
    assert!(filter.contains("DIM=VALUE"), "{filter}");
    let period = place.run(&["query", "mrr", "--from", "2019-13"]).fails(2);
    assert!(period.contains("2019-13"), "{period}");
    let table = place.run(&["import", "one.csv", "--as", "subscription_change"]);
    assert_ne!(table.code, Some(0));
    assert!(table.err.contains("did you mean \"subscription_changes\""), "{}", table.err);
    let explain = place.run(&["explain", "mmr", "--period", "2026-01"]);
    assert_ne!(explain.code, Some(0));
    assert!(explain.err.contains("mrr"), "{}", explain.err);
}

#[test]
fn sql_reads_and_never_writes() {
    let place = with_one_customer();
    for statement in ["DROP TABLE subscription_changes", "CREATE TABLE x AS SELECT 1", "SELECT FROM WHERE"] {
        let run = place.run(&["sql", statement]);
        assert!(matches!(run.code, Some(1 | 2)), "{statement}: {run:?}");
        assert!(run.err.starts_with("error: "), "{}", run.err);
    }
    let out = std::env::temp_dir().join("burgeon-must-not-exist.csv");
    let copy = place.run(&["sql", &format!("COPY (SELECT 1) TO '{}'", out.display())]);
    assert_ne!(copy.code, Some(0));
    assert!(!out.exists());
    assert_eq!(place.value("SELECT count(*) FROM subscription_changes"), 1);
}

#[test]
fn a_missing_data_directory_or_file_is_told() {
    let place = Place::new();
    let missing = place.run(&["query", "mrr"]).fails(1);
    assert!(missing.contains("there is no data directory") && missing.contains("import"), "{missing}");
    assert!(!place.data().exists());
    let file = place.run(&["import", "nowhere.csv"]).fails(1);
    assert!(file.contains("nowhere.csv"), "{file}");
}

#[test]
fn two_processes_on_one_data_directory() {
    let place = with_one_customer();
    let server = place.serve();
    let busy = place.run(&["query", "mrr", "--at", "2026-01-31"]).fails(3);
    assert!(busy.contains("in use by another process"), "{busy}");
    // The first one is not disturbed.
    let answer = server.get("/query?metrics=mrr&at=2026-01-31");
    assert_eq!(answer["series"][0]["values"][0], 100.0);
    drop(server);
    place.run(&["query", "mrr", "--at", "2026-01-31"]).ok();
}

#[test]
fn a_busy_port_and_an_open_address_without_a_token() {
    let place = Place::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let busy = place.run(&["serve", "--listen", &address]).fails(1);
    assert!(busy.contains("in use") && busy.contains("--listen"), "{busy}");
    let open = place.run(&["serve", "--listen", "0.0.0.0:0"]).fails(2);
    assert!(open.contains("token"), "{open}");
}

#[test]
fn a_token_is_asked_for() {
    let place = with_one_customer();
    let mut command = place.command(&["serve", "--listen", "127.0.0.1:0", "--token", "secret"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().unwrap()), &mut line)
        .unwrap();
    let address = line.split("http://").nth(1).unwrap().split_whitespace().next().unwrap();
    let (status, body) = Serving::try_request(address, "GET", "/metrics", None).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(status, 401, "{body}");
}

#[test]
fn wrong_settings_name_the_line() {
    let place = with_one_customer();
    let path = place.data().join("burgeon.toml");
    let sound = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{sound}\ncurency = \"EUR\"\n")).unwrap();
    let unknown = place.run(&["query", "mrr", "--at", "2026-01-31"]);
    assert!(matches!(unknown.code, Some(1 | 2)), "{unknown:?}");
    assert!(unknown.err.contains("curency") && unknown.err.contains("burgeon.toml"), "{}", unknown.err);
    std::fs::write(&path, sound).unwrap();
    place.run(&["query", "mrr", "--at", "2026-01-31"]).ok();
}

#[test]
fn wrong_definitions_name_file_and_line_and_doctor_says_so() {
    let place = with_one_customer();
    let page = "---\nname: odd\nlabel: Odd\ntype: ratio\nnumerator: mrr\ndenominator: custmers\nunit: money\n\
                better: higher\n---\nOdd.\n";
    let path = place.data().join("definitions/metrics/revenue/odd.md");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, page).unwrap();
    let wrong = place.run(&["query", "mrr", "--at", "2026-01-31"]);
    assert!(matches!(wrong.code, Some(1 | 2)), "{wrong:?}");
    assert!(wrong.err.contains("odd.md") && wrong.err.contains("custmers"), "{}", wrong.err);
    assert!(wrong.err.contains("customers"), "the nearest name: {}", wrong.err);
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1));
    assert!(doctor.out.contains("odd.md"), "{}", doctor.out);
    std::fs::remove_file(path).unwrap();
    let sound = place.run(&["doctor"]).ok();
    assert!(sound.contains("sound"), "{sound}");
}

#[test]
fn a_damaged_file_of_the_lake_is_told() {
    let place = with_one_customer();
    let file = std::fs::read_to_string(place.path().join("one.csv")).unwrap();
    assert!(!file.is_empty());
    let mut damaged = 0;
    let mut folders = vec![place.data().join("lake")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "parquet")
                && path.to_str().unwrap().contains("subscription_changes")
            {
                let bytes = std::fs::read(&path).unwrap();
                std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
                damaged += 1;
            }
        }
    }
    assert!(damaged > 0, "the import wrote a Parquet file");
    let query = place.run(&["query", "mrr", "--at", "2026-01-31"]);
    assert!(matches!(query.code, Some(1 | 2)), "{query:?}");
    assert!(query.err.contains(".parquet is damaged"), "{}", query.err);
    let doctor = place.run(&["doctor"]);
    assert_eq!(doctor.code, Some(1), "{}{}", doctor.out, doctor.err);
    assert!(format!("{}{}", doctor.out, doctor.err).contains("parquet"), "{}{}", doctor.out, doctor.err);
}

#[test]
fn a_damaged_state_database_is_told() {
    let place = with_one_customer();
    for name in ["state.db-wal", "state.db-shm"] {
        let _ = std::fs::remove_file(place.data().join(name));
    }
    std::fs::write(place.data().join("state.db"), "no database at all ".repeat(300)).unwrap();
    let error = place.run(&["query", "mrr", "--at", "2026-01-31"]).fails(1);
    assert!(error.contains("state.db"), "{error}");
}

#[test]
fn a_file_that_is_no_table_is_refused_with_reasons() {
    let place = Place::new();
    let noise: Vec<u8> = (0..20_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for (name, content) in
        [("noise.csv", noise.clone()), ("noise.parquet", noise.clone()), ("noise.xlsx", noise)]
    {
        let file = place.write(name, content);
        let run = place.run(&["import", &file, "--as", "subscription_changes", "--strict"]);
        assert!(matches!(run.code, Some(1 | 2 | 4)), "{name}: {run:?}");
        assert!(!run.err.contains("panicked"), "{}", run.err);
    }
    let empty = place.write("empty.csv", "");
    let run = place.run(&["import", &empty, "--as", "subscription_changes"]);
    assert!(!run.err.contains("panicked"), "{}", run.err);
}
