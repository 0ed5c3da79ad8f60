//! Words of a POSIX shell: text from files goes into scripts and runbooks only through [`quoted`].

/// The text as one word of a POSIX shell, in quotes unless it is plainly harmless.
pub fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) && !text.starts_with(['-', '=']) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The text without what would end a comment.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn plain_names_stay_as_they_are() {
        assert_eq!(quoted("team-a/web_1.yaml"), "team-a/web_1.yaml");
        assert_eq!(quoted("system:serviceaccounts:team-a"), "system:serviceaccounts:team-a");
    }

    #[test]
    fn what_a_command_takes_for_a_flag_is_quoted_and_stays_one_word() {
        assert_eq!(quoted("-o"), "'-o'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("a'b"), r"'a'\''b'");
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_what_was_quoted(text in "[^\0]{0,40}|['\\\\$`\"! \n\t;|&<>*?~#=:,@-]{0,12}") {
            let script = format!("printf %s {}", quoted(&text));
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }

        #[test]
        fn a_comment_never_ends_early(text in "(?s).{0,60}") {
            let script = format!("# {}\nprintf %s end", one_line(&text).replace('\0', " "));
            let output = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), "end");
        }
    }
}
