//! Holds the imports in `src` against the table of modules in ARCHITECTURE.md.
//!
//! A module may import what its row names and itself; tests may import anything.

#![expect(clippy::unwrap_used, reason = "a test may fail")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

type Table = BTreeMap<String, BTreeSet<String>>;

#[test]
fn imports_follow_the_table_in_architecture_md() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = table(&std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let mut offences = Vec::new();
    for file in sources(&root.join("src")) {
        let relative = file.strip_prefix(root).unwrap().to_owned();
        let Some(module) = module_of(&relative).filter(|module| table.contains_key(module)) else {
            continue;
        };
        let text = std::fs::read_to_string(&file).unwrap();
        for (line, import) in imports(&text, &relative, &table) {
            if import != module && !table[&module].contains(&import) {
                let place = format!("{}:{line}", relative.display());
                offences.push(format!("{place}: `{module}` may not import `{import}`"));
            }
        }
    }
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn table_has_a_row_for_every_module_of_the_library() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = table(&std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let library = std::fs::read_to_string(root.join("src/lib.rs")).unwrap();
    let modules: BTreeSet<String> = library
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub mod ")?.strip_suffix(';'))
        .map(str::to_owned)
        .collect();
    assert!(!modules.is_empty());
    assert_eq!(table.into_keys().collect::<BTreeSet<_>>(), modules);
}

#[test]
fn verifier_and_engines_never_import_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = table(&std::fs::read_to_string(root.join("ARCHITECTURE.md")).unwrap());
    let apart = ["verifier", "interp", "jit"];
    for module in apart {
        let allowed = table.get(module).cloned().unwrap_or_default();
        assert!(
            !apart.iter().any(|other| allowed.contains(*other)),
            "{module}: {allowed:?}"
        );
    }
}

#[test]
fn imports_in_groups_and_paths_are_found_and_tests_are_not() {
    let table: Table = ["isa", "btf", "maps"]
        .map(|name| (name.to_owned(), BTreeSet::new()))
        .into();
    let text = "\
//! See [`crate::maps`].
use crate::{
    btf::{Btf, Type},
    isa,
};
fn f(x: crate::maps::Map) {}
#[cfg(test)]
mod tests {
    use crate::maps::Map;
}
";
    let found: Vec<(usize, String)> = imports(text, Path::new("src/x/y.rs"), &table);
    let found: Vec<(usize, &str)> = found
        .iter()
        .map(|(line, name)| (*line, name.as_str()))
        .collect();
    assert_eq!(found, [(2, "btf"), (2, "isa"), (6, "maps")]);
}

/// The rows of the table: a module in backquotes, and those that its last cell names.
fn table(markdown: &str) -> Table {
    let rows = markdown
        .lines()
        .skip_while(|line| !line.starts_with("| module |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').collect();
        let names = |cell: &str| -> Vec<String> {
            cell.split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect()
        };
        let module = names(cells[0]).remove(0);
        (module, names(cells[cells.len() - 1]).into_iter().collect())
    })
    .collect()
}

/// Every source file that is not a test's.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut entries: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if ["tests", "fixture", "testdata", "hostile"].contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The module of the library that a file is part of.
fn module_of(relative: &Path) -> Option<String> {
    let name = relative
        .components()
        .nth(1)?
        .as_os_str()
        .to_string_lossy()
        .into_owned();
    Some(name.trim_end_matches(".rs").to_owned())
}

/// What a file imports of the table's modules, with the line.
fn imports(text: &str, relative: &Path, table: &Table) -> Vec<(usize, String)> {
    let code = without_tests_and_comments(text);
    let mut found = Vec::new();
    for prefix in ["crate::", "super::"] {
        // Only from the file of a top-level module does one `super` lead to the root.
        if prefix == "super::" && !is_top_level(relative) {
            continue;
        }
        for (at, _) in code.match_indices(prefix) {
            let line = code[..at].lines().count().max(1);
            let rest = &code[at + prefix.len()..];
            let names = match rest.strip_prefix('{') {
                Some(group) => group_names(group),
                None => vec![identifier(rest)],
            };
            let known = names.into_iter().filter(|name| table.contains_key(*name));
            found.extend(known.map(|name| (line, name.to_owned())));
        }
    }
    found
}

fn is_top_level(relative: &Path) -> bool {
    let parts: Vec<_> = relative.components().collect();
    parts.len() == 2 || (parts.len() == 3 && relative.ends_with("mod.rs"))
}

fn identifier(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(text.len());
    &text[..end]
}

/// The first names of a group's items: `a` and `b` of `a::{c, d}, b}`.
fn group_names(group: &str) -> Vec<&str> {
    let (mut names, mut depth, mut start) = (Vec::new(), 0, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                names.push(identifier(group[start..at].trim_start()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}

/// The text up to its module of tests, which stands last, with comments blanked.
fn without_tests_and_comments(text: &str) -> String {
    let lines = text.lines().collect::<Vec<_>>();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].ends_with("mod tests {"))
        .unwrap_or(lines.len());
    let code = lines[..tests]
        .iter()
        .map(|line| line.split("//").next().unwrap_or_default());
    code.collect::<Vec<_>>().join("\n")
}
