//! The files an executable needs to start: its loader and its shared libraries.
//!
//! It finds them as a loader would by default: no cache file, no environment.
//!
//! Rules:
//! - A library's own `DT_RUNPATH` or `DT_RPATH` first, then the folders that the loaders of today's
//!   distributions search.
//! - A file goes where it was found, so that the loader in the guest finds it in the same way.
//! - Static executables need nothing.

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};

use goblin::elf::Elf;
use goblin::elf::header::EM_X86_64;

use super::error::VmError;

/// Where loaders look without being told: Debian's and Ubuntu's first, then Fedora's, then others'.
const FOLDERS: [&str; 6] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// What starts an executable.
pub(super) struct Program {
    /// The executable, without what is not loaded of it: debugging information may be large.
    pub(super) executable: Vec<u8>,
    /// Its loader and libraries, by path.
    pub(super) libraries: BTreeMap<PathBuf, Vec<u8>>,
}

/// Reads an executable and all that it needs.
pub(super) fn collect(executable: &Path) -> Result<Program, VmError> {
    let bytes = read(executable)?;
    let needs = needs(&bytes).map_err(|reason| unusable(executable, reason))?;
    let mut libraries = BTreeMap::new();
    // The loader is its own library: nobody else has to look for it.
    let mut names: Vec<String> = Vec::new();
    if let Some(loader) = &needs.loader {
        libraries.insert(loader.clone(), read(loader)?);
        names.extend(file_name(loader));
    }
    let origin = std::fs::canonicalize(executable).unwrap_or_else(|_| executable.to_owned());
    let mut waiting = VecDeque::from([(origin, needs)]);
    while let Some((by, needs)) = waiting.pop_front() {
        for name in &needs.libraries {
            if names.contains(name) {
                continue;
            }
            let (path, bytes, needs) = locate(name, &by, &needs.folders)?;
            names.push(name.clone());
            libraries.insert(path.clone(), bytes);
            waiting.push_back((path, needs));
        }
    }
    Ok(Program {
        executable: loaded_part(bytes),
        libraries,
    })
}

/// What an ELF file says that it needs.
struct Needs {
    loader: Option<PathBuf>,
    libraries: Vec<String>,
    folders: Vec<String>,
}

fn needs(bytes: &[u8]) -> Result<Needs, String> {
    let elf = Elf::parse(bytes).map_err(|error| error.to_string())?;
    if elf.header.e_machine != EM_X86_64 || !elf.is_64 {
        return Err("it is not an x86-64 executable".to_owned());
    }
    let folders = match elf.runpaths.is_empty() {
        true => elf.rpaths,
        false => elf.runpaths,
    };
    Ok(Needs {
        loader: elf.interpreter.map(PathBuf::from),
        libraries: elf.libraries.iter().map(|&name| name.to_owned()).collect(),
        folders: folders
            .iter()
            .flat_map(|folders| folders.split(':'))
            .filter(|folder| !folder.is_empty())
            .map(str::to_owned)
            .collect(),
    })
}

/// The first file that could be the library.
fn locate(name: &str, by: &Path, folders: &[String]) -> Result<(PathBuf, Vec<u8>, Needs), VmError> {
    let origin = by.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let own = folders.iter().map(|folder| {
        folder
            .replace("${ORIGIN}", &origin)
            .replace("$ORIGIN", &origin)
    });
    let candidates = own
        .chain(FOLDERS.map(str::to_owned))
        .map(|folder| Path::new(&folder).join(name));
    for path in candidates {
        let Ok(bytes) = std::fs::read(&path) else {
            continue;
        };
        // A library of the same name for another machine is passed over, as a loader does.
        if let Ok(needs) = needs(&bytes) {
            return Ok((path, bytes, needs));
        }
    }
    Err(VmError::Library {
        name: name.to_owned(),
        by: by.to_owned(),
    })
}

/// Cuts off what follows the last segment, and the section table that describes it.
fn loaded_part(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = Elf::parse(&bytes).ok().and_then(|elf| {
        let table = elf
            .header
            .e_phoff
            .checked_add(u64::from(elf.header.e_phnum) * u64::from(elf.header.e_phentsize));
        let segments = elf
            .program_headers
            .iter()
            .map(|segment| segment.p_offset.checked_add(segment.p_filesz));
        let end = segments
            .chain([table])
            .try_fold(0, |end, next| Some(next?.max(end)));
        usize::try_from(end?).ok()
    });
    let Some(end) = end.filter(|end| *end < bytes.len()) else {
        return bytes;
    };
    bytes.truncate(end);
    // e_shoff, then e_shnum and e_shstrndx.
    for range in [0x28..0x30, 0x3c..0x40] {
        if let Some(field) = bytes.get_mut(range) {
            field.fill(0);
        }
    }
    bytes
}

fn read(path: &Path) -> Result<Vec<u8>, VmError> {
    std::fs::read(path).map_err(|error| unusable(path, error.to_string()))
}

fn unusable(path: &Path, reason: String) -> VmError {
    VmError::Executable {
        path: path.to_owned(),
        reason,
    }
}

fn file_name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_str()?.to_owned())
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;

    /// The executable of this test.
    fn this() -> Program {
        collect(Path::new("/proc/self/exe")).expect("this test runs, so it has what it needs")
    }

    #[test]
    fn loader_and_libraries_of_this_executable_are_those_that_are_mapped() {
        let program = this();
        let maps = std::fs::read_to_string("/proc/self/maps").expect("it is readable");
        let mapped = |path: &PathBuf| {
            let name = file_name(path).unwrap_or_default();
            maps.lines().any(|line| line.ends_with(&name))
        };
        let unmapped: Vec<_> = program
            .libraries
            .keys()
            .filter(|path| !mapped(path) && !path.starts_with("/lib64"))
            .collect();
        assert!(unmapped.is_empty(), "{unmapped:?}");
        let count = maps
            .lines()
            .filter_map(|line| line.split_whitespace().nth(5))
            .filter(|path| path.contains(".so"))
            .collect::<std::collections::BTreeSet<_>>()
            .len();
        assert_eq!(program.libraries.len(), count);
    }

    #[test]
    fn executable_without_debugging_information_still_runs() {
        let whole = std::fs::metadata("/proc/self/exe")
            .expect("it is there")
            .len();
        let program = this();
        assert!((program.executable.len() as u64) < whole);
        let path = std::env::temp_dir().join(format!("ebpf-sim-cut-{}", std::process::id()));
        std::fs::write(&path, &program.executable).expect("it is writable");
        let is_loader =
            |path: &&PathBuf| file_name(path).is_some_and(|name| name.starts_with("ld"));
        let loader = program
            .libraries
            .keys()
            .find(is_loader)
            .expect("there is one");
        // By way of the loader: a file that was just written may be busy for execve.
        let output = std::process::Command::new(loader)
            .arg(&path)
            .arg("--list")
            .output();
        std::fs::remove_file(&path).expect("it was written");
        let output = output.expect("it starts");
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("vm::libraries"));
    }

    #[test]
    fn file_that_is_no_executable_is_refused_with_its_name() {
        let error = collect(Path::new("/proc/self/status"))
            .err()
            .map(|error| error.to_string());
        let error = error.expect("it is refused");
        assert!(
            error.starts_with("/proc/self/status cannot be the guest's init"),
            "{error}"
        );
    }

    #[test]
    fn library_that_is_nowhere_is_named_with_who_needs_it() {
        let error = locate("libnowhere.so.1", Path::new("/bin/x"), &[]).err();
        assert_eq!(
            error.map(|error| error.to_string()).as_deref(),
            Some("libnowhere.so.1, which /bin/x needs, is not found")
        );
    }
}
