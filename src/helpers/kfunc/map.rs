//! Maps as objects of the kernel.

use super::{Call, Entry, Reply};
use crate::maps::Body;

pub(super) const ROWS: &[Entry] = &[Entry::new("bpf_map_sum_elem_count", 1, sum_elem_count)];

/// `s64 bpf_map_sum_elem_count(const struct bpf_map *map)`: only hash maps count their elements.
fn sum_elem_count(call: &mut Call<'_>) -> Reply {
    let map = call.map(call.args[0])?;
    Ok(match map.body() {
        Body::Hash(hash) => hash.len() as u64,
        _ => 0,
    })
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::Bench;

    #[test]
    fn hash_maps_count_their_elements_and_arrays_do_not() {
        let mut bench = Bench::new();
        let hash = bench.map("hash hash 4 8 10").handle.0;
        let array = bench.map("array array 4 8 10").handle.0;
        let value = bench.data(&[0; 8]);
        for key in [1u32, 2, 3] {
            let key = bench.data(&key.to_le_bytes());
            assert_eq!(bench.call(2, [hash, key, value, 0]), 0);
        }
        assert_eq!(bench.kfunc("bpf_map_sum_elem_count", [hash]), 3);
        assert_eq!(bench.kfunc("bpf_map_sum_elem_count", [array]), 0);
        assert!(bench.kfunc_reply("bpf_map_sum_elem_count", [0]).is_err());
    }
}
