//! From the bytes of a request to JSON text, whatever they were packed in.

use std::borrow::Cow;
use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use burgeon_core::json::mend_surrogates;

use super::{Hopeless, Limits};

/// A body as text.
#[derive(Debug)]
pub struct Body<'a> {
    /// JSON text, or nearly.
    pub text: Cow<'a, str>,
    /// Places of [`Body::text`] where bytes that are no UTF-8 were replaced, ascending.
    pub broken: Vec<usize>,
}

impl Body<'_> {
    /// Whether a piece of the text was not UTF-8.
    pub fn is_broken(&self, from: usize, to: usize) -> bool {
        let next = self.broken.partition_point(|place| *place < from);
        self.broken.get(next).is_some_and(|place| *place < to)
    }
}

/// Most wrappings that are taken off: gzip in base64 in a form is three.
const WRAPPINGS: usize = 6;

/// Unpacks a body. Its own bytes tell how it is packed: gzip, zlib and zstd have their marks, JSON begins with a bracket,
/// a form has its `data=`, and what is left is base64.
pub fn unpack<'a>(body: &'a [u8], query: &'a str, limits: Limits) -> Result<Body<'a>, Hopeless> {
    if body.len() > limits.body_bytes {
        return Err(Hopeless::TooLarge { limit: limits.body_bytes });
    }
    let blank = body.iter().all(u8::is_ascii_whitespace);
    let mut bytes = Cow::Borrowed(if blank { query.as_bytes() } else { body });
    for _ in 0..WRAPPINGS {
        bytes = match &*bytes {
            [0x1f, 0x8b, ..] => inflate(flate2::read::MultiGzDecoder::new(&*bytes), "gzip", limits)?,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => {
                let reader = zstd::stream::read::Decoder::new(&*bytes).map_err(|e| damaged("zstd", &e))?;
                inflate(reader, "zstd", limits)?
            }
            // The second byte of zlib makes both together a multiple of 31.
            [first @ 0x78, second, ..] if (u16::from(*first) * 256 + u16::from(*second)) % 31 == 0 => {
                inflate(flate2::read::ZlibDecoder::new(&*bytes), "zlib", limits)?
            }
            [0xef, 0xbb, 0xbf, ..] => skip(bytes, 3),
            [b'{' | b'[', ..] => return Ok(text(bytes)),
            [first, ..] if first.is_ascii_whitespace() => {
                let blanks = bytes.iter().take_while(|b| b.is_ascii_whitespace()).count();
                skip(bytes, blanks)
            }
            [] => return Err(Hopeless::Unreadable("it is empty; send JSON".to_owned())),
            plain => match form(plain) {
                Some(value) => Cow::Owned(value),
                None => Cow::Owned(from_base64(plain).ok_or_else(|| {
                    Hopeless::Unreadable(
                        "it is no JSON, no form with data=, no base64 of one, and not packed with gzip, zlib or zstd"
                            .to_owned(),
                    )
                })?),
            },
        };
    }
    Err(Hopeless::Unreadable("it is packed too often; send JSON".to_owned()))
}

fn skip(bytes: Cow<'_, [u8]>, count: usize) -> Cow<'_, [u8]> {
    match bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(bytes.get(count..).unwrap_or_default()),
        Cow::Owned(mut bytes) => {
            bytes.drain(..count.min(bytes.len()));
            Cow::Owned(bytes)
        }
    }
}

fn damaged(what: &str, error: &std::io::Error) -> Hopeless {
    Hopeless::Unreadable(format!("it is packed with {what} and damaged: {error}"))
}

fn inflate(reader: impl Read, what: &str, limits: Limits) -> Result<Cow<'static, [u8]>, Hopeless> {
    let mut out = Vec::new();
    // One byte more than the limit tells that there is more.
    let most = limits.body_bytes as u64 + 1;
    reader.take(most).read_to_end(&mut out).map_err(|e| damaged(what, &e))?;
    if out.len() as u64 == most {
        return Err(Hopeless::TooLarge { limit: limits.body_bytes });
    }
    Ok(Cow::Owned(out))
}

/// The value of `data` in a form.
fn form(bytes: &[u8]) -> Option<Vec<u8>> {
    let value = bytes.split(|b| *b == b'&').find_map(|part| part.strip_prefix(b"data="))?;
    Some(percent_encoding::percent_decode(value).collect())
}

/// Base64 of either alphabet, padded or not. A `+` that went through a form without being escaped arrives as a blank.
fn from_base64(bytes: &[u8]) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
    let text: Vec<u8> = bytes
        .iter()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .map(|b| match b {
            b'-' | b' ' => b'+',
            b'_' => b'/',
            other => *other,
        })
        .collect();
    ENGINE.decode(text).ok().filter(|out| !out.is_empty())
}

fn text(bytes: Cow<'_, [u8]>) -> Body<'_> {
    let mut body = match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Body { text: Cow::Borrowed(text), broken: Vec::new() },
            Err(_) => mended(bytes),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Body { text: Cow::Owned(text), broken: Vec::new() },
            Err(error) => mended(error.as_bytes()),
        },
    };
    mend_surrogates(&mut body.text);
    body
}

fn mended(bytes: &[u8]) -> Body<'static> {
    let mut out = String::with_capacity(bytes.len());
    let mut broken = Vec::new();
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            broken.push(out.len());
            out.push(char::REPLACEMENT_CHARACTER);
        }
    }
    Body { text: Cow::Owned(out), broken }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    const JSON: &str = r#"{"event":"a+b/c?é","n":[1,2,3]}"#;

    fn open(bytes: &[u8], query: &str) -> Result<String, Hopeless> {
        unpack(bytes, query, Limits::default()).map(|body| body.text.into_owned())
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn escaped(text: &str) -> String {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    }

    #[test]
    fn every_wrapping_comes_off() {
        let packed = gzip(JSON.as_bytes());
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(JSON.as_bytes()).unwrap();
        let zlib = zlib.finish().unwrap();
        let bodies: Vec<Vec<u8>> = vec![
            JSON.into(),
            format!("\u{feff}\r\n {JSON}").into(),
            packed.clone(),
            zlib,
            zstd::stream::encode_all(JSON.as_bytes(), 1).unwrap(),
            STANDARD.encode(JSON).into(),
            URL_SAFE_NO_PAD.encode(JSON).into(),
            format!("data={}", escaped(&STANDARD.encode(JSON))).into(),
            // Mixpanel's client for Node does not escape it.
            format!("data={}", STANDARD.encode(JSON)).into(),
            format!("data={}", STANDARD.encode(JSON).replace('+', " ")).into(),
            format!("verbose=1&data={}&ip=0", escaped(JSON)).into(),
            format!("data={}", escaped(&STANDARD.encode(&packed))).into(),
            gzip(STANDARD.encode(JSON).as_bytes()),
        ];
        for body in bodies {
            assert_eq!(open(&body, "").unwrap().trim(), JSON, "{}", String::from_utf8_lossy(&body));
        }
        let query = format!("ip=1&data={}", escaped(&STANDARD.encode(JSON)));
        assert_eq!(open(b"", &query).unwrap(), JSON);
    }

    #[test]
    fn bombs_and_nonsense_are_refused() {
        let bomb = gzip(&vec![b' '; 1 << 20]);
        let limits = Limits { body_bytes: 4096, ..Limits::default() };
        assert_eq!(unpack(&bomb, "", limits).unwrap_err(), Hopeless::TooLarge { limit: 4096 });
        assert!(matches!(open(b"", ""), Err(Hopeless::Unreadable(_))));
        assert!(matches!(open(b"hello, world", ""), Err(Hopeless::Unreadable(_))));
        assert!(matches!(open(&gzip(JSON.as_bytes())[..20], ""), Err(Hopeless::Unreadable(_))));
        assert!(matches!(open("data=".repeat(9).as_bytes(), ""), Err(Hopeless::Unreadable(_))));
    }

    #[test]
    fn broken_text_is_told() {
        let body = unpack(b"[\"a\xff\",\"b\"]", "", Limits::default()).unwrap();
        assert_eq!((&*body.text, body.broken.as_slice()), ("[\"a\u{fffd}\",\"b\"]", &[3][..]));
        assert!(body.is_broken(1, 6) && !body.is_broken(4, 99) && !body.is_broken(0, 3));
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..200), query in ".{0,40}") {
            let _ = open(&bytes, &query);
            let _ = open(&gzip(&bytes), &query);
        }
    }
}
