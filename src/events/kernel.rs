//! Structures of the modelled kernel, with their fields where its BTF puts them.
//!
//! A structure has what is known of the machine; the rest is zero. A field that the kernel's types
//! do not have is left out.

use std::sync::Arc;

use crate::btf::{BtfId, KindFilter, Type};
use crate::helpers::Vma;
use crate::isa::Size;
use crate::machine::{Addr, Holder, HolderKind, ROOT_CGROUP, Task};

use super::scene::{Space, USER_IP, USER_SP};
use super::{EventError, Scene};

/// The device-independent priority of an ordinary task.
const DEFAULT_PRIORITY: u64 = 120;
/// Bytes of a page, of a program's code, and of a stack.
const PAGE: u64 = 4096;
const CODE_LEN: u64 = 0x10_0000;
const STACK_LEN: u64 = 0x2_1000;
/// Readable and executable; readable, writable and growing down (`VM_…` in include/linux/mm.h).
const VM_CODE: u64 = 0x5;
const VM_STACK: u64 = 0x103;
/// A regular file that everyone may execute (`S_IFREG | 0755`).
const PROGRAM_MODE: u64 = 0o100_755;
/// A directory.
const DIRECTORY_MODE: u64 = 0o040_755;

/// A structure whose fields are being set.
#[derive(Clone, Copy)]
pub(super) struct Laid {
    pub(super) at: Addr,
    id: BtfId,
}

impl Scene<'_> {
    /// The `task_struct` of a task, as it is now.
    ///
    /// # Errors
    /// The kernel's types have none, or there is no memory.
    pub fn task_struct(&mut self, task: &Task) -> Result<Addr, EventError> {
        let (laid, made) = self.laid("task_struct", &task.pid.to_string())?;
        self.set_bytes(laid, "comm", task.comm.bytes());
        if made == Made::Before {
            return Ok(laid.at);
        }
        self.fill_task(laid, task)?;
        Ok(laid.at)
    }

    /// The structures of every task and cgroup, for programs that look for them.
    ///
    /// # Errors
    /// As [`Scene::task_struct`].
    pub fn population(&mut self, current: &Task) -> Result<(), EventError> {
        self.task_struct(current)?;
        for task in self.machine.tasks.all() {
            if task.pid != current.pid {
                self.task_struct(&task)?;
            }
        }
        self.cgroup_of(ROOT_CGROUP)?;
        Ok(())
    }

    /// An object of the structure of that name, for a parameter of that name.
    pub(super) fn object(
        &mut self,
        structure: &str,
        param: &str,
        task: &Arc<Task>,
    ) -> Result<Addr, EventError> {
        match structure {
            "task_struct" => {
                let task = self.task_named(param, task);
                self.task_struct(&task)
            }
            "linux_binprm" => self.binprm(task),
            "pt_regs" => self.user_regs(None),
            "file" => {
                let path = self.path();
                self.file(&path)
            }
            "filename" => self.filename(),
            "cred" => self.cred(task),
            "dentry" => {
                let path = self.path();
                self.dentry(&path)
            }
            "inode" => {
                let path = self.path();
                self.inode(&path)
            }
            "path" => {
                let path = self.path();
                let file = self.file(&path)?;
                Ok(self.place(file, "file", "f_path").unwrap_or(file))
            }
            "socket" => {
                let (socket, _) = self.laid(structure, param)?;
                let (sock, _) = self.laid("sock", param)?;
                self.set(socket, "sk", sock.at.0);
                self.set(sock, "sk_socket", socket.at.0);
                Ok(socket.at)
            }
            _ => self.laid(structure, param).map(|(laid, _)| laid.at),
        }
    }

    fn fill_task(&mut self, laid: Laid, task: &Task) -> Result<(), EventError> {
        let numbers = [
            ("pid", u64::from(task.pid)),
            ("tgid", u64::from(task.tgid)),
            ("start_time", task.start_time),
            ("start_boottime", task.start_time),
            ("prio", DEFAULT_PRIORITY),
            ("static_prio", DEFAULT_PRIORITY),
            ("normal_prio", DEFAULT_PRIORITY),
            ("on_cpu", 1),
            ("thread_info.cpu", u64::from(self.cpu.0)),
            ("loginuid.val", u64::from(task.uid)),
        ];
        for (path, value) in numbers {
            self.set(laid, path, value);
        }
        self.allow_cpus(laid);
        let cred = self.cred(task)?;
        self.set(laid, "cred", cred.0);
        self.set(laid, "real_cred", cred.0);
        let leader = if task.tgid == task.pid {
            laid.at
        } else {
            self.relative(task, task.tgid)?
        };
        self.set(laid, "group_leader", leader.0);
        let parent = if task.pid == 0 {
            laid.at
        } else {
            self.relative(task, task.ppid)?
        };
        self.set(laid, "real_parent", parent.0);
        self.set(laid, "parent", parent.0);
        if !task.filename.is_empty() {
            let mm = self.mm(task)?;
            self.set(laid, "mm", mm.0);
            self.set(laid, "active_mm", mm.0);
        }
        self.namespaces(laid, task)?;
        self.cgroup(laid, task)
    }

    /// Lets a task run on every CPU.
    fn allow_cpus(&mut self, laid: Laid) {
        let count = self.machine.cpus.count();
        self.set(laid, "nr_cpus_allowed", count.into());
        for (word, first) in (0..count).step_by(64).enumerate() {
            let bits = u64::MAX >> (64 - (count - first).min(64));
            self.set(laid, &format!("cpus_mask.bits[{word}]"), bits);
        }
        if let Some(mask) = self.place(laid.at, "task_struct", "cpus_mask") {
            self.set(laid, "cpus_ptr", mask.0);
        }
    }

    /// Another task by pid; one that is not in the machine's table looks like its relative.
    fn relative(&mut self, task: &Task, pid: u32) -> Result<Addr, EventError> {
        let known = self.machine.tasks.get(pid);
        let other = known.unwrap_or_else(|| {
            Arc::new(Task {
                pid,
                tgid: pid,
                ppid: 1,
                ..task.clone()
            })
        });
        if other.pid == task.pid {
            return self.task_struct(task);
        }
        self.task_struct(&other)
    }

    fn cred(&mut self, task: &Task) -> Result<Addr, EventError> {
        let (laid, _) = self.laid("cred", &format!("{}:{}", task.uid, task.gid))?;
        for path in ["uid.val", "euid.val", "suid.val", "fsuid.val"] {
            self.set(laid, path, u64::from(task.uid));
        }
        for path in ["gid.val", "egid.val", "sgid.val", "fsgid.val"] {
            self.set(laid, path, u64::from(task.gid));
        }
        Ok(laid.at)
    }

    fn mm(&mut self, task: &Task) -> Result<Addr, EventError> {
        let (laid, made) = self.laid("mm_struct", &task.tgid.to_string())?;
        if made == Made::Now {
            let file = self.file(&task.filename)?;
            self.set(laid, "exe_file", file.0);
            let args: String = task
                .args
                .iter()
                .flat_map(|arg| [arg.as_str(), "\0"])
                .collect();
            let start = self.string(Space::User, &args)?;
            self.set(laid, "arg_start", start.0);
            self.set(laid, "arg_end", start.offset(args.len() as i64).0);
        }
        Ok(laid.at)
    }

    /// The registers of a task that sleeps, of which nothing is known.
    ///
    /// # Errors
    /// There is no memory.
    pub fn sleeping_regs(&mut self) -> Result<Addr, EventError> {
        self.laid("pt_regs", "sleeping").map(|(laid, _)| laid.at)
    }

    /// The mappings of a task's memory: its code and its stack. A thread of the kernel has none.
    ///
    /// # Errors
    /// The kernel's types have no such structure, or there is no memory.
    pub fn vmas(&mut self, task: &Task) -> Result<Vec<Vma>, EventError> {
        if task.filename.is_empty() {
            return Ok(Vec::new());
        }
        let mut vmas = Vec::new();
        for (name, start, end, flags) in [
            ("code", USER_IP, USER_IP + CODE_LEN, VM_CODE),
            ("stack", USER_SP - STACK_LEN, USER_SP + PAGE, VM_STACK),
        ] {
            let (laid, _) = self.laid("vm_area_struct", name)?;
            self.set(laid, "vm_start", start);
            self.set(laid, "vm_end", end);
            self.set(laid, "vm_flags", flags);
            let mm = self.mm(task)?;
            self.set(laid, "vm_mm", mm.0);
            if name == "code" {
                let file = self.file(&task.filename)?;
                self.set(laid, "vm_file", file.0);
            }
            vmas.push(Vma {
                start,
                end,
                at: laid.at,
            });
        }
        Ok(vmas)
    }

    fn namespaces(&mut self, task_struct: Laid, task: &Task) -> Result<(), EventError> {
        let spaces = task.namespaces;
        let (proxy, _) = self.laid("nsproxy", &task.pid.to_string())?;
        self.set(task_struct, "nsproxy", proxy.at.0);
        let all = [
            ("mnt_ns", "mnt_namespace", spaces.mount),
            ("uts_ns", "uts_namespace", spaces.uts),
            ("net_ns", "net", spaces.net),
            ("cgroup_ns", "cgroup_namespace", spaces.cgroup),
            ("pid_ns_for_children", "pid_namespace", spaces.pid),
        ];
        for (member, structure, inum) in all {
            let (space, _) = self.laid(structure, &inum.to_string())?;
            self.set(space, "ns.inum", u64::from(inum));
            self.set(proxy, member, space.at.0);
        }
        Ok(())
    }

    fn cgroup(&mut self, task_struct: Laid, task: &Task) -> Result<(), EventError> {
        let (set, _) = self.laid("css_set", &task.cgroup_id.to_string())?;
        let cgroup = self.cgroup_of(task.cgroup_id)?;
        self.set(set, "dfl_cgrp", cgroup.0);
        self.set(task_struct, "cgroups", set.at.0);
        Ok(())
    }

    /// The cgroup of that id: the root, or one below it.
    fn cgroup_of(&mut self, id: u64) -> Result<Addr, EventError> {
        let key = id.to_string();
        let (cgroup, made) = self.laid("cgroup", &key)?;
        if made == Made::Before {
            return Ok(cgroup.at);
        }
        let (node, _) = self.laid("kernfs_node", &key)?;
        self.set(node, "id", id);
        self.set(cgroup, "kn", node.at.0);
        self.set(cgroup, "self.cgroup", cgroup.at.0);
        if id != ROOT_CGROUP {
            let root = self.cgroup_of(ROOT_CGROUP)?;
            self.set(cgroup, "level", 1);
            self.set(cgroup, "self.parent", root.0);
        }
        Ok(cgroup.at)
    }

    fn binprm(&mut self, task: &Task) -> Result<Addr, EventError> {
        let (laid, made) = self.laid("linux_binprm", "")?;
        if made == Made::Before {
            return Ok(laid.at);
        }
        let path = self.path();
        let name = self.string(Space::Kernel, &path)?;
        self.set(laid, "filename", name.0);
        self.set(laid, "interp", name.0);
        let file = self.file(&path)?;
        self.set(laid, "file", file.0);
        let cred = self.cred(task)?;
        self.set(laid, "cred", cred.0);
        let count = |name| match self.values.get(name) {
            Some(super::Given::List(list)) => list.len() as u64,
            _ => 0,
        };
        let (argc, envc) = (count("argv"), count("envp"));
        self.set(laid, "argc", argc);
        self.set(laid, "envc", envc);
        self.set_bytes(laid, "buf", b"\x7fELF\x02\x01\x01");
        Ok(laid.at)
    }

    fn filename(&mut self) -> Result<Addr, EventError> {
        let (laid, _) = self.laid("filename", "")?;
        let path = self.path();
        let name = self.string(Space::Kernel, &path)?;
        self.set(laid, "name", name.0);
        let user = self.string(Space::User, &path)?;
        self.set(laid, "uptr", user.0);
        self.set(laid, "refcnt.counter", 1);
        Ok(laid.at)
    }

    /// The path that the event is about.
    fn path(&self) -> String {
        let names = ["filename", "pathname", "path", "name"];
        names
            .iter()
            .find_map(|name| self.values.text(name))
            .unwrap_or_default()
    }

    fn file(&mut self, path: &str) -> Result<Addr, EventError> {
        let (laid, made) = self.laid("file", path)?;
        if made == Made::Now {
            let dentry = self.dentry(path)?;
            self.set(laid, "f_path.dentry", dentry.0);
            let inode = self.inode(path)?;
            self.set(laid, "f_inode", inode.0);
        }
        Ok(laid.at)
    }

    /// The directory entry at a path, with those above it; the root is its own parent.
    fn dentry(&mut self, path: &str) -> Result<Addr, EventError> {
        let path = path.trim_end_matches('/');
        let (laid, made) = self.laid("dentry", path)?;
        if made == Made::Before {
            return Ok(laid.at);
        }
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let shown = if path.is_empty() { "/" } else { name };
        let text = self.string(Space::Kernel, shown)?;
        self.set(laid, "d_name.name", text.0);
        self.set(laid, "d_name.len", shown.len() as u64);
        self.set_bytes(laid, "d_iname", shown.as_bytes());
        let inode = self.inode(path)?;
        self.set(laid, "d_inode", inode.0);
        let parent = if path.is_empty() {
            laid.at
        } else {
            self.dentry_above(above)?
        };
        self.set(laid, "d_parent", parent.0);
        Ok(laid.at)
    }

    /// As [`Scene::dentry`], for a path's length of levels at most.
    fn dentry_above(&mut self, path: &str) -> Result<Addr, EventError> {
        const LEVELS: usize = 64;
        if path.matches('/').count() > LEVELS {
            return self.dentry("");
        }
        self.dentry(path)
    }

    fn inode(&mut self, path: &str) -> Result<Addr, EventError> {
        let path = path.trim_end_matches('/');
        let (laid, _) = self.laid("inode", path)?;
        let mode = if path.is_empty() {
            DIRECTORY_MODE
        } else {
            PROGRAM_MODE
        };
        self.set(laid, "i_mode", mode);
        self.set(laid, "i_ino", inode_number(path));
        self.set(laid, "__i_nlink", 1);
        Ok(laid.at)
    }

    /// The structure of that name, the same for the same key.
    pub(super) fn laid(&mut self, structure: &str, key: &str) -> Result<(Laid, Made), EventError> {
        let btf = self.btf();
        let missing = || EventError::NoLayout {
            hook: format!("struct {structure}"),
            reason: "the kernel's types have no such structure".to_owned(),
        };
        let id = btf
            .find(structure, KindFilter::COMPOSITE)
            .ok_or_else(missing)?;
        let index = (structure.to_owned(), key.to_owned());
        if let Some(at) = self.objects.get(&index) {
            return Ok((Laid { at: *at, id }, Made::Before));
        }
        let size = btf.size_of(id).ok_or_else(missing)?;
        let at = self.structure(size, structure)?;
        if let Some(holder) = holder(structure, key) {
            self.machine.holders.insert(at, holder);
        }
        self.objects.insert(index, at);
        Ok((Laid { at, id }, Made::Now))
    }

    /// The address of a member of a structure.
    fn place(&self, at: Addr, structure: &str, path: &str) -> Option<Addr> {
        let btf = self.btf();
        let id = btf.find(structure, KindFilter::COMPOSITE)?;
        let member = btf.member_path(id, path)?;
        Some(at.offset((member.bit_offset / 8).cast_signed()))
    }

    /// Sets a number, if the structure has the member.
    pub(super) fn set(&self, laid: Laid, path: &str, value: u64) {
        let btf = self.btf();
        let Some(member) = btf.member_path(laid.id, path) else {
            return;
        };
        let size = btf
            .size_of(member.ty)
            .and_then(|size| Size::from_bytes(u32::try_from(size).ok()?));
        if let (None, Some(size)) = (member.bitfield_size, size) {
            self.put(laid.at, member.bit_offset / 8, size, value);
        }
    }

    /// Sets a character array, cut to leave room for a zero, if the structure has the member.
    pub(super) fn set_bytes(&self, laid: Laid, path: &str, bytes: &[u8]) {
        let btf = self.btf();
        let Some(member) = btf.member_path(laid.id, path) else {
            return;
        };
        if let Type::Array { count, .. } = btf.resolved(member.ty) {
            let room = (count as usize).saturating_sub(1);
            self.put_bytes(
                laid.at,
                member.bit_offset / 8,
                bytes.get(..room).unwrap_or(bytes),
            );
        }
    }
}

/// Whether an object is new.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Made {
    Before,
    Now,
}

/// Structures that begin with a `struct sock`, and that one.
const SOCKETS: [&str; 8] = [
    "sock",
    "sock_common",
    "inet_sock",
    "tcp_sock",
    "tcp6_sock",
    "udp_sock",
    "udp6_sock",
    "unix_sock",
];

/// Who a structure with that key stands for, if storage may hang on it.
fn holder(structure: &str, key: &str) -> Option<Holder> {
    let (kind, number) = match structure {
        "task_struct" => (HolderKind::Task, key.parse().ok()?),
        "cgroup" => (HolderKind::Cgroup, key.parse().ok()?),
        "inode" => (HolderKind::Inode, inode_number(key)),
        _ if SOCKETS.contains(&structure) => (HolderKind::Socket, inode_number(key)),
        _ => return None,
    };
    Some(Holder { kind, number })
}

/// A number for the file at a path: a hash (FNV-1a) cut to what looks like one; the root's is 2.
fn inode_number(path: &str) -> u64 {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    match path {
        "" => 2,
        _ => u64::from(path.bytes().fold(0x811c_9dc5, mix) % 1_000_000) + 1000,
    }
}
