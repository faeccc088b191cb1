//! What the kernel or the user was to supply, and why that does not do.

use thiserror::Error;

/// Why an extern cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ExternProblem {
    /// Nobody says what it is.
    #[error("no type information describes it")]
    Undescribed,
    /// It is declared where nothing can be extern.
    #[error(
        "declared in section `{section}`, want `.kconfig` or `.ksyms`; if another object defines it, link the two first"
    )]
    Section {
        /// The section.
        section: String,
    },
    /// A function as a value of the configuration.
    #[error("a function cannot be a value of the kernel's configuration")]
    ConfigFunction,
    /// A type that values of the configuration cannot have.
    #[error(
        "a value of the kernel's configuration is a bool, an integer, a char, an array of char or an enum libbpf_tristate"
    )]
    ConfigType,
    /// Values that take more room than a configuration has.
    #[error("values of the kernel's configuration take more than {limit} bytes together")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// A value of another kind than the variable.
    #[error("the kernel's configuration has {value}, want {want}")]
    Value {
        /// The value as written.
        value: String,
        /// What would do.
        want: &'static str,
    },
    /// A value that is too large for the variable.
    #[error("the kernel's configuration has {value}, which does not fit in {size} bytes")]
    ValueTooLarge {
        /// The value.
        value: String,
        /// The variable's size.
        size: u32,
    },
    /// A name that the configuration does not have.
    #[error("the kernel's configuration does not set it, and it is not weak")]
    NotConfigured,
    /// A function that the kernel does not have.
    #[error("function not found in the kernel's types")]
    NoFunction,
    /// A variable that the kernel does not have.
    #[error("variable not found in the kernel's types")]
    NoVariable,
    /// The kernel has it, but as something else.
    #[error("the kernel's is of another type")]
    OtherType,
    /// A symbol that the kernel does not have.
    #[error("not found among the kernel's symbols, and it is not weak")]
    NoSymbol,
    /// Two symbols of one name.
    #[error("the kernel has two symbols of that name, at {first:#x} and {second:#x}")]
    Ambiguous {
        /// The one's address.
        first: u64,
        /// The other's.
        second: u64,
    },
}

/// What is wrong with a struct_ops map.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StructOpsProblem {
    /// Nobody says what it is.
    #[error("no type information describes it")]
    Undescribed,
    /// A variable that is no instance of a structure with a name.
    #[error("want an instance of a structure with a name")]
    NoStructure,
    /// The variable is not in its section.
    #[error("it does not lie in its section")]
    Outside,
    /// A reference from a place where no member starts.
    #[error("no member starts at offset {offset}")]
    NoMember {
        /// The offset.
        offset: u64,
    },
    /// A reference from a member that is no pointer to a function.
    #[error("member `{member}` refers to something, but is no pointer to a function")]
    NoFunction {
        /// The member.
        member: String,
    },
    /// A member that refers to something else than a program.
    #[error("member `{member}` refers to `{symbol}`, which is no struct_ops program")]
    NoProgram {
        /// The member.
        member: String,
        /// What it refers to.
        symbol: String,
    },
    /// A structure that the kernel does not have, or not as one of functions to replace.
    #[error("struct {name} is not found in the kernel's types")]
    NoType {
        /// The structure.
        name: String,
    },
    /// A member that the kernel does not have, and that is set.
    #[error("member `{member}` is set, but the kernel's structure has none of that name")]
    NotInKernel {
        /// The member.
        member: String,
    },
    /// A bit-field.
    #[error("member `{member}` is a bit-field")]
    Bitfield {
        /// The member.
        member: String,
    },
    /// A member of another kind than the kernel's.
    #[error("member `{member}` is of another kind than the kernel's")]
    OtherKind {
        /// The member.
        member: String,
    },
    /// A member of another size than the kernel's.
    #[error("member `{member}` has {got} bytes, the kernel's has {want}")]
    OtherSize {
        /// The member.
        member: String,
        /// Its size.
        got: u64,
        /// The kernel's.
        want: u64,
    },
    /// A program for two members.
    #[error("program `{program}` is used for two different members")]
    TwoSlots {
        /// The program.
        program: String,
    },
}

/// Why a global variable cannot be given a value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum VariableProblem {
    /// There is none of that name.
    #[error("the object has no such global variable")]
    Unknown,
    /// Nobody says what it consists of.
    #[error("no type information says what it consists of")]
    NoTypes,
    /// A member or element that is not there.
    #[error("`{ty}` has no {part}")]
    NoPart {
        /// The member or element.
        part: String,
        /// The type that should have it.
        ty: String,
    },
    /// What stands after the variable's name is no way into it.
    #[error("`{rest}` is neither `.MEMBER` nor `[INDEX]`")]
    Path {
        /// From where on it is none.
        rest: String,
    },
    /// What is to stand in for a function is none of the object's programs.
    #[error("the object has no program `{name}`")]
    NoProgram {
        /// The name that was given.
        name: String,
    },
    /// It is no number.
    #[error("`{ty}` is no integer, bool, char, text or enumeration")]
    NoNumber {
        /// What it is.
        ty: String,
    },
    /// The value is none.
    #[error("`{value}` is no value of its type")]
    Value {
        /// The value.
        value: String,
    },
    /// The text does not fit.
    #[error("{length} characters and the zero after them do not fit in its {size} bytes")]
    LongText {
        /// How long the text is.
        length: usize,
        /// What there is room for.
        size: usize,
    },
    /// The value does not fit.
    #[error("{number} does not fit in its {bits} bits")]
    TooLarge {
        /// The value.
        number: String,
        /// What there is room for.
        bits: u32,
    },
}

/// Why a program has nothing to attach to.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AttachProblem {
    /// The section names no target where one is needed.
    #[error("names no target to attach to")]
    NoTarget,
    /// The target is in a program that is not given.
    #[error("the program that is attached to is not given")]
    NoProgram,
    /// The program that is given does not have it.
    #[error("the program that is given as target has no function `{name}`")]
    NoFunction {
        /// The function.
        name: String,
    },
    /// Several of the programs that are given have it.
    #[error(
        "it is a function of several programs given as target, such as `{one}` and `{other}`: name one of them"
    )]
    Ambiguous {
        /// One of them.
        one: String,
        /// Another.
        other: String,
    },
    /// The kernel does not have the target.
    #[error("`{name}` is not found in the kernel's types")]
    NotFound {
        /// What was looked for.
        name: String,
    },
    /// A struct_ops program that stands in for nothing.
    #[error("no struct_ops map refers to the program")]
    NotReferred,
}
