/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * Who a process is, read by the kernel when it first touches a socket: complete for a process that lives 1 ms, with no
 * race against /proc. A description is identified by a serial number and holds for one program of one process: another
 * start time (the pid was reused) or another memory map (it called exec) is described anew.
 */
#ifndef SOCKFLOW_PROCESS_H
#define SOCKFLOW_PROCESS_H

#include "count.h"
#include "kernel-task.h"
#include "ring.h"

struct described {
  __u64 start_ns;
  __u64 mm; /* address of its memory map: changes with exec. Threads share it */
  __u32 serial;
  __u32 done; /* 0: the ring had no room for the description, try again */
};

/* Least recently used goes first and is described again when it comes back: nothing is lost by that. */
struct {
  __uint(type, BPF_MAP_TYPE_LRU_HASH);
  __uint(max_entries, 16384);
  __type(key, __u32);
  __type(value, struct described);
} processes SEC(".maps");

__u32 last_serial = 0;

/*
 * Calls step(i, walk) until it returns 1. From Linux 5.17 on the verifier looks at a step once; in a loop it does so each
 * time, in each program that may describe a process: three quarters of all the instructions that it went through.
 */
#define REPEAT(times, step, walk)                                    \
  do {                                                               \
    if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop)) \
      bpf_loop(times, step, walk, 0);                                \
    else                                                             \
      for (__u32 i = 0; i < (times); i++)                            \
        if (step(i, walk)) break;                                    \
  } while (0)

#define MAX_DEPTH 40
#define MAX_NAME 256

/* Global functions: the verifier checks each once instead of at each place of use (a million instructions otherwise). */

/* Appends one component; returns the new end, or the old one when it does not fit. */
static __always_inline __u32 append_name(struct sf_process *record, __u32 end, const void *name) {
  if (end > SF_PROCESS_DATA - MAX_NAME) {
    record->flags |= SF_PROCESS_CUT;
    return end;
  }
  long size = bpf_probe_read_kernel_str(record->data + end, MAX_NAME, name);
  return size > 0 ? end + size : end;
}

struct path_walk {
  struct sf_process *record;
  struct dentry *dentry;
  struct mount *mount;
  __u32 end;
  bool done;
};

/* Appends one component, or climbs to the mount above. 1: the walk is over. */
static __noinline long path_step(__u32 step, struct path_walk *walk) {
  struct dentry *dentry = walk->dentry;
  struct mount *mount = walk->mount;
  struct dentry *parent = BPF_CORE_READ(dentry, d_parent);
  struct dentry *root = BPF_CORE_READ(mount, mnt.mnt_root);
  if (dentry == root || dentry == parent) {
    struct mount *above = BPF_CORE_READ(mount, mnt_parent);
    walk->done = above == mount || !above || dentry != root;
    if (walk->done) return 1;
    walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
    walk->mount = above;
    return 0;
  }
  walk->end = append_name(walk->record, walk->end, BPF_CORE_READ(dentry, d_name.name));
  walk->dentry = parent;
  return 0;
}

/* Appends a path, last component first, up to the root of its mount namespace. */
__noinline __u32 append_path(struct sf_process *record, __u32 end, __u64 mnt_address, __u64 dentry_address) {
  if (!record) return end;
  struct mount *mount = (void *)mnt_address - bpf_core_field_offset(struct mount, mnt);
  struct path_walk walk = {.record = record, .dentry = (void *)dentry_address, .mount = mount, .end = end};
  REPEAT(MAX_DEPTH, path_step, &walk);
  if (!walk.done) record->flags |= SF_PROCESS_CUT;
  return walk.end;
}

struct cgroup_walk {
  struct sf_process *record;
  struct kernfs_node *node;
  __u32 end;
};

/* Appends one component. 1: the walk is over, since the root has no name. */
static __noinline long cgroup_step(__u32 step, struct cgroup_walk *walk) {
  struct kernfs_node *node = walk->node;
  struct kernfs_node *parent = node ? kernfs_parent(node) : NULL;
  if (!parent) return 1;
  walk->end = append_name(walk->record, walk->end, BPF_CORE_READ(node, name));
  walk->node = parent;
  return 0;
}

/* Appends the path of a cgroup, last component first. */
__noinline __u32 append_cgroup(struct sf_process *record, __u32 end, __u64 kernfs_address) {
  if (!record) return end;
  struct cgroup_walk walk = {.record = record, .node = (void *)kernfs_address, .end = end};
  REPEAT(MAX_DEPTH, cgroup_step, &walk);
  return walk.end;
}

static __always_inline __u32 append_exe(struct sf_process *record, __u32 end, struct task_struct *task) {
  struct file *file = BPF_CORE_READ(task, mm, exe_file);
  if (!file) return end;
  return append_path(record, end, (__u64)BPF_CORE_READ(file, f_path.mnt), (__u64)BPF_CORE_READ(file, f_path.dentry));
}

static __always_inline __u32 append_controller(struct sf_process *record, __u32 end, struct css_set *set, int id) {
  struct cgroup_subsys_state *state = NULL;
  bpf_core_read(&state, sizeof(state), &set->subsys[id]);
  struct cgroup *group = BPF_CORE_READ(state, cgroup);
  if (group == BPF_CORE_READ(set, dfl_cgrp)) return end; /* version 2 has it already */
  return append_cgroup(record, end, (__u64)BPF_CORE_READ(group, kn));
}

const volatile bool command_args = false; /* does any output want the arguments of processes? */

/*
 * Appends the arguments as they lie in the memory of the process. Only the running one has its memory here, and only what
 * is in memory can be read: all others are left to user space.
 */
static __always_inline __u32 append_arguments(struct sf_process *record, __u32 end, struct task_struct *task) {
  if (!command_args || (__u64)task != bpf_get_current_task() || end > SF_PROCESS_DATA - SF_ARGUMENTS_MAX) return end;
  __u64 start = BPF_CORE_READ(task, mm, arg_start);
  __u64 size = BPF_CORE_READ(task, mm, arg_end) - start;
  if (!start || !size) return end;
  if (size > SF_ARGUMENTS_MAX) {
    record->flags |= SF_PROCESS_ARGUMENTS_CUT;
    size = SF_ARGUMENTS_MAX;
  }
  if (bpf_probe_read_user(record->data + end, size, (void *)start)) return end;
  record->flags |= SF_PROCESS_ARGUMENTS;
  return end + size;
}

static __always_inline __u32 namespace_pid(struct task_struct *leader) {
  struct pid *pid = BPF_CORE_READ(leader, thread_pid);
  unsigned int level = BPF_CORE_READ(pid, level);
  int nr = 0;
  bpf_core_read(&nr, sizeof(nr), &pid->numbers[0].nr);
  if (level)
    bpf_probe_read_kernel(
        &nr, sizeof(nr),
        (void *)pid + bpf_core_field_offset(struct pid, numbers) + level * bpf_core_type_size(struct upid));
  return nr;
}

static __always_inline void fill_process(struct sf_process *record, struct task_struct *task, __u32 serial) {
  struct task_struct *leader = BPF_CORE_READ(task, group_leader);
  struct task_struct *parent = BPF_CORE_READ(task, real_parent);
  struct css_set *groups = BPF_CORE_READ(task, cgroups);
  __u32 end = 0;

  record->kind = SF_KIND_PROCESS;
  record->flags = 0;
  record->serial = serial;
  record->start_ns = BPF_CORE_READ(leader, start_boottime);
  record->pid = BPF_CORE_READ(task, tgid);
  record->parent_pid = BPF_CORE_READ(parent, tgid);
  record->user_id = BPF_CORE_READ(task, cred, euid.val);
  record->group_id = BPF_CORE_READ(task, cred, egid.val);
  record->parent_user_id = BPF_CORE_READ(parent, cred, euid.val);
  record->namespace_pid = namespace_pid(leader);
  bpf_core_read_str(record->name, sizeof(record->name), &leader->comm);
  bpf_core_read_str(record->parent_name, sizeof(record->parent_name), &parent->comm);

  end = append_exe(record, end, task);
  record->part_end[SF_PART_EXE] = end;
  end = append_exe(record, end, parent);
  record->part_end[SF_PART_PARENT_EXE] = end;
  end = append_cgroup(record, end, (__u64)BPF_CORE_READ(groups, dfl_cgrp, kn));
  record->part_end[SF_PART_CGROUP] = end;
  end = append_controller(record, end, groups, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
  record->part_end[SF_PART_CGROUP_MEMORY] = end;
  end = append_controller(record, end, groups, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
  record->part_end[SF_PART_CGROUP_PIDS] = end;
  end = append_arguments(record, end, task);
  record->length = sizeof(*record) - SF_PROCESS_DATA + end;
}

/* Sends a description; false when the ring is full. A function of its own, for the same reason as above. */
__noinline int describe(__u32 serial, __u64 task_address) {
  struct sf_process *record = bpf_ringbuf_reserve(&ring, sizeof(*record), 0);
  if (!record) {
    count(SF_COUNT_DROPPED_PROCESSES);
    return 0;
  }
  fill_process(record, (struct task_struct *)task_address, serial);
  ring_submit(record);
  return 1;
}

/*
 * The serial of a process, describing it if that was not done yet. 0 for kernel threads. `address` is the task again, as
 * the number that may be handed to a global function.
 */
static __always_inline __u32 process_of(struct task_struct *task, __u64 address) {
  if (task->flags & PF_KTHREAD) return 0;
  __u32 pid = task->tgid;
  __u64 mm = (__u64)task->mm;
  __u64 start_ns = task->group_leader->start_boottime;

  struct described *known = bpf_map_lookup_elem(&processes, &pid);
  bool same = known && known->start_ns == start_ns;
  /* A process that exits has given its memory map back before it closes its files. */
  if (same && known->done && (known->mm == mm || !mm)) return known->serial;

  struct described fresh = {.start_ns = start_ns, .mm = mm, .serial = __sync_fetch_and_add(&last_serial, 1) + 1};
  fresh.done = describe(fresh.serial, address);
  bpf_map_update_elem(&processes, &pid, &fresh, BPF_ANY);
  return fresh.serial;
}

static __always_inline __u32 current_process(void) { return process_of(this_task(), bpf_get_current_task()); }

#endif
