//! The table of kinds holds together.

use std::collections::BTreeSet;

use super::{Code, all, fits, of, with_code};

#[test]
fn codes_are_unique_and_found() {
    let codes: BTreeSet<Code> = all().iter().map(|kind| kind.code).collect();
    assert_eq!(codes.len(), all().len());
    for kind in all() {
        assert_eq!(with_code(kind.code), Some(kind));
    }
}

#[test]
fn code_written_and_read_is_the_same() {
    for kind in all() {
        assert_eq!(kind.code.to_string().parse(), Ok(kind.code));
    }
    assert_eq!("e12".parse(), Ok(Code(12)));
    for text in ["", "E", "12", "E1x", "E-1", "E99999999", "R0 !read_ok"] {
        assert!(text.parse::<Code>().is_err(), "{text}");
    }
}

#[test]
fn sentence_of_a_kind_is_found_as_its() {
    for kind in all() {
        for pattern in kind.sentences {
            let sentence = pattern.replace('…', "7");
            let found = of(&sentence).map(|kind| kind.code);
            assert_eq!(found, Some(kind.code), "{sentence}");
        }
    }
}

#[test]
fn sentence_of_no_kind_is_not_found() {
    for sentence in ["", "R1", "all is well"] {
        assert_eq!(of(sentence), None, "{sentence}");
    }
}

#[test]
fn sentence_that_several_fit_is_of_the_most_literal() {
    let code = |sentence| of(sentence).map(|kind| kind.code.to_string());
    let or_null = "R0 invalid mem access 'map_value_or_null'";
    assert_eq!(code(or_null).as_deref(), Some("E004"));
    assert_eq!(
        code("R0 invalid mem access 'scalar'").as_deref(),
        Some("E003")
    );
    assert_eq!(
        code("R3 invalid mem access 'pkt_end'").as_deref(),
        Some("E008")
    );
}

#[test]
fn pattern_fits_from_end_to_end() {
    assert!(fits("R… is …!", "R1 is 2!"));
    assert!(fits("R… is …", "R1 is "));
    assert!(fits("…a…", "banana"));
    for (pattern, sentence) in [
        ("R… is …!", "R1 is 2"),
        ("R… is", "xR1 is"),
        ("ab…ba", "aba"),
        ("a", "ab"),
        ("…b…a…", "ab"),
    ] {
        assert!(!fits(pattern, sentence), "{pattern}: {sentence}");
    }
}

#[test]
fn texts_are_written_as_others() {
    for kind in all() {
        let code = kind.code;
        assert!(!kind.sentences.is_empty(), "{code}");
        for text in [kind.title, kind.advice] {
            assert!(!text.is_empty() && !text.ends_with('.'), "{code}: {text}");
        }
        assert!(kind.explanation.ends_with('.'), "{code}");
    }
}
