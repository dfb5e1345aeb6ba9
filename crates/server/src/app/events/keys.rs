//! Write keys: who may send events. They open nothing but the intake.
//!
//! The ring reads and writes the state store alone, so that a key can be made while a server runs on the same data
//! directory; the server sees it with the first request that carries it.

use crate::app::cells::instant;
use crate::app::{Error, Result};
use burgeon_core::time::Clock;
use burgeon_state::{State, WriteKey};
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

/// How long a revoked key may still be accepted when another process revoked it.
const FRESH: Duration = Duration::from_secs(2);
/// An unknown key is looked up again after this long, so that made-up keys cannot keep the state store busy.
const UNKNOWN: Duration = Duration::from_millis(200);
/// The last use of a key is kept to the minute, µs.
const USE_STEP: i64 = 60_000_000;
/// The longest name of a key and the most domains.
const MOST: usize = 200;

/// A write key, as lists show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Key {
    /// Short id, used to revoke.
    pub key_id: String,
    /// What the key is for.
    pub name: String,
    /// What a client sends: `wk_` and 32 hexadecimal digits. No secret: it stands in public pages.
    pub key: String,
    /// Sites whose trackers send a domain in place of a key.
    pub domains: Vec<String>,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// When events last came with it, to the minute, RFC 3339.
    pub last_used_at: Option<String>,
    /// When it was revoked, RFC 3339.
    pub revoked_at: Option<String>,
}

/// The write keys, newest first.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct KeyList {
    /// Newest first, revoked ones among them.
    pub keys: Vec<Key>,
}

/// What a new key is for.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// What people see in the list.
    pub name: String,
    /// Sites whose trackers send a domain in place of a key. As long as no key names a domain, all are taken.
    #[serde(default)]
    pub domains: Vec<String>,
}

impl From<WriteKey> for Key {
    fn from(key: WriteKey) -> Self {
        Self {
            key_id: key.key_id,
            name: key.name,
            key: key.write_key,
            domains: key.domains,
            created_at: instant(key.created_at),
            last_used_at: key.last_used_at.map(instant),
            revoked_at: key.revoked_at.map(instant),
        }
    }
}

/// A key that is in force.
#[derive(Debug)]
pub struct Valid {
    /// Its id.
    pub key_id: String,
    /// Its name; events say `intake:NAME` as their source.
    pub name: String,
    used_at: AtomicI64,
}

/// The keys in force at one moment.
#[derive(Debug, Default)]
struct Known {
    keys: HashMap<String, Arc<Valid>>,
    domains: HashMap<String, Arc<Valid>>,
    /// The oldest key: what comes by domain while no key names one counts as sent with it.
    first: Option<Arc<Valid>>,
    read_at: Option<Instant>,
}

/// Finds, makes and revokes write keys.
#[derive(Debug)]
pub struct KeyRing {
    state: State,
    clock: Arc<dyn Clock>,
    known: RwLock<Arc<Known>>,
    /// Held while the keys are read, so that many requests with a new key read them once.
    reading: tokio::sync::Mutex<()>,
}

impl KeyRing {
    /// The keys of an open state store.
    pub fn new(state: State, clock: Arc<dyn Clock>) -> Self {
        Self { state, clock, known: RwLock::default(), reading: tokio::sync::Mutex::default() }
    }

    /// The keys of a data directory, also while a server works on it. The directory is made when it is missing.
    pub async fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io(folder, &error))?;
        Ok(Self::new(State::open(folder.join("state.db")).await?, clock))
    }

    /// All keys, newest first, revoked ones among them.
    pub async fn list(&self) -> Result<KeyList> {
        Ok(KeyList { keys: self.state.write_keys().await?.into_iter().map(Key::from).collect() })
    }

    /// Makes a key from 16 random bytes of the caller; `actor` stands in the audit log.
    pub async fn create(&self, new: &NewKey, random: &[u8; 16], actor: &str) -> Result<Key> {
        let name = new.name.trim();
        if name.is_empty() || name.chars().count() > MOST {
            return Err(Error::invalid("bad_name", format!("a key needs a name of 1 to {MOST} characters"))
                .mend("say what it is for, such as `website`")
                .param("name"));
        }
        if new.domains.len() > MOST {
            return Err(
                Error::invalid("too_many_domains", format!("at most {MOST} domains a key")).param("domains")
            );
        }
        let domains = new.domains.iter().map(|text| domain(text)).collect::<Result<Vec<_>>>()?;
        let at = self.clock.now().as_microsecond();
        let key = self.state.create_write_key(name, &domains, random, at).await?;
        let detail = serde_json::json!({ "done": "created", "name": key.name, "domains": key.domains });
        self.state.audit(actor, "write_key", &key.key_id, &detail, at).await?;
        self.read().await?;
        Ok(key.into())
    }

    /// Revokes a key for good, named by its id or by the key itself.
    pub async fn revoke(&self, id_or_key: &str, actor: &str) -> Result<Key> {
        let at = self.clock.now().as_microsecond();
        let key = self.state.revoke_write_key(id_or_key, at).await?;
        if key.revoked_at == Some(at) {
            let detail = serde_json::json!({ "done": "revoked", "name": key.name });
            self.state.audit(actor, "write_key", &key.key_id, &detail, at).await?;
        }
        self.read().await?;
        Ok(key.into())
    }

    /// The key in force that a client sent; none when it is unknown or revoked.
    pub async fn find(&self, write_key: &str) -> Result<Option<Arc<Valid>>> {
        self.look(|known| known.keys.get(write_key).cloned()).await
    }

    /// The key in force for events that name a site only. While no key names a domain, the oldest one stands for all
    /// sites; from then on only the named ones, with or without `www.`, are taken.
    pub async fn of_domain(&self, site: &str) -> Result<Option<Arc<Valid>>> {
        let site = bare(site);
        self.look(|known| {
            // The trackers of some send the write key where others send the domain.
            let key = known.keys.get(site.as_str()).or_else(|| known.domains.get(&site));
            let open = known.first.as_ref().filter(|_| known.domains.is_empty());
            key.or(open).cloned()
        })
        .await
    }

    async fn look(&self, find: impl Fn(&Known) -> Option<Arc<Valid>>) -> Result<Option<Arc<Valid>>> {
        let known = self.known.read().clone();
        let age = known.read_at.map(|at| at.elapsed());
        let found = find(&known);
        let stale = match (&found, age) {
            (_, None) => true,
            (Some(_), Some(age)) => age > FRESH,
            (None, Some(age)) => age > UNKNOWN,
        };
        let found = if stale {
            let _alone = self.reading.lock().await;
            // Whoever waited here finds what the one before has read.
            let now = self.known.read().clone();
            if now.read_at == known.read_at {
                self.read().await?;
            }
            let known = self.known.read().clone();
            find(&known)
        } else {
            found
        };
        if let Some(key) = &found {
            self.note_use(key).await?;
        }
        Ok(found)
    }

    async fn note_use(&self, key: &Valid) -> Result<()> {
        let at = self.clock.now().as_microsecond();
        let last = key.used_at.load(Ordering::Relaxed);
        let due = at.saturating_sub(last) >= USE_STEP;
        if due && key.used_at.compare_exchange(last, at, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.state.touch_write_key(&key.key_id, at).await?;
        }
        Ok(())
    }

    async fn read(&self) -> Result<()> {
        let mut known = Known { read_at: Some(Instant::now()), ..Known::default() };
        // Newest first: of two keys with one domain the older one has it, and the oldest stands for all.
        for key in self.state.write_keys().await?.into_iter().filter(|key| key.revoked_at.is_none()) {
            let valid = Arc::new(Valid {
                key_id: key.key_id,
                name: key.name,
                used_at: AtomicI64::new(key.last_used_at.unwrap_or(i64::MIN / 2)),
            });
            for domain in key.domains {
                known.domains.insert(domain, valid.clone());
            }
            known.keys.insert(key.write_key, valid.clone());
            known.first = Some(valid);
        }
        *self.known.write() = Arc::new(known);
        Ok(())
    }
}

/// A domain as a key keeps it: lower case, no scheme, path, port or `www.`.
fn domain(text: &str) -> Result<String> {
    let host = bare(text);
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
    if host.is_empty() || host.len() > 253 || !host.chars().all(fits) {
        return Err(Error::invalid("bad_domain", format!("{text:?} is no domain"))
            .mend("write the host alone, such as shop.example.com")
            .param("domains"));
    }
    Ok(host)
}

fn bare(text: &str) -> String {
    let text = text.trim().to_lowercase();
    let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    let host = text.split(['/', '?', '#', ':']).next().unwrap_or_default();
    host.strip_prefix("www.").unwrap_or(host).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burgeon_core::time::FixedClock;

    async fn ring() -> (tempfile::TempDir, KeyRing) {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(FixedClock("2026-03-15T12:00:00Z".parse().unwrap()));
        let ring = KeyRing::open(&folder.path().join("data"), clock).await.unwrap();
        (folder, ring)
    }

    fn new(name: &str, domains: &[&str]) -> NewKey {
        NewKey { name: name.into(), domains: domains.iter().map(|text| (*text).into()).collect() }
    }

    #[tokio::test]
    async fn a_key_of_another_process_is_found_at_once_and_its_end_soon() {
        let (folder, ring) = ring().await;
        assert!(ring.find("wk_nothing").await.unwrap().is_none());
        let clock = Arc::new(FixedClock("2026-03-15T12:00:00Z".parse().unwrap()));
        let other = KeyRing::open(&folder.path().join("data"), clock).await.unwrap();
        let key = other.create(&new("site", &[]), &[7; 16], "cli").await.unwrap();
        tokio::time::sleep(UNKNOWN * 2).await;
        assert_eq!(ring.find(&key.key).await.unwrap().unwrap().name, "site");
        let listed = ring.list().await.unwrap();
        assert_eq!(listed.keys[0].last_used_at.as_deref(), Some("2026-03-15T12:00:00Z"));
        other.revoke(&key.key, "cli").await.unwrap();
        assert!(other.find(&key.key).await.unwrap().is_none());
        tokio::time::sleep(FRESH + UNKNOWN).await;
        assert!(ring.find(&key.key).await.unwrap().is_none());
        assert!(other.revoke("wk_nothing", "cli").await.is_err());
    }

    #[tokio::test]
    async fn domains_are_open_until_one_is_named() {
        let (_folder, ring) = ring().await;
        assert!(ring.of_domain("shop.example.com").await.unwrap().is_none(), "no key, no intake");
        let all = ring.create(&new("all", &[]), &[1; 16], "cli").await.unwrap();
        assert_eq!(ring.of_domain("shop.example.com").await.unwrap().unwrap().name, "all");
        assert_eq!(ring.of_domain(&all.key).await.unwrap().unwrap().name, "all");
        ring.create(&new("shop", &["https://www.Shop.example.com/"]), &[2; 16], "cli").await.unwrap();
        assert_eq!(ring.of_domain("WWW.shop.example.com").await.unwrap().unwrap().name, "shop");
        assert!(ring.of_domain("other.example.com").await.unwrap().is_none());
        let error = ring.create(&new("bad", &["a b"]), &[3; 16], "cli").await.unwrap_err();
        assert_eq!(error.code, "bad_domain");
        assert_eq!(ring.create(&new(" ", &[]), &[4; 16], "cli").await.unwrap_err().code, "bad_name");
    }
}
