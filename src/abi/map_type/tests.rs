//! Tests of the map rules against observations of Linux 6.12.

use super::*;

const TAKEN: &str = include_str!("../testdata/map-helper-6.12.csv");

#[test]
fn helpers_take_the_maps_that_the_kernel_lets_them_take() {
    let mut judged = 0;
    for line in TAKEN.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(',').collect();
        let helper = fields[0].parse().unwrap();
        for (numbers, expected) in [(fields[1], true), (fields[2], false)] {
            for number in numbers.split_whitespace() {
                let map_type = MapType::from_number(number.parse().unwrap()).unwrap();
                let ours = map_func_compatible(map_type, helper);
                assert_eq!(ours, expected, "helper {helper}, {map_type} map");
                judged += 1;
            }
        }
    }
    assert!(judged > 700, "{judged}");
}

#[test]
fn numbers_and_names_name_the_types_they_came_from() {
    for map_type in MapType::all() {
        assert_eq!(MapType::from_number(map_type.number()), Some(map_type));
        assert_eq!(MapType::from_name(map_type.name()), Some(map_type));
    }
    assert_eq!(MapType::from_number(34), None);
}

#[test]
fn value_of_the_system_call_has_a_padded_part_for_each_cpu() {
    let size = |map_type: MapType| map_type.user_value_size(12, 3);
    assert_eq!((size(MapType::Hash), size(MapType::PercpuHash)), (12, 48));
    assert_eq!(MapType::PercpuArray.user_value_size(8, 4), 32);
    assert_eq!(cpu_part(0), 0);
}
