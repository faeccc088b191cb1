//! The tasks of the modelled machine: what programs learn of whoever they run on behalf of.
//!
//! Tasks do not run; which one is current is said by whoever runs a program.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The id of the root cgroup, which programs of cgroups are attached to.
pub const ROOT_CGROUP: u64 = 1;

/// A thread of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The thread's id, which the kernel calls pid.
    pub pid: u32,
    /// The process's id: the pid of its first thread.
    pub tgid: u32,
    /// The parent process's id.
    pub ppid: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Name.
    pub comm: Comm,
    /// When it was started, in nanoseconds since boot.
    pub start_time: u64,
    /// Id of its cgroup.
    pub cgroup_id: u64,
    /// Path of its executable.
    pub filename: String,
    /// Arguments, the program's name first.
    pub args: Vec<String>,
    /// Its namespaces.
    pub namespaces: Namespaces,
}

impl Default for Task {
    /// A shell of the first user: process 1234, a child of 1000.
    fn default() -> Task {
        Task {
            pid: 1234,
            tgid: 1234,
            ppid: 1000,
            uid: 1000,
            gid: 1000,
            comm: Comm::new("bash"),
            start_time: 90_000_000_000,
            cgroup_id: ROOT_CGROUP,
            filename: "/bin/bash".to_owned(),
            args: vec!["bash".to_owned()],
            namespaces: Namespaces::default(),
        }
    }
}

impl Task {
    /// What `bpf_get_current_pid_tgid` returns: process above thread.
    pub fn pid_tgid(&self) -> u64 {
        u64::from(self.tgid) << 32 | u64::from(self.pid)
    }

    /// What `bpf_get_current_uid_gid` returns: group above user.
    pub fn uid_gid(&self) -> u64 {
        u64::from(self.gid) << 32 | u64::from(self.uid)
    }
}

/// A task's name: at most 15 bytes, padded with zeros.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Comm([u8; 16]);

impl Comm {
    /// The name, cut after 15 bytes and before any zero.
    pub fn new(name: impl AsRef<[u8]>) -> Comm {
        let mut comm = [0; 16];
        let name = name.as_ref().iter().take_while(|byte| **byte != 0);
        for (to, from) in comm.iter_mut().take(15).zip(name) {
            *to = *from;
        }
        Comm(comm)
    }

    /// Its 16 bytes.
    pub fn bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: Vec<u8> = self
            .0
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .collect();
        f.pad(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for Comm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

/// The inode numbers of a task's namespaces; by default those of the initial ones
/// (`include/linux/proc_ns.h`, and the network namespace's usual number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Namespaces {
    /// Device number of the namespace file system.
    pub device: u64,
    /// PID namespace.
    pub pid: u32,
    /// Mount namespace.
    pub mount: u32,
    /// UTS namespace.
    pub uts: u32,
    /// User namespace.
    pub user: u32,
    /// Cgroup namespace.
    pub cgroup: u32,
    /// Network namespace.
    pub net: u32,
}

impl Default for Namespaces {
    fn default() -> Namespaces {
        Namespaces {
            device: 4,
            pid: 0xEFFF_FFFC,
            mount: 0xEFFF_FFF8,
            uts: 0xEFFF_FFFE,
            user: 0xEFFF_FFFD,
            cgroup: 0xEFFF_FFFB,
            net: 0xEFFF_FFF9,
        }
    }
}

/// The tasks that exist, by thread id.
#[derive(Debug)]
pub struct TaskTable {
    tasks: Mutex<BTreeMap<u32, Arc<Task>>>,
}

impl Default for TaskTable {
    /// The idle task, init and the default shell with its parent.
    fn default() -> TaskTable {
        let table = TaskTable {
            tasks: Mutex::default(),
        };
        let system = |pid, ppid, comm: &str, filename: &str| Task {
            pid,
            tgid: pid,
            ppid,
            uid: 0,
            gid: 0,
            comm: Comm::new(comm),
            start_time: 0,
            filename: filename.to_owned(),
            args: Vec::new(),
            ..Task::default()
        };
        table.insert(system(0, 0, "swapper/0", ""));
        table.insert(system(1, 0, "systemd", "/usr/lib/systemd/systemd"));
        table.insert(system(1000, 1, "sshd", "/usr/sbin/sshd"));
        table.insert(Task::default());
        table
    }
}

impl TaskTable {
    /// Adds a task, or replaces the one of the same pid.
    pub fn insert(&self, task: Task) -> Arc<Task> {
        let task = Arc::new(task);
        self.lock().insert(task.pid, task.clone());
        task
    }

    /// The task of that pid.
    pub fn get(&self, pid: u32) -> Option<Arc<Task>> {
        self.lock().get(&pid).cloned()
    }

    /// Removes a task that has exited.
    pub fn remove(&self, pid: u32) -> Option<Arc<Task>> {
        self.lock().remove(&pid)
    }

    /// All tasks by rising pid.
    pub fn all(&self) -> Vec<Arc<Task>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<Task>>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comm_longer_than_fifteen_bytes_is_cut() {
        assert_eq!(
            Comm::new("a-very-long-task-name").to_string(),
            "a-very-long-tas"
        );
        assert_eq!(
            Comm::new(b"ab\0cd").bytes(),
            b"ab\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        );
    }

    #[test]
    fn task_ids_pack_process_and_group_above() {
        let task = Task {
            pid: 7,
            tgid: 5,
            uid: 1,
            gid: 2,
            ..Task::default()
        };
        assert_eq!(
            (task.pid_tgid(), task.uid_gid()),
            (5 << 32 | 7, 2 << 32 | 1)
        );
    }

    #[test]
    fn table_replaces_a_task_of_the_same_pid() {
        let table = TaskTable::default();
        table.insert(Task {
            uid: 5,
            ..Task::default()
        });
        assert_eq!(table.get(1234).map(|task| task.uid), Some(5));
        assert!(table.remove(1234).is_some() && table.get(1234).is_none());
        assert_eq!(table.all().len(), 3);
    }
}
