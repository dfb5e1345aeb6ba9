//! A data directory, the binary on it, and a small HTTP client.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The moment that counts as now in these tests.
pub const NOW: &str = "2026-01-31T12:00:00Z";

/// A folder of its own with a data directory in it.
pub struct Place {
    folder: tempfile::TempDir,
}

/// What a finished run left.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Run {
    /// The output of a run that must have succeeded.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// The error text of a run that must have ended with `code`.
    #[track_caller]
    pub fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self.err
    }
}

impl Place {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Writes a file and returns its path as text.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The binary on this data directory.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_burgeon"));
        command.env_clear().env("BURGEON_NOW", NOW).env("BURGEON_DATA", self.data()).args(words);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Runs the binary to its end.
    pub fn run(&self, words: &[&str]) -> Run {
        run(&mut self.command(words))
    }

    /// The one value that an SQL query gives.
    #[track_caller]
    pub fn value(&self, sql: &str) -> i64 {
        let out = self.run(&["sql", sql, "--format", "csv"]).ok();
        out.lines().nth(1).unwrap_or_default().parse().unwrap_or_else(|_| panic!("{sql}: {out}"))
    }

    /// Starts the server on a free port.
    pub fn serve(&self) -> Serving {
        let mut child = self
            .command(&["serve", "--listen", "127.0.0.1:0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut seen = String::new();
        let address = loop {
            let mut line = String::new();
            assert!(lines.read_line(&mut line).unwrap() > 0, "the server did not start: {seen}");
            if let Some(rest) = line.split("http://").nth(1) {
                break rest.split_whitespace().next().unwrap().to_owned();
            }
            seen.push_str(&line);
        };
        // Its later messages are read away, so that it never waits for us.
        std::thread::spawn(move || std::io::copy(&mut lines, &mut std::io::sink()));
        Serving { child, address }
    }
}

/// Runs a command to its end.
pub fn run(command: &mut Command) -> Run {
    let done = command.output().unwrap();
    Run {
        code: done.status.code(),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// A running server; it is killed when this is dropped.
pub struct Serving {
    child: Child,
    pub address: String,
}

impl Serving {
    /// Number of the process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL, as a power cut or the kernel does it.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// A request; the status and the body, or nothing when the connection broke before the whole answer was read.
    pub fn try_request(address: &str, method: &str, path: &str, body: Option<&str>) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).ok()?;
        let body = body.unwrap_or_default();
        let head = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&answer[..end]).ok()?.to_ascii_lowercase();
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        let mut content = answer[end + 4..].to_vec();
        if head.contains("transfer-encoding: chunked") {
            content = unchunk(&content)?;
        } else if let Some(length) = head.split("content-length: ").nth(1) {
            let length: usize = length.lines().next()?.trim().parse().ok()?;
            if content.len() < length {
                return None;
            }
        }
        Some((status, serde_json::from_slice(&content).unwrap_or(Value::Null)))
    }

    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = Self::try_request(&self.address, "GET", path, None).expect("an answer");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.kill();
    }
}

fn unchunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = bytes.windows(2).position(|w| w == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?.trim(), 16).ok()?;
        let start = end + 2;
        if size == 0 {
            return Some(whole);
        }
        whole.extend_from_slice(bytes.get(start..start + size)?);
        bytes = bytes.get(start + size + 2..)?;
    }
}

/// Numbers that differ from run to run of a loop but not from run to run of the test.
pub struct Chance(u64);

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end.max(1)
    }
}
