//! Replays `kernel_samples.txt`: every printed state must be ours, character by character.

use super::*;

/// The two registers the samples speak of.
struct Registers {
    r6: Scalar,
    r7: Scalar,
}

impl Registers {
    fn new() -> Registers {
        Registers {
            r6: Scalar::unknown(),
            r7: Scalar::unknown(),
        }
    }

    fn get(&mut self, name: &str) -> &mut Scalar {
        match name {
            "6" | "r6" => &mut self.r6,
            "7" | "r7" => &mut self.r7,
            other => panic!("no register {other}"),
        }
    }

    /// A register's value or an immediate.
    fn operand(&mut self, text: &str) -> Scalar {
        match text.parse::<i64>() {
            Ok(imm) => Scalar::constant(imm as u64),
            Err(_) => *self.get(text),
        }
    }

    /// Executes a line and prints what the log would.
    fn step(&mut self, line: &str) -> String {
        let words: Vec<&str> = line.split(' ').collect();
        match words.as_slice() {
            ["alu", op, bits, dst, src] => {
                let src = self.operand(src);
                self.set(dst, |old| Scalar::alu(alu_op(op), width(bits), old, &src))
            }
            ["sx", bits, dst, from] => self.set(dst, |old| old.moved_sx(width(bits), size(from))),
            ["ld", dst, bits] => self.set(dst, |_| Scalar::of_size(size(bits))),
            ["lds", dst, bits] => self.set(dst, |_| Scalar::of_signed_size(size(bits))),
            ["jmp", op, bits, dst, src] => self.jump(jump_op(op), width(bits), dst, src),
            other => panic!("no step {other:?}"),
        }
    }

    fn set(&mut self, name: &str, rule: impl FnOnce(&Scalar) -> Scalar) -> String {
        let reg = self.get(name);
        *reg = rule(reg);
        format!("R{name}={reg}")
    }

    fn jump(&mut self, op: JumpOp, width: Width, dst: &str, src: &str) -> String {
        let (left, right) = (*self.get(dst), self.operand(src));
        match Scalar::is_branch_taken(op, width, &left, &right) {
            Some(true) => return "always".into(),
            Some(false) => return "never".into(),
            None => {}
        }
        let itself = src.strip_prefix('r') == Some(dst);
        let narrowed = |branch| {
            let (mut left, mut right) = (left, right);
            if itself {
                Scalar::refine_itself(op, width, branch, &mut left);
                right = left;
            } else {
                Scalar::refine(op, width, branch, &mut left, &mut right);
            }
            (left, right)
        };
        let (jumped, fallen) = (narrowed(Branch::Taken), narrowed(Branch::FallThrough));
        let other = src.strip_prefix('r').filter(|_| !itself);
        let print = |(left, right): (Scalar, Scalar)| match other {
            Some(other) => format!("R{dst}={left} R{other}={right}"),
            None => format!("R{dst}={left}"),
        };
        *self.get(dst) = fallen.0;
        if let Some(other) = other {
            *self.get(other) = fallen.1;
        }
        format!("open F {} T {}", print(fallen), print(jumped))
    }
}

fn width(bits: &str) -> Width {
    if bits == "32" { Width::W32 } else { Width::W64 }
}

fn size(bits: &str) -> Size {
    match bits {
        "8" => Size::B,
        "16" => Size::H,
        "32" => Size::W,
        other => panic!("no size {other}"),
    }
}

fn alu_op(name: &str) -> AluOp {
    let named = |op: &AluOp| format!("{op:?}").to_lowercase() == name;
    AluOp::ALL
        .into_iter()
        .find(named)
        .expect("an operation of that name")
}

fn jump_op(name: &str) -> JumpOp {
    let named = |op: &JumpOp| format!("{op:?}").to_lowercase() == name;
    JumpOp::ALL
        .into_iter()
        .find(named)
        .expect("a condition of that name")
}

#[test]
fn printed_states_are_those_of_the_kernel() {
    let mut registers = Registers::new();
    let mut compared = 0;
    for (line, text) in include_str!("kernel_samples.txt").lines().enumerate() {
        match text.split_once(" => ") {
            Some((step, printed)) => {
                assert_eq!(registers.step(step), printed, "line {}: {step}", line + 1);
                compared += 1;
            }
            None if text == "new" => registers = Registers::new(),
            None => assert!(text.starts_with('#'), "line {}: {text}", line + 1),
        }
    }
    assert!(compared > 400, "only {compared} samples");
}
