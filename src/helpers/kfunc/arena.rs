//! Pages of arenas.
//!
//! What a page is stands in [`crate::machine::Arena`].

use super::{Call, Entry, Reply};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_arena_alloc_pages", 5, alloc_pages),
    Entry::new("bpf_arena_free_pages", 3, free_pages),
];

/// Any node (`NUMA_NO_NODE`).
const ANY_NODE: i32 = -1;

/// `void *bpf_arena_alloc_pages(void *p__map, void *addr__ign, u32 page_cnt, int node_id, u64 flags)`: the address of
/// user space, or null where there are not so many pages. There is one node, of number 0.
fn alloc_pages(call: &mut Call<'_>) -> Reply {
    let [map, at, count, node, flags] = call.args;
    let map = call.map(map)?;
    let has_node = matches!(node as i32, ANY_NODE | 0);
    let Some(arena) = map.arena().filter(|_| flags == 0 && has_node) else {
        return Ok(0);
    };
    let at = (at != 0).then_some(at);
    Ok(arena.pages().allocate(at, count as u32).unwrap_or(0))
}

/// `void bpf_arena_free_pages(void *p__map, void *ptr__ign, u32 page_cnt)`: an address within a page means the page.
fn free_pages(call: &mut Call<'_>) -> Reply {
    let [map, at, count, ..] = call.args;
    let map = call.map(map)?;
    if let Some(arena) = map.arena().filter(|_| at != 0) {
        arena.pages().free(at, count as u32);
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use crate::helpers::tests::bench::Bench;

    const FIRST: u64 = 0x7e01_1000_0000;

    #[test]
    fn pages_are_taken_from_the_front_or_at_an_address_and_freed() {
        let mut bench = Bench::new();
        let arena = bench.map("arena arena 0 0 4 1024").handle.0;
        let mut alloc = |args: [u64; 4]| {
            let [at, count, node, flags] = args;
            bench.kfunc("bpf_arena_alloc_pages", [arena, at, count, node, flags])
        };
        let any = u64::from(u32::MAX);
        assert_eq!(alloc([0, 1, any, 0]) as u64, FIRST);
        assert_eq!(alloc([FIRST + 0x2000, 2, 0, 0]) as u64, FIRST + 0x2000);
        for refused in [
            [0, 2, any, 0],
            [0, 1, 1, 0],
            [0, 1, any, 1],
            [0, 0, any, 0],
            [FIRST + 1, 1, any, 0],
        ] {
            assert_eq!(alloc(refused), 0, "{refused:?}");
        }
        assert_eq!(
            bench.kfunc("bpf_arena_free_pages", [arena, FIRST + 0x2fff, 1]),
            0
        );
        let again = bench.kfunc("bpf_arena_alloc_pages", [arena, 0, 2, any, 0]);
        assert_eq!(again as u64, FIRST + 0x1000);
    }

    #[test]
    fn map_that_is_no_arena_has_no_pages() {
        let mut bench = Bench::new();
        let array = bench.map("array array 4 8 1").handle.0;
        assert_eq!(bench.kfunc("bpf_arena_alloc_pages", [array, 0, 1, 0, 0]), 0);
        assert_eq!(bench.kfunc("bpf_arena_free_pages", [array, 1, 1]), 0);
    }
}
