//! What the commands work on: ELF objects, assembly text and raw instructions, from files or
//! standard input, to linked programs.
//!
//! It judges nothing. An error names the file and says what the library says of it.

mod target;

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail, ensure};
use ebpf_sim::abi::ProgType;
use ebpf_sim::btf::{self, Btf};
#[cfg(all(feature = "kernel", target_os = "linux"))]
use ebpf_sim::diff::Subject;
use ebpf_sim::isa::RawInsn;
use ebpf_sim::linker;
use ebpf_sim::object::{
    Assignment, Kconfig, KernelSymbols, LinkError, LinkOptions, MapSpec, Needs, Object, Program,
    Setup, TargetPrograms, program_name, read_btf, version_code,
};
use ebpf_sim::sim::{LoadError, Selection, Sim};

use super::oracle::Oracle;

/// What a file starts with that gzip made.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// The longest configuration that is unpacked; a kernel's has a few hundred kilobytes.
const CONFIG_LIMIT: u64 = 16 << 20;

/// Files and what is taken from them.
#[derive(Debug, clap::Args)]
#[group(skip)]
pub(super) struct Args {
    /// ELF objects or assembly text (`.s`); `-` for standard input.
    #[arg(value_name = "FILE", required_unless_present = "raw")]
    files: Vec<PathBuf>,
    /// A program of raw instructions, 8 bytes each, and its type or section name.
    #[arg(long, num_args = 2, value_names = ["TYPE", "FILE"], action = clap::ArgAction::Append)]
    raw: Vec<String>,
    /// Only the program of this name; may be repeated.
    #[arg(long = "prog", value_name = "NAME")]
    programs: Vec<String>,
    /// Type information of the kernel that is modelled, as /sys/kernel/btf/vmlinux has it
    /// [default: Linux 6.12].
    #[arg(long, visible_alias = "btf", value_name = "FILE")]
    kernel_btf: Option<PathBuf>,
    /// Configuration of that kernel, as /boot/config-VERSION or /proc/config.gz has it
    /// [default: Debian's of Linux 6.12].
    #[arg(long, value_name = "FILE")]
    kconfig: Option<PathBuf>,
    /// Symbols of that kernel, as /proc/kallsyms has them [default: made-up addresses].
    #[arg(long, value_name = "FILE")]
    kallsyms: Option<PathBuf>,
    /// Give a global variable or a struct_ops map, or a member or element of one, a value before
    /// its programs are loaded; may be repeated.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = assignment)]
    variables: Vec<Assignment>,
    /// Type information of a module of that kernel, as /sys/kernel/btf/MODULE has it; may be
    /// repeated.
    #[arg(long = "module-btf", value_name = "FILE")]
    module_btfs: Vec<PathBuf>,
    /// Link all objects into one before it is loaded, as `ebpf-sim link` does.
    #[arg(long, conflicts_with = "raw")]
    link: bool,
    /// The program whose function programs of `freplace` replace, and those of `fentry` and `fexit` trace, and the
    /// function where it is another than their section names.
    #[arg(long, value_name = "FILE[:PROGRAM[:FUNCTION]]")]
    target: Option<String>,
}

/// The files to process, and how.
#[derive(Debug)]
pub(super) struct Inputs {
    sources: Vec<Source>,
    programs: Vec<String>,
    /// The type to take assembly text for, whatever it says.
    pub(super) kind: Option<String>,
    /// The kernel's types, if they were given.
    pub(super) kernel_btf: Option<Arc<Btf>>,
    /// Its configuration and symbols, and values for variables.
    pub(super) setup: Arc<Setup>,
    /// The types of its modules.
    pub(super) module_btfs: Vec<Arc<Btf>>,
    /// The programs that others attach to.
    pub(super) target: Option<Arc<TargetPrograms>>,
}

/// One thing to load.
#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    kind: Kind,
}

/// What a file is taken for.
#[derive(Clone, Debug)]
enum Kind {
    /// What it looks like.
    Guess,
    /// Instructions of a program of that type.
    Raw(String),
    /// These bytes, linked from several files.
    Linked(Arc<[u8]>),
}

/// What is in a file.
#[derive(Debug)]
enum Content {
    /// One program without an object.
    Program(Box<Program>),
    /// The bytes of an object.
    Object(Vec<u8>),
}

/// A file's programs and maps.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The file as it was named.
    pub(super) file: String,
    /// The chosen programs, or why one does not link.
    pub(super) programs: Vec<Result<Arc<Program>, Box<LinkError>>>,
    /// All maps.
    pub(super) maps: Arc<[MapSpec]>,
    /// The object's licence.
    pub(super) licence: String,
    /// The types of the maps.
    pub(super) btf: Option<Arc<Btf>>,
}

impl Args {
    /// Reads what is common to all files.
    pub(super) fn resolve(self) -> anyhow::Result<Inputs> {
        self.resolve_for(None)
    }

    /// The same for a kernel that is asked: what was not given of its types, configuration, symbols and version is taken
    /// from it.
    pub(super) fn resolve_for(self, mut oracle: Option<&mut Oracle>) -> anyhow::Result<Inputs> {
        let guessed: Vec<Source> = match self.link {
            true => vec![Source::linked(&self.files)?],
            false => self.files.into_iter().map(Source::guessed).collect(),
        };
        let raw = self.raw.chunks_exact(2).filter_map(|pair| match pair {
            [kind, path] => Some(Source {
                path: path.into(),
                kind: Kind::Raw(kind.clone()),
            }),
            _ => None,
        });
        let mut setup = Setup {
            kconfig: self.kconfig.as_deref().map(read_kconfig).transpose()?,
            kallsyms: self.kallsyms.as_deref().map(read_kallsyms).transpose()?,
            version: None,
            variables: self.variables,
        };
        let read_kernel = |path: &Path| read_types(path, None);
        let mut kernel_btf = self.kernel_btf.as_deref().map(read_kernel).transpose()?;
        if let Some(oracle) = &mut oracle {
            kernel_btf = kernel_btf.or_else(|| oracle.btf());
            suit(&mut setup, oracle)?;
        }
        let base = || kernel_btf.as_ref().unwrap_or_else(|| btf::kernel_6_12());
        let modules = self.module_btfs.iter();
        let module_btfs = modules
            .map(|path| read_types(path, Some(Arc::clone(base()))))
            .collect::<anyhow::Result<_>>()?;
        let mut inputs = Inputs {
            sources: guessed.into_iter().chain(raw).collect(),
            programs: self.programs,
            kind: None,
            kernel_btf,
            module_btfs,
            setup: Arc::new(setup),
            target: None,
        };
        if let Some(name) = &self.target {
            let found = target::read(name, &inputs).with_context(|| name.clone())?;
            inputs.target = Some(Arc::new(found));
        }
        Ok(inputs)
    }
}

impl Inputs {
    /// Loads each file in turn.
    pub(super) fn load(&self) -> impl Iterator<Item = anyhow::Result<Loaded>> {
        self.sources.iter().map(|source| {
            let name = source.name();
            self.load_one(source, &name).with_context(|| name)
        })
    }

    /// Each file as something to compare.
    #[cfg(all(feature = "kernel", target_os = "linux"))]
    pub(super) fn subjects(
        &self,
    ) -> impl ExactSizeIterator<Item = (String, anyhow::Result<Subject>)> {
        self.sources.iter().map(|source| {
            let name = source.name();
            let subject = source
                .content(self.kind.as_deref())
                .map(|content| match content {
                    Content::Program(program) => Subject::Program(program),
                    Content::Object(bytes) => Subject::Object {
                        name: name.clone(),
                        bytes,
                    },
                });
            (name, subject)
        })
    }

    /// The programs that were asked for; all where there are none.
    #[cfg(all(feature = "kernel", target_os = "linux"))]
    pub(super) fn names(&self) -> &[String] {
        &self.programs
    }

    fn load_one(&self, source: &Source, name: &str) -> anyhow::Result<Loaded> {
        let mut loaded = match source.content(self.kind.as_deref())? {
            Content::Program(program) => one_program(*program),
            Content::Object(bytes) => self.object(name, &bytes)?,
        };
        name.clone_into(&mut loaded.file);
        loaded.programs.retain(|program| self.wants(program));
        Ok(loaded)
    }

    fn object(&self, name: &str, bytes: &[u8]) -> anyhow::Result<Loaded> {
        let object = Object::parse(name, bytes)?;
        let linked = object.link(&self.link_options());
        Ok(Loaded {
            file: String::new(),
            programs: linked
                .programs
                .into_iter()
                .map(|linked| linked.map(Arc::new).map_err(Box::new))
                .collect(),
            maps: linked.maps,
            licence: object.licence().to_owned(),
            btf: object.btf().cloned(),
        })
    }

    /// What objects are linked with.
    fn link_options(&self) -> LinkOptions<'_> {
        LinkOptions {
            target_btf: self.kernel_btf.as_deref(),
            setup: Some(&self.setup),
            module_btfs: &self.module_btfs,
            target: self.target.as_deref(),
            needs: match self.kind {
                Some(_) => Needs::Unattached,
                None => Needs::Met,
            },
        }
    }

    fn wants(&self, program: &Result<Arc<Program>, Box<LinkError>>) -> bool {
        self.wants_name(match program {
            Ok(program) => &program.name,
            Err(error) => &error.program,
        })
    }

    /// Whether the program of that name is one of those that were asked for.
    pub(super) fn wants_name(&self, name: &str) -> bool {
        self.programs.is_empty() || self.programs.iter().any(|wanted| wanted == name)
    }

    /// Loads each file into a simulated kernel, with the error of those that cannot be.
    pub(super) fn load_into(&self, sim: &mut Sim) -> Vec<anyhow::Error> {
        let load = |source: &Source| self.load_source(source, sim).with_context(|| source.name());
        // What is attached to must be there first.
        let (targets, others): (Vec<_>, Vec<_>) = self
            .sources
            .iter()
            .partition(|source| self.is_target(source));
        let sources = targets.into_iter().chain(others);
        let unnamed = self.target.iter().filter_map(|target| self.unnamed(target));
        let unnamed: Vec<Source> = unnamed.collect();
        let all = unnamed.iter().chain(sources);
        all.map(load).filter_map(Result::err).collect()
    }

    /// Loads the file of that number into a simulated kernel.
    pub(super) fn load_one_into(&self, number: usize, sim: &mut Sim) -> anyhow::Result<()> {
        let source = self.sources.get(number).context("there is no such file")?;
        self.load_source(source, sim).with_context(|| source.name())
    }

    /// What a file is loaded as: the name that it was given, where it was given another way, too.
    fn name_of(&self, file: &str) -> Arc<str> {
        let same = |source: &&Source| {
            let paths = [source.path.canonicalize(), Path::new(file).canonicalize()];
            matches!(&paths, [Ok(one), Ok(other)] if one == other)
        };
        let source = self.sources.iter().find(same);
        source.map_or_else(|| Arc::from(file), |source| Arc::from(source.name()))
    }

    fn is_target(&self, source: &Source) -> bool {
        let target = self.target.as_ref();
        target.is_some_and(|target| source.name() == *target.object)
    }

    /// The file of the programs that others attach to, unless it is one of those that were named.
    fn unnamed(&self, target: &TargetPrograms) -> Option<Source> {
        let is_named = self.sources.iter().any(|source| self.is_target(source));
        (!is_named).then(|| Source::guessed(PathBuf::from(&*target.object)))
    }

    fn load_source(&self, source: &Source, sim: &mut Sim) -> anyhow::Result<()> {
        match source.content(self.kind.as_deref())? {
            Content::Program(program) => {
                sim.load_program(*program);
            }
            Content::Object(bytes) => {
                sim.load_bytes(&source.name(), &bytes)
                    .map_err(|error| match error {
                        LoadError::Object { source, .. } => anyhow::Error::new(*source),
                        error @ LoadError::Read { .. } => anyhow::Error::new(error),
                    })?;
            }
        }
        Ok(())
    }

    /// The programs that are to be loaded.
    pub(super) fn selection(&self) -> Selection {
        match self.programs.as_slice() {
            [] => Selection::Autoload,
            names => {
                let targets = self.target.iter().flat_map(|target| &target.programs);
                let targets = targets.map(|program| program.name.clone());
                Selection::Named(names.iter().cloned().chain(targets).collect())
            }
        }
    }

    /// Fails if none of the programs that were named is there.
    pub(super) fn check_found(&self, found: usize) -> anyhow::Result<()> {
        let names = self.programs.join("`, `");
        ensure!(
            found > 0 || self.programs.is_empty(),
            "no program is named `{names}`"
        );
        Ok(())
    }
}

impl Source {
    fn guessed(path: PathBuf) -> Source {
        Source {
            path,
            kind: Kind::Guess,
        }
    }

    /// Several objects linked into one, which has the names of all.
    fn linked(files: &[PathBuf]) -> anyhow::Result<Source> {
        let objects = read_all(files)?;
        let names: Vec<&str> = objects.iter().map(|(name, _)| name.as_str()).collect();
        Ok(Source {
            path: PathBuf::from(names.join("+")),
            kind: Kind::Linked(linker::link(&objects)?.into()),
        })
    }

    /// The file as it was named.
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn content(&self, kind: Option<&str>) -> anyhow::Result<Content> {
        if let Kind::Linked(bytes) = &self.kind {
            return Ok(Content::Object(bytes.to_vec()));
        }
        let (name, bytes) = (self.name(), read(&self.path)?);
        Ok(match &self.kind {
            Kind::Raw(kind) => Content::Program(Box::new(raw(&name, kind, &bytes)?)),
            Kind::Guess if is_text(&self.path, &bytes) => {
                let text = std::str::from_utf8(&bytes).context("assembly text is not UTF-8")?;
                Content::Program(Box::new(Program::from_assembly_of_type(&name, text, kind)?))
            }
            Kind::Guess | Kind::Linked(_) => Content::Object(bytes),
        })
    }
}

/// A file's bytes, or standard input's.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    if path != Path::new("-") {
        return Ok(std::fs::read(path)?);
    }
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Files' names and bytes.
pub(super) fn read_all(files: &[PathBuf]) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let one = |path: &PathBuf| {
        let name = path.display().to_string();
        let bytes = read(path).with_context(|| name.clone())?;
        Ok((name, bytes))
    };
    files.iter().map(one).collect()
}

fn read_types(path: &Path, base: Option<Arc<Btf>>) -> anyhow::Result<Arc<Btf>> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).with_context(name)?;
    Ok(Arc::new(read_btf(bytes, base).with_context(name)?))
}

fn assignment(text: &str) -> Result<Assignment, String> {
    Assignment::parse(text).ok_or_else(|| "want NAME=VALUE".to_owned())
}

fn read_kconfig(path: &Path) -> anyhow::Result<Kconfig> {
    let name = || path.display().to_string();
    let bytes = std::fs::read(path).with_context(name)?;
    parse_kconfig(bytes).with_context(name)
}

/// A configuration as text, or packed by gzip.
fn parse_kconfig(bytes: Vec<u8>) -> anyhow::Result<Kconfig> {
    let mut text = bytes;
    if text.starts_with(&GZIP_MAGIC) {
        let packed = std::mem::take(&mut text);
        let mut unpacked = flate2::read::GzDecoder::new(packed.as_slice()).take(CONFIG_LIMIT);
        unpacked.read_to_end(&mut text)?;
    }
    let text = String::from_utf8(text);
    let text =
        text.context("is no kernel configuration: want lines of CONFIG_NAME=VALUE, plain or gzip")?;
    Ok(Kconfig::parse(&text))
}

/// Takes what was not given from the kernel that is asked.
fn suit(setup: &mut Setup, oracle: &mut Oracle) -> anyhow::Result<()> {
    if setup.kconfig.is_none() {
        setup.kconfig = oracle.config().map(parse_kconfig).transpose()?;
    }
    if setup.kallsyms.is_none() {
        let symbols = oracle.symbols();
        setup.kallsyms = symbols.map(|text| KernelSymbols::parse(&text));
    }
    setup.version = version_code(&oracle.release());
    Ok(())
}

fn read_kallsyms(path: &Path) -> anyhow::Result<KernelSymbols> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    Ok(KernelSymbols::parse(&text))
}

/// Whether a file is assembly text: by its name, or for standard input by its not being ELF.
fn is_text(path: &Path, bytes: &[u8]) -> bool {
    let is_assembly = path.extension().is_some_and(|extension| extension == "s");
    is_assembly || (path == Path::new("-") && !bytes.starts_with(b"\x7fELF"))
}

fn raw(name: &str, kind: &str, bytes: &[u8]) -> anyhow::Result<Program> {
    let (slots, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() || slots.is_empty() {
        bail!("{} bytes, raw instructions take 8 each", bytes.len());
    }
    let code = slots
        .iter()
        .map(|&slot| RawInsn::from_le_bytes(slot))
        .collect();
    let mut program = Program::from_raw(program_name(name), ProgType::SocketFilter, code);
    set_type(&mut program, kind)?;
    Ok(program)
}

/// Gives a program the type that a section of that name has, or the type of that name.
pub(super) fn set_type(program: &mut Program, kind: &str) -> anyhow::Result<()> {
    program.set_type(kind).with_context(|| {
        format!("`{kind}` is neither a program type nor a section name such as xdp or kprobe/NAME")
    })
}

fn one_program(program: Program) -> Loaded {
    Loaded {
        file: String::new(),
        maps: Arc::clone(&program.maps),
        licence: program.licence.clone(),
        btf: None,
        programs: vec![Ok(Arc::new(program))],
    }
}
