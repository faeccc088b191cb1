//! Calls of helpers that go straight to the map they are given, and of what native code does itself.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{InstBuilder, Value};

use crate::code::Place;
use crate::isa::{Extend, Reg, Size};
use crate::machine::Addr;
use crate::maps::{ArrayMap, BPF_EXIST};

use super::super::direct::{Direct, pieces};
use super::super::state::Field;
use super::memory::variable;
use super::{Body, Translator};

impl Translator<'_, '_> {
    pub(super) fn call_direct(&mut self, body: &Body<'_>, index: usize, direct: Direct<'_>) {
        let r0 = match direct {
            Direct::UpdateArray(array) if let Some(base) = array.base() => {
                self.update_array(body, index, (array, base))
            }
            _ => self.call_map(body, index, direct),
        };
        self.set(body, Reg::R0, r0);
    }

    /// Calls the function that does it, and gives what that returns.
    fn call_map(&mut self, body: &Body<'_>, index: usize, direct: Direct<'_>) -> Value {
        let mut args = vec![self.number(direct.map() as i64)];
        if let Some((size, words)) = direct.key() {
            args.extend(self.key(body, index, size).into_iter().take(words));
        }
        args.extend(direct.rest().iter().map(|reg| self.get(body, *reg)));
        if direct.stops() {
            let at = self.number(index as i64);
            self.store_state(Field::CalledAt, at);
        }
        let r0 = self.call_shim(direct.shim(), &args);
        if direct.stops() {
            self.go_unless_stopped();
        }
        r0
    }

    /// `bpf_map_update_elem` of an array: the value is copied here where the element is there and the flags ask for
    /// nothing else.
    fn update_array(
        &mut self,
        body: &Body<'_>,
        index: usize,
        (array, base): (&ArrayMap, Addr),
    ) -> Value {
        let [key, _] = self.key(body, index, ArrayMap::KEY);
        let (value, flags) = (self.get(body, Reg::R3), self.get(body, Reg::R4));
        let count = i64::from(array.count());
        let inside = self
            .builder
            .ins()
            .icmp_imm_u(IntCC::UnsignedLessThan, key, count);
        let others = self.builder.ins().band_imm_s(flags, !(BPF_EXIST as i64));
        let plain = self.builder.ins().icmp_imm_s(IntCC::Equal, others, 0);
        let here = self.builder.ins().band(inside, plain);
        let [copy, call, done] = [(); 3].map(|()| self.builder.create_block());
        let r0 = self.builder.append_block_param(done, I64);
        self.builder.set_cold_block(call);
        self.builder.ins().brif(here, copy, &[], call, &[]);

        self.builder.switch_to_block(copy);
        let off = self
            .builder
            .ins()
            .imul_imm_u(key, i64::from(array.stride()));
        let element = self.builder.ins().iadd_imm_s(off, base.0 as i64);
        for Place { size, off, .. } in pieces(Reg::R3, array.small_value().unwrap_or(0)) {
            let piece = self.plain_load(Extend::Zero, size, value, off);
            self.plain_store(size, piece, element, off);
        }
        let zero = self.number(0);
        self.builder.ins().jump(done, &[zero.into()]);

        self.builder.switch_to_block(call);
        let called = self.call_map(body, index, Direct::UpdateArray(array));
        self.builder.ins().jump(done, &[called.into()]);
        self.builder.switch_to_block(done);
        r0
    }

    /// `bpf_iter_num_next`: the state is the last number and the end, and both zero behind the last.
    pub(super) fn next_number(&mut self, body: &Body<'_>) {
        let iter = self.get(body, Reg::R1);
        let [last, end] = [0, 4].map(|off| {
            let value = self.plain_load(Extend::Zero, Size::W, iter, off);
            self.builder.ins().ireduce(I32, value)
        });
        let number = self.builder.ins().iadd_imm_s(last, 1);
        let behind = IntCC::SignedGreaterThanOrEqual;
        let behind = self.builder.ins().icmp(behind, number, end);
        let none = self.builder.ins().iconst(I32, 0);
        let flags = self.guest_flags();
        for (value, off) in [(number, 0), (end, 4)] {
            let value = self.builder.ins().select(behind, none, value);
            self.builder.ins().store(flags, value, iter, off);
        }
        let null = self.number(0);
        let place = self.builder.ins().select(behind, null, iter);
        self.set(body, Reg::R0, place);
    }

    /// The key of a call as two numbers in little-endian order.
    fn key(&mut self, body: &Body<'_>, index: usize, size: u32) -> [Value; 2] {
        let zero = self.number(0);
        let mut words = [zero; 2];
        for place in pieces(Reg::R2, size) {
            let Place { size, base, off } = place;
            let part = body.slots.of_key.get(&(index, off));
            let piece = match part.and_then(|part| variable(body, *part)) {
                Some(slot) => self.get_part(slot, Extend::Zero, size),
                None => {
                    let base = self.get(body, base);
                    self.plain_load(Extend::Zero, size, base, off)
                }
            };
            let (word, shift) = (off / 8, i64::from(off % 8) * 8);
            if let Some(word) = words.get_mut(word as usize) {
                *word = match shift {
                    0 => piece,
                    _ => {
                        let piece = self.builder.ins().ishl_imm_u(piece, shift);
                        self.builder.ins().bor(*word, piece)
                    }
                };
            }
        }
        words
    }
}
