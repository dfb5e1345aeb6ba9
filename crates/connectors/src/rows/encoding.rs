//! Which encoding a text file has, and its bytes as UTF-8.

use std::io::{self, Read};

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::error::Error;
use crate::input::Input;

/// How much of a file is looked at for bytes that are not UTF-8.
const LOOKED_AT: u64 = 64 << 20;

/// The encoding of a file, and a note where it had to be guessed.
///
/// # Errors
/// [`Error::Io`] when the file cannot be read, [`Error::Option`] when the label is unknown.
pub fn detect(input: &Input, label: Option<&str>) -> Result<(&'static Encoding, Option<String>), Error> {
    if let Some(label) = label {
        let encoding = Encoding::for_label(label.as_bytes());
        return encoding
            .map(|e| (e, None))
            .ok_or_else(|| Error::Option(format!("unknown encoding {label:?}")));
    }
    let head = input.head(4096).map_err(|cause| super::io(input, cause))?;
    if let Some((encoding, _)) = Encoding::for_bom(&head) {
        let note = (encoding != UTF_8).then(|| format!("read as {}", encoding.name()));
        return Ok((encoding, note));
    }
    if let Some(encoding) = utf16_without_mark(&head) {
        return Ok((encoding, Some(format!("read as {} (it has no byte-order mark)", encoding.name()))));
    }
    match first_invalid(input)? {
        None => Ok((UTF_8, None)),
        // A single bad row must not change how all the others are read.
        Some(share) if share < 1e-4 => Ok((
            UTF_8,
            Some(
                "a few bytes are not UTF-8; their rows are rejected (encoding=windows-1252 would read them)"
                    .to_owned(),
            ),
        )),
        Some(_) => Ok((
            WINDOWS_1252,
            Some(
                "the bytes are not UTF-8; read as windows-1252 (say encoding=… if letters look wrong)"
                    .to_owned(),
            ),
        )),
    }
}

/// Text of one-byte letters in two-byte units has zeros in every second place.
fn utf16_without_mark(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    if pairs < 4 {
        return None;
    }
    let zeros = |offset: usize| head.iter().skip(offset).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match (even * 10 > pairs * 4, odd * 10 > pairs * 4) {
        (false, true) => Some(UTF_16LE),
        (true, false) => Some(UTF_16BE),
        _ => None,
    }
}

/// The share of lines with bytes that are not UTF-8 within what is looked at; `None` when all is UTF-8.
fn first_invalid(input: &Input) -> Result<Option<f64>, Error> {
    let mut reader = input.open().map_err(|cause| super::io(input, cause))?.take(LOOKED_AT);
    let mut buffer = vec![0u8; 1 << 20];
    let mut held = 0;
    let (mut bad, mut lines) = (0u64, 1u64);
    loop {
        let read = reader.read(&mut buffer[held..]).map_err(|cause| super::io(input, cause))?;
        if read == 0 {
            bad += u64::from(held > 0);
            break;
        }
        let filled = held + read;
        lines += memchr::memchr_iter(b'\n', &buffer[held..filled]).count() as u64;
        let mut at = 0;
        held = 0;
        while let Err(error) = std::str::from_utf8(&buffer[at..filled]) {
            match error.error_len() {
                Some(length) => {
                    bad += 1;
                    at += error.valid_up_to() + length;
                }
                None => {
                    let start = at + error.valid_up_to();
                    buffer.copy_within(start..filled, 0);
                    held = filled - start;
                    break;
                }
            }
        }
    }
    Ok((bad > 0).then(|| bad as f64 / lines as f64))
}

/// The bytes without a UTF-8 byte-order mark.
pub fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Opens a file as UTF-8 without byte-order mark. UTF-8 passes as it is, even where it is broken.
///
/// # Errors
/// [`Error::Io`] when the file cannot be opened.
pub fn open(input: &Input, encoding: &'static Encoding) -> Result<Box<dyn Read + Send>, Error> {
    let mut reader = input.open().map_err(|cause| super::io(input, cause))?;
    if encoding == UTF_8 {
        let mut head = Vec::new();
        reader.by_ref().take(3).read_to_end(&mut head).map_err(|cause| super::io(input, cause))?;
        let head = strip_bom(&head).to_vec();
        return Ok(Box::new(io::Cursor::new(head).chain(reader)));
    }
    let decoder = encoding.new_decoder_with_bom_removal();
    Ok(Box::new(Decoded { reader, decoder, raw: Vec::new(), text: Vec::new(), at: 0, done: false }))
}

/// Decodes while reading.
struct Decoded<R> {
    reader: R,
    decoder: Decoder,
    raw: Vec<u8>,
    text: Vec<u8>,
    at: usize,
    done: bool,
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() && !self.done {
            self.raw.clear();
            self.reader.by_ref().take(64 << 10).read_to_end(&mut self.raw)?;
            self.done = self.raw.is_empty();
            let room = self.decoder.max_utf8_buffer_length(self.raw.len()).unwrap_or(256 << 10);
            self.text.resize(room, 0);
            let (_, _, written, _) = self.decoder.decode_to_utf8(&self.raw, &mut self.text, self.done);
            self.text.truncate(written);
            self.at = 0;
        }
        let n = out.len().min(self.text.len() - self.at);
        out[..n].copy_from_slice(&self.text[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> (String, &'static str) {
        let input = Input::bytes("t.csv", bytes.to_vec());
        let (encoding, _) = detect(&input, None).unwrap();
        let mut out = String::new();
        open(&input, encoding).unwrap().read_to_string(&mut out).unwrap();
        (out, encoding.name())
    }

    #[test]
    fn encodings() {
        let utf16 = |be: bool, mark: bool| -> Vec<u8> {
            let body = "id;name\n1;Zoë\n".encode_utf16();
            let units = mark.then_some(0xfeffu16).into_iter().chain(body);
            units.flat_map(|u| if be { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
        };
        let expect = "id;name\n1;Zoë\n".to_owned();
        assert_eq!(text(expect.as_bytes()), (expect.clone(), "UTF-8"));
        assert_eq!(text(&[b"\xef\xbb\xbf", expect.as_bytes()].concat()), (expect.clone(), "UTF-8"));
        for mark in [true, false] {
            assert_eq!(text(&utf16(false, mark)), (expect.clone(), "UTF-16LE"));
            assert_eq!(text(&utf16(true, mark)), (expect.clone(), "UTF-16BE"));
        }
        assert_eq!(text(b"id;name\n1;Zo\xeb\n"), (expect, "windows-1252"));
    }
}
