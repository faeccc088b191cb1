//! Ciphers for programs: contexts that hold a key, and texts that are encrypted and decrypted with one.
//!
//! A context is an object as programs allocate them, and goes with its last reference, be it a field's. It begins as
//! the kernel's does; behind that, where no program may look, is the key.
//!
//! Kernel: kernel/bpf/crypto.c, 6.12.

use super::cipher::{Cipher, Known, Mode, Way, known};
use super::{Call, Entry, Reply};
use crate::helpers::HelperError;
use crate::helpers::dynptr::{Dynptr, Part, packet};
use crate::isa::Size;
use crate::machine::{Addr, Copies, Errno, Layout, ObjectRefusal};

pub(super) const ROWS: &[Entry] = &[
    Entry::new("bpf_crypto_ctx_create", 3, create),
    Entry::new("bpf_crypto_ctx_acquire", 1, acquire),
    Entry::new("bpf_crypto_ctx_release", 1, release),
    Entry::new("bpf_crypto_encrypt", 4, |call| crypt(call, Way::Encrypt)),
    Entry::new("bpf_crypto_decrypt", 4, |call| crypt(call, Way::Decrypt)),
];

/// What faults call a context.
const NAME: &str = "bpf_crypto_ctx";
/// Bytes of `struct bpf_crypto_ctx`.
const CONTEXT: u64 = 48;
/// Where it has the address of the kernel's cipher, which is behind it here, and the length of the state.
const CIPHER: i64 = 8;
const STATE_LEN: i64 = 16;
/// Behind the structure: the length of the key, and the key.
const KEY_LEN: i64 = CONTEXT as i64;
const KEY: i64 = KEY_LEN + 8;
/// All of it.
const SIZE: u64 = CONTEXT + 8 + MAX_KEY;
/// Bytes of the longest key that a context can be made with.
const MAX_KEY: u64 = 32;

/// `struct bpf_crypto_params`: its size and where its members are.
const PARAMS: u32 = 408;
const RESERVED: usize = 14;
const ALGORITHM: usize = 16;
const PARAMS_KEY: usize = 144;
const PARAMS_KEY_LEN: usize = 400;
const AUTH_SIZE: usize = 404;

/// The one type of cipher that there is.
const TYPE: &[u8] = b"skcipher";

/// `struct bpf_crypto_ctx *bpf_crypto_ctx_create(const struct bpf_crypto_params *params, u32 params__sz, int *err)`
fn create(call: &mut Call<'_>) -> Reply {
    let [params, size, error, ..] = call.args;
    let params = match (params, size as u32) {
        (1.., PARAMS) => call.memory().read_vec(Addr(params), PARAMS)?,
        (_, _) => Vec::new(),
    };
    let made = match checked(&params) {
        Ok((mode, key)) => allocate(call, mode, key)?.ok_or(Errno::ENOMEM),
        Err(errno) => Err(errno),
    };
    let (result, errno) = match made {
        Ok(at) => (at.0, 0),
        Err(errno) => (0, errno.as_return()),
    };
    call.memory().store(Addr(error), Size::W, errno)?;
    Ok(result)
}

/// The mode and key that a context shall be made with, if the kernel would make it.
fn checked(params: &[u8]) -> Result<(Mode, &[u8]), Errno> {
    let from = |at: usize| params.get(at..).ok_or(Errno::EINVAL);
    let word = |at: usize| {
        let word = from(at)?.first_chunk().ok_or(Errno::EINVAL)?;
        Ok(u32::from_le_bytes(*word))
    };
    if from(RESERVED)?.first_chunk() != Some(&[0_u8; 2]) {
        return Err(Errno::EINVAL);
    }
    if text(params) != TYPE {
        return Err(Errno::ENOENT);
    }
    let algorithm = from(ALGORITHM)?.get(..PARAMS_KEY - ALGORITHM);
    let known = known(text(algorithm.unwrap_or_default()));
    if known == Known::Nothing || word(AUTH_SIZE)? != 0 {
        return Err(Errno::EOPNOTSUPP);
    }
    let key = params.get(PARAMS_KEY..PARAMS_KEY_LEN).unwrap_or_default();
    let key = match word(PARAMS_KEY_LEN)? {
        0 => None,
        len => key.get(..len as usize),
    };
    let key = key.ok_or(Errno::EINVAL)?;
    let Known::Had(mode) = known else {
        return Err(Errno::EINVAL);
    };
    match Cipher::new(key) {
        Some(_) => Ok((mode, key)),
        None => Err(Errno::EINVAL),
    }
}

/// The bytes before the first zero.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn allocate(call: &Call<'_>, mode: Mode, key: &[u8]) -> Result<Option<Addr>, HelperError> {
    let layout = Layout {
        name: NAME.into(),
        size: SIZE as u32,
        parts: Vec::new(),
    };
    let objects = &call.world.machine.objects;
    let Some(made) = objects.allocate(layout.into(), Copies::One) else {
        return Ok(None);
    };
    let memory = call.memory();
    memory.poke_uint(made.offset(CIPHER), Size::DW, made.offset(KEY_LEN).0)?;
    memory.poke_uint(made.offset(STATE_LEN), Size::W, mode.state_len().into())?;
    memory.poke_uint(made.offset(KEY_LEN), Size::DW, key.len() as u64)?;
    memory.poke(made.offset(KEY), key)?;
    Ok(Some(made))
}

/// The context that an argument is.
fn own(call: &Call<'_>) -> Result<Addr, HelperError> {
    let at = Addr(call.args[0]);
    let info = call.object_named(at, NAME);
    match info.is_some_and(|info| info.len == SIZE) {
        true => Ok(at),
        false => Err(HelperError::Refused("this is no bpf_crypto_ctx")),
    }
}

/// `struct bpf_crypto_ctx *bpf_crypto_ctx_acquire(struct bpf_crypto_ctx *ctx)`: null for one that only its readers
/// keep from being freed.
fn acquire(call: &mut Call<'_>) -> Reply {
    let context = own(call)?;
    let acquired = call.world.machine.objects.acquire(context);
    Ok(acquired.map_or(0, |()| context.0))
}

/// `void bpf_crypto_ctx_release(struct bpf_crypto_ctx *ctx)`
fn release(call: &mut Call<'_>) -> Reply {
    let context = own(call)?;
    let refused = |_: ObjectRefusal| HelperError::Refused("nobody holds this bpf_crypto_ctx");
    let objects = &call.world.machine.objects;
    objects.give_back(context).map_err(refused)?;
    Ok(0)
}

/// `int bpf_crypto_encrypt(struct bpf_crypto_ctx *ctx, const struct bpf_dynptr *src, const struct bpf_dynptr *dst,
/// const struct bpf_dynptr *siv__nullable)`, and the way back.
fn crypt(call: &mut Call<'_>, way: Way) -> Reply {
    let [_, from, to, state, _] = call.args;
    let context = own(call)?;
    let (mode, cipher) = cipher_of(call, context)?;
    let memory = call.memory();
    let (from, to) = (Dynptr::load(memory, from)?, Dynptr::load(memory, to)?);
    let state = match state {
        0 => Dynptr::NOTHING,
        at => Dynptr::load(memory, at)?,
    };
    let fits = !to.is_read_only()
        && (1..=to.len()).contains(&from.len())
        && state.len() == mode.state_len()
        && !(state.len() > 0 && state.is_read_only());
    let places = [from, to, state].map(|dynptr| place(call, dynptr));
    let ([Some(text_at), Some(to), Some(state_at)], true) = (places, fits) else {
        return Ok(Errno::EINVAL.as_return());
    };
    let mut text = memory.read_vec(text_at, from.len())?;
    let mut chain = match state.len() {
        0 => Vec::new(),
        len => memory.read_vec(state_at, len)?,
    };
    let rest = cipher.run(mode, way, &mut text, &mut chain);
    text.truncate(text.len() - rest);
    for (at, bytes) in [(to, text), (state_at, chain)] {
        if !bytes.is_empty() {
            memory.write(at, &bytes)?;
        }
    }
    Ok(match rest {
        0 => 0,
        _ => Errno::EINVAL.as_return(),
    })
}

/// What a context was made with.
fn cipher_of(call: &Call<'_>, context: Addr) -> Result<(Mode, Cipher), HelperError> {
    let memory = call.memory();
    let state_len = memory.peek_uint(context.offset(STATE_LEN), Size::W)?;
    let mode = [Mode::Ecb, Mode::Cbc]
        .into_iter()
        .find(|mode| u64::from(mode.state_len()) == state_len);
    let len = memory.peek_uint(context.offset(KEY_LEN), Size::DW)?;
    let key = memory.peek_vec(context.offset(KEY), len.min(MAX_KEY) as u32)?;
    let broken = HelperError::Refused("this bpf_crypto_ctx was written over");
    mode.zip(Cipher::new(&key)).ok_or(broken)
}

/// Where all of what a dynptr points to is, if it is there: packets lie in one piece, and may have shrunk.
fn place(call: &Call<'_>, dynptr: Dynptr) -> Option<Addr> {
    match dynptr.part(0, dynptr.len()).ok()? {
        Part::Memory(at) => Some(at),
        Part::Packet(from) => {
            let packet = packet(call).ok()?;
            let end = from.checked_add(dynptr.len())?;
            (end <= packet.len()).then(|| packet.data().offset(i64::from(from)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::{KindFilter, kernel_6_12};
    use crate::helpers::tests::bench::{Bench, errno, member_offset};

    const KEY_BYTES: [u8; 16] = [3; 16];
    const DYNPTR_FROM_MEM: i32 = 197;

    /// A `struct bpf_crypto_params`.
    fn params(algorithm: &str, key: &[u8]) -> Vec<u8> {
        let mut params = vec![0; PARAMS as usize];
        params[..TYPE.len()].copy_from_slice(TYPE);
        params[ALGORITHM..ALGORITHM + algorithm.len()].copy_from_slice(algorithm.as_bytes());
        params[PARAMS_KEY..PARAMS_KEY + key.len()].copy_from_slice(key);
        params[PARAMS_KEY_LEN..AUTH_SIZE].copy_from_slice(&(key.len() as u32).to_le_bytes());
        params
    }

    /// What the making of a context answers: it, and the error.
    fn make(bench: &mut Bench, params: &[u8], size: u64) -> (u64, i32) {
        let (params, error) = (bench.data(params), bench.data(&[77; 4]));
        let made = bench.kfunc("bpf_crypto_ctx_create", [params, size, error]);
        let error = bench.bytes(error, 4);
        let error = i32::from_le_bytes(error.try_into().expect("four bytes"));
        (made.cast_unsigned(), error)
    }

    fn context(bench: &mut Bench, algorithm: &str) -> u64 {
        let (made, error) = make(bench, &params(algorithm, &KEY_BYTES), PARAMS.into());
        assert_eq!(error, 0);
        made
    }

    fn dynptr(bench: &mut Bench, bytes: u64, len: u64) -> u64 {
        let at = bench.data(&[0; 16]);
        assert_eq!(bench.call(DYNPTR_FROM_MEM, [bytes, len, 0, at]), 0);
        at
    }

    #[test]
    fn layouts_are_those_of_the_kernel() {
        let btf = kernel_6_12();
        let find = |name| btf.find(name, KindFilter::STRUCT).expect("a type");
        let (context, params) = (find("bpf_crypto_ctx"), find("bpf_crypto_params"));
        assert_eq!(btf.size_of(context), Some(CONTEXT));
        assert_eq!(btf.size_of(params), Some(PARAMS.into()));
        let theirs = ["tfm", "siv_len"].map(|path| member_offset("bpf_crypto_ctx", path));
        assert_eq!(theirs, [CIPHER, STATE_LEN]);
        let own = [RESERVED, ALGORITHM, PARAMS_KEY, PARAMS_KEY_LEN, AUTH_SIZE].map(|at| at as i64);
        let theirs = ["reserved", "algo", "key", "key_len", "authsize"];
        let theirs = theirs.map(|path| member_offset("bpf_crypto_params", path));
        assert_eq!(theirs, own);
    }

    #[test]
    fn context_is_made_of_what_is_known_alone() {
        let mut bench = Bench::new();
        let given = |change: fn(&mut Vec<u8>)| {
            let mut params = params("ecb(aes)", &KEY_BYTES);
            change(&mut params);
            params
        };
        let (invalid, none, unsupported) = (Errno::EINVAL, Errno::ENOENT, Errno::EOPNOTSUPP);
        let cases: [(Vec<u8>, Errno); 9] = [
            (given(|params| params[RESERVED + 1] = 1), invalid),
            (given(|params| params[0] = b'a'), none),
            (given(|params| params[AUTH_SIZE] = 1), unsupported),
            (given(|params| params[PARAMS_KEY_LEN] = 0), invalid),
            (given(|params| params[PARAMS_KEY_LEN] = 17), invalid),
            (given(|params| params[PARAMS_KEY_LEN + 1] = 2), invalid),
            (params("rot13", &KEY_BYTES), unsupported),
            (params("ctr(aes)", &KEY_BYTES), invalid),
            (params("ctr(aes)", &[]), invalid),
        ];
        for (params, expected) in cases {
            let made = make(&mut bench, &params, PARAMS.into());
            assert_eq!(made, (0, -expected.number()));
        }
        let short = params("ecb(aes)", &KEY_BYTES);
        let made = make(&mut bench, &short, u64::from(PARAMS) - 4);
        assert_eq!(made, (0, -invalid.number()));
        assert_eq!(bench.machine.objects.held(), 0);
    }

    #[test]
    fn text_is_encrypted_and_decrypted_again() {
        let mut bench = Bench::new();
        let text: Vec<u8> = (0..32).collect();
        for (algorithm, state_len) in [("ecb(aes)", 0), ("cbc(aes)", 16)] {
            let context = context(&mut bench, algorithm);
            let (plain, out) = (bench.data(&text), bench.data(&[0; 40]));
            let state = bench.data(&[9; 16]);
            let (plain, secret) = (dynptr(&mut bench, plain, 32), dynptr(&mut bench, out, 40));
            let chain = dynptr(&mut bench, state, state_len);
            let encrypt = [context, plain, secret, chain];
            assert_eq!(bench.kfunc("bpf_crypto_encrypt", encrypt), 0);
            assert_ne!(bench.bytes(out, 32), text);
            assert_eq!(bench.bytes(out + 32, 8), [0; 8], "no more than the text");
            if state_len > 0 {
                assert_eq!(bench.bytes(state, 16), bench.bytes(out + 16, 16));
                bench
                    .machine
                    .memory
                    .poke(Addr(state), &[9; 16])
                    .expect("in bounds");
            }
            let secret = dynptr(&mut bench, out, 32);
            let decrypt = [context, secret, secret, chain];
            assert_eq!(bench.kfunc("bpf_crypto_decrypt", decrypt), 0);
            assert_eq!(bench.bytes(out, 32), text, "in place");
        }
    }

    #[test]
    fn text_that_does_not_fit_is_refused() {
        let mut bench = Bench::new();
        let [ecb, cbc] = ["ecb(aes)", "cbc(aes)"].map(|name| context(&mut bench, name));
        let bytes = bench.data(&[0; 64]);
        let [short, long, state] = [(16), (32), (15)].map(|len| dynptr(&mut bench, bytes, len));
        let nothing = bench.data(&[0; 16]);
        let read_only = bench.data(&[0; 16]);
        let made = Dynptr::new(crate::helpers::dynptr::DynptrKind::Local, Addr(bytes), 32);
        made.read_only()
            .store(&bench.machine.memory, read_only)
            .expect("in bounds");
        for call in [
            [ecb, nothing, long, 0],
            [ecb, short, nothing, 0],
            [ecb, long, short, 0],
            [ecb, short, read_only, 0],
            [ecb, short, long, state],
            [cbc, short, long, 0],
            [cbc, short, long, state],
        ] {
            let answer = bench.kfunc("bpf_crypto_encrypt", call);
            assert_eq!(answer, errno(Errno::EINVAL), "{call:x?}");
        }
        assert_eq!(
            bench.kfunc("bpf_crypto_encrypt", [ecb, short, long, nothing]),
            0
        );
    }

    #[test]
    fn context_goes_with_its_last_reference() {
        let mut bench = Bench::new();
        let made = context(&mut bench, "ecb(aes)");
        assert_eq!(bench.kfunc("bpf_crypto_ctx_acquire", [made]), made as i64);
        assert_eq!(bench.kfunc("bpf_crypto_ctx_release", [made]), 0);
        assert_eq!(bench.kfunc("bpf_crypto_ctx_release", [made]), 0);
        assert_eq!(bench.kfunc("bpf_crypto_ctx_acquire", [made]), 0, "too late");
        let again = bench.kfunc_reply("bpf_crypto_ctx_release", [made]);
        assert!(again.is_err());
        bench.machine.objects.end_of_run(&bench.machine.grace);
        assert!(bench.kfunc_reply("bpf_crypto_ctx_acquire", [made]).is_err());
    }

    #[test]
    fn context_in_a_field_goes_with_the_field() {
        let mut bench = Bench::new();
        let made = context(&mut bench, "cbc(aes)");
        let field = bench.data(&[0; 8]);
        assert_eq!(bench.call(194, [field, made]), 0);
        assert_eq!(bench.machine.objects.held(), 1);
        bench.release_pointer(field);
        assert_eq!(bench.machine.objects.held(), 0);
    }

    #[test]
    fn what_is_no_context_traps() {
        let mut bench = Bench::new();
        let other = bench.data(&[0; SIZE as usize]);
        for name in ["bpf_crypto_ctx_acquire", "bpf_crypto_encrypt"] {
            assert!(bench.kfunc_reply(name, [other, 0, 0, 0]).is_err());
            assert!(bench.kfunc_reply(name, [0, 0, 0, 0]).is_err());
        }
    }
}
