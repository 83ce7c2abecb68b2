/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The kernel types of processes, with what they run, who owns them and the cgroups that they are in; as in kernel.h. */
#ifndef SOCKFLOW_KERNEL_TASK_H
#define SOCKFLOW_KERNEL_TASK_H

#include "kernel.h"

#define PF_KTHREAD 0x00200000

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
  const unsigned char *name;
};
struct dentry {
  struct dentry *d_parent;
  struct qstr d_name;
};
struct vfsmount {
  struct dentry *mnt_root;
};
struct mount {
  struct mount *mnt_parent;
  struct dentry *mnt_mountpoint;
  struct vfsmount mnt;
};
struct path {
  struct vfsmount *mnt;
  struct dentry *dentry;
};
struct file {
  struct path f_path;
};
struct mm_struct {
  unsigned long arg_start, arg_end;
  struct file *exe_file;
};

typedef struct {
  __u32 val;
} kuid_t;
typedef struct {
  __u32 val;
} kgid_t;
struct cred {
  kuid_t euid;
  kgid_t egid;
};

struct upid {
  int nr;
};
struct pid {
  unsigned int level;
  struct upid numbers[1];
};

struct kernfs_node {
  struct kernfs_node *__parent; /* 6.15 and later (633488947ef6) */
  const char *name;
};
struct kernfs_node___before_6_15 {
  struct kernfs_node *parent;
};
struct cgroup {
  struct kernfs_node *kn;
};
struct cgroup_subsys_state {
  struct cgroup *cgroup;
};
struct css_set {
  struct cgroup_subsys_state *subsys[12];
  struct cgroup *dfl_cgrp;
};
enum cgroup_subsys_id { memory_cgrp_id = 4, pids_cgrp_id = 11 };

struct task_struct {
  unsigned int flags;
  int pid;
  int tgid;
  __u64 start_boottime;
  struct task_struct *real_parent;
  struct task_struct *group_leader;
  struct pid *thread_pid;
  const struct cred *cred;
  char comm[16];
  struct mm_struct *mm;
  struct css_set *cgroups;
};

#pragma clang attribute pop

static __always_inline struct task_struct *this_task(void) {
  struct task_struct *task = (struct task_struct *)bpf_get_current_task_btf();
  return READABLE(task);
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node) {
  if (bpf_core_field_exists(node->__parent)) return BPF_CORE_READ(node, __parent);
  return BPF_CORE_READ((struct kernfs_node___before_6_15 *)node, parent);
}

#endif
