use super::{Case, Generator, Lab};

fn listing(case: &Case) -> String {
    let lines = (0..).zip(&case.insns).map(|(pc, insn): (u32, _)| {
        format!(
            "{pc}: {}\n",
            crate::isa::disassemble(*insn, &crate::isa::NoNames)
        )
    });
    lines.collect()
}

#[test]
fn case_of_a_number_is_always_the_same() {
    let (one, other) = (Generator::new(7), Generator::new(7));
    for number in [0, 1, 99] {
        assert_eq!(
            one.case(number).case().insns,
            other.case(number).case().insns
        );
    }
    assert_ne!(one.case(1).case().insns, one.case(2).case().insns);
}

#[test]
fn most_unbroken_programs_are_accepted() {
    let (generator, lab) = (Generator::new(1), Lab::new().expect("a machine"));
    let mut reasons = std::collections::BTreeMap::<String, (u32, String)>::new();
    let (mut accepted, mut all) = (0, 0);
    for number in 0..600 {
        let tree = generator.case(number);
        let plan = tree.plan();
        if !plan.mutations.is_empty() {
            continue;
        }
        let case = tree.case();
        all += 1;
        match lab.judge(&case) {
            Ok(_) => accepted += 1,
            Err(rejection) => {
                let entry = reasons.entry(rejection.message.clone());
                entry
                    .or_insert_with(|| (0, format!("{:?}\n{}", rejection.pc, listing(&case))))
                    .0 += 1;
            }
        }
    }
    if std::env::var("SHOW").is_ok() {
        for (reason, (count, example)) in reasons {
            println!("{count} {reason}\n{example}");
        }
    }
    println!("{accepted} of {all}");
    assert!(accepted * 10 > all * 8, "{accepted} of {all}");
}
