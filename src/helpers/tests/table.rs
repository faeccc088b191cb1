use std::collections::BTreeSet;

use super::super::{FAMILIES, TAIL_CALL, entry, has_body, packet, rows};
use crate::abi;

#[test]
fn rows_have_the_names_that_the_prototypes_give_their_numbers() {
    for row in rows() {
        let number = i32::try_from(row.number()).expect("small");
        let helper = abi::helpers::by_number(number).expect("a prototype");
        assert_eq!(row.name(), helper.name, "number {number}");
    }
}

#[test]
fn rows_are_unique_and_in_order_within_their_family() {
    let mut seen = BTreeSet::new();
    for family in FAMILIES.iter().chain(packet::FAMILIES) {
        assert!(family.is_sorted_by_key(|row| row.number()));
        for row in family.iter() {
            assert!(seen.insert(row.number()), "{} twice", row.name());
        }
    }
    assert!(seen.len() >= 60, "{} bodies", seen.len());
}

#[test]
fn numbers_without_row_have_no_body() {
    assert!(has_body(TAIL_CALL) && has_body(6));
    assert!(!has_body(0) && !has_body(-1) && !has_body(100_000));
    assert!(entry(TAIL_CALL).is_none(), "engines run it themselves");
}
