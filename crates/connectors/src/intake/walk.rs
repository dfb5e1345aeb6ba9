//! The ways in which bodies hold items: an envelope around a list, a bare list, one item, or one in each line.

use burgeon_core::json::{Fault, Raw, Scanner};

use super::body::Body;
use super::collect::{Collector, is_too_deep};
use super::{Hopeless, Limits, Parsed};

/// Reads the items of one protocol.
pub trait Protocol<'a> {
    /// The key of the envelope under which the list of items stands; none where a body is always one item or a list.
    fn list(&self) -> Option<&'static str>;

    /// A member of the envelope.
    fn head(&mut self, collector: &mut Collector<'_>, key: &str, value: &Raw<'a>);

    /// Reads one item, which is an object, into the reader's own slots.
    ///
    /// # Errors
    /// Where the text is no JSON.
    fn read(&mut self, collector: &mut Collector<'_>, scanner: &mut Scanner<'a>) -> Result<(), Fault>;

    /// Takes the item that was read. `raw` is its text.
    ///
    /// # Errors
    /// Why it is not taken.
    fn take(&mut self, collector: &mut Collector<'_>, raw: &str, index: usize) -> Result<(), String>;

    /// The identifier under which the client wants an answer for the item that was read, where it wants one.
    fn answer_id(&self) -> Option<&str> {
        None
    }
}

/// Reads a whole body.
///
/// # Errors
/// [`Hopeless`] when it is no JSON or has too many items.
pub fn walk<'a>(
    body: &'a Body<'_>,
    mut collector: Collector<'_>,
    limits: Limits,
    protocol: &mut impl Protocol<'a>,
) -> Result<Parsed, Hopeless> {
    let text: &'a str = &body.text;
    let mut walker = Walker { body, limits, collector: &mut collector };
    walker.walk(text, protocol)?;
    Ok(collector.finish())
}

struct Walker<'b, 'w, 'c> {
    body: &'b Body<'b>,
    limits: Limits,
    collector: &'w mut Collector<'c>,
}

impl Walker<'_, '_, '_> {
    fn walk<'a>(&mut self, text: &'a str, protocol: &mut impl Protocol<'a>) -> Result<(), Hopeless> {
        let unreadable = |fault: Fault| Hopeless::Unreadable(fault.to_string());
        let mut scanner = Scanner::new(text);
        if scanner.peek() == b'[' {
            self.list(&mut scanner, protocol)?;
        } else {
            match protocol.list() {
                Some(list) if has_key(text, list) => self.envelope(&mut scanner, list, protocol)?,
                _ if is_lines(text) => return self.lines(text, protocol),
                _ => self.one(&mut scanner, protocol)?,
            }
        }
        if !scanner.is_done() {
            return Err(unreadable(Fault { at: scanner.at(), what: "nothing should follow" }));
        }
        Ok(())
    }

    fn envelope<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        list: &str,
        protocol: &mut impl Protocol<'a>,
    ) -> Result<(), Hopeless> {
        let unreadable = |fault: Fault| Hopeless::Unreadable(fault.to_string());
        scanner.open_object().map_err(unreadable)?;
        let mut first = true;
        while let Some(key) = scanner.key(&mut first).map_err(unreadable)? {
            if key == list && scanner.peek() == b'[' {
                self.list(scanner, protocol)?;
            } else {
                let value = scanner.value().map_err(unreadable)?;
                protocol.head(self.collector, &key, &value);
            }
        }
        Ok(())
    }

    fn list<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        protocol: &mut impl Protocol<'a>,
    ) -> Result<(), Hopeless> {
        let unreadable = |fault: Fault| Hopeless::Unreadable(fault.to_string());
        scanner.open_array().map_err(unreadable)?;
        let mut first = true;
        while scanner.element(&mut first).map_err(unreadable)? {
            self.one(scanner, protocol)?;
        }
        Ok(())
    }

    fn one<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        protocol: &mut impl Protocol<'a>,
    ) -> Result<(), Hopeless> {
        self.item(scanner, protocol, 0)?.map_err(|fault| Hopeless::Unreadable(fault.to_string()))
    }

    /// Reads and takes one item. `offset` is where the scanner's text begins in the body's.
    fn item<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        protocol: &mut impl Protocol<'a>,
        offset: usize,
    ) -> Result<Result<(), Fault>, Hopeless> {
        let index = self.collector.begin();
        if index >= self.limits.items {
            return Err(Hopeless::TooMany { limit: self.limits.items });
        }
        scanner.deepest = 0;
        let object = scanner.peek() == b'{';
        let start = scanner.at();
        let read = if object { protocol.read(self.collector, scanner) } else { scanner.value().map(|_| ()) };
        if let Err(fault) = read {
            return Ok(Err(fault));
        }
        let end = scanner.at();
        let raw = scanner.slice(start, end);
        let taken = if !object {
            Err("is not a JSON object".to_owned())
        } else if raw.len() > self.limits.item_bytes {
            Err(format!("is larger than {} bytes", self.limits.item_bytes))
        } else if self.body.is_broken(offset + start, offset + end) {
            Err("is not UTF-8; send text as UTF-8".to_owned())
        } else if is_too_deep(scanner.deepest) {
            Err("is nested too deep".to_owned())
        } else {
            protocol.take(self.collector, raw, index)
        };
        if object && let Some(id) = protocol.answer_id() {
            self.collector.answer(id, taken.clone().err());
        }
        if let Err(reason) = taken {
            self.collector.reject(index, reason, raw);
        }
        Ok(Ok(()))
    }

    /// One item in each line; a line that is no JSON does not spoil the others.
    fn lines<'a>(&mut self, text: &'a str, protocol: &mut impl Protocol<'a>) -> Result<(), Hopeless> {
        let mut offset = 0;
        for line in text.split('\n') {
            let start = offset;
            offset += line.len() + 1;
            let line = line.trim_end_matches('\r');
            if line.trim().is_empty() {
                continue;
            }
            let mut scanner = Scanner::new(line);
            // The line is checked as a whole before anything of it is taken.
            let whole = scanner.value().and_then(|_| match scanner.is_done() {
                true => Ok(()),
                false => Err(Fault { at: scanner.at(), what: "nothing should follow" }),
            });
            if let Err(fault) = whole {
                let index = self.collector.begin();
                self.collector.reject(index, fault.to_string(), line);
                continue;
            }
            self.item(&mut Scanner::new(line), protocol, start)?
                .map_err(|fault| Hopeless::Unreadable(fault.to_string()))?;
        }
        Ok(())
    }
}

/// Whether an object has a key. Looks no further than that key.
fn has_key(text: &str, key: &str) -> bool {
    let mut scanner = Scanner::new(text);
    let mut first = true;
    if scanner.open_object().is_err() {
        return false;
    }
    while let Ok(Some(found)) = scanner.key(&mut first) {
        if found == key {
            return true;
        }
        if scanner.value().is_err() {
            return false;
        }
    }
    false
}

/// Whether the first line is a whole object and another follows.
fn is_lines(text: &str) -> bool {
    let Some((line, rest)) = text.split_once('\n') else { return false };
    let mut scanner = Scanner::new(line);
    let whole = scanner.peek() == b'{' && scanner.value().is_ok() && scanner.is_done();
    // A first line that is broken is told from a pretty-printed object by what the next one begins with.
    rest.trim_start().starts_with('{') && (whole || line.trim_end().ends_with('}'))
}
