//! Base64, as bytes appear in JSON.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Standard base64 with padding.
pub(crate) fn base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for position in 0..4 {
            let symbol = ALPHABET.get((bits >> (18 - 6 * position)) as usize & 63).copied().unwrap_or(b'=');
            text.push(if position <= chunk.len() { char::from(symbol) } else { '=' });
        }
    }
    text
}

/// Whether text is standard base64 with padding.
pub(super) fn is_base64(text: &str) -> bool {
    let body = text.trim_end_matches('=');
    text.len().is_multiple_of(4) && text.len() - body.len() <= 2 && body.bytes().all(|byte| ALPHABET.contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_follows_the_length() {
        let texts: Vec<String> = [&b""[..], b"f", b"fo", b"foo", b"foob"].iter().map(|b| base64(b)).collect();
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
        assert!(texts.iter().all(|text| is_base64(text)));
        assert!(!is_base64("Zg=") && !is_base64("Z===") && !is_base64("Zg-="));
    }
}
