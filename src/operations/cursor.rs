//! Places in a list, in a form that nobody takes apart. They are read with care all the same.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Kind, Refusal};

/// Longer than any that is handed out: names have at most 200 letters.
const LONGEST: usize = 4096;

/// The place as text.
pub fn write(place: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(place).unwrap_or_default())
}

/// The place that a cursor stands for; none without one.
///
/// # Errors
/// [`Refusal`] for what was never handed out.
pub fn read<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, Refusal> {
    let Some(cursor) = cursor else { return Ok(None) };
    let place = (cursor.len() <= LONGEST)
        .then(|| URL_SAFE_NO_PAD.decode(cursor).ok())
        .flatten()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok());
    match place {
        Some(place) => Ok(Some(place)),
        None => Err(Refusal::new(Kind::Malformed, "bad-cursor", "`cursor` is none of this list's")
            .help("hand in `next` of the page before, unchanged; without it the list begins anew")),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, write};

    #[test]
    fn a_cursor_comes_back_and_rubbish_does_not() {
        let place = ("ä name".to_owned(), 7i64);
        assert_eq!(read(Some(&write(&place))).expect("its own"), Some(place));
        for rubbish in ["", "x", "AAAA", &write(&"another"), &"A".repeat(5000)] {
            assert!(read::<(String, i64)>(Some(rubbish)).is_err(), "{rubbish:.20}");
        }
        assert!(read::<(String, i64)>(None).expect("none").is_none());
    }
}
