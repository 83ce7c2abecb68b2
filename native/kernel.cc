// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <bpf/btf.h>
#include <errno.h>

#include <memory>
#include <string>

#include "core.h"

namespace {

struct Free {
  void operator()(struct btf *types) const { btf__free(types); }
};

// Each thread its own: several may open captures at a time.
thread_local std::unique_ptr<struct btf, Free> types;

// Reading them takes some 30 ms and 7 MB, so it is done once for all questions of the start.
struct btf *kernel_types() {
  if (!types) types.reset(btf__load_vmlinux_btf());
  return types.get();
}

// The context included; 0 when this kernel has none of the name.
int tracepoint_arguments(const char *name) {
  struct btf *kernel = kernel_types();
  if (!kernel) return 0;
  auto type = [&](uint32_t id) { return btf__type_by_id(kernel, id); };
  int id = btf__find_by_name_kind(kernel, (std::string("btf_trace_") + name).c_str(), BTF_KIND_TYPEDEF);
  return id > 0 ? btf_vlen(type(type(type(id)->type)->type)) : 0;
}

}  // namespace

void forget_kernel_types() { types.reset(); }

bool reset_has_reason() { return tracepoint_arguments("tcp_send_reset") >= 4; }

bool drop_has_receiver() { return tracepoint_arguments("kfree_skb") >= 5; }

bool has_use_calls() { return tracepoint_arguments("sock_send_length") > 0; }

bool has_tcp_sends() { return tracepoint_arguments("tcp_sendmsg_locked") > 0; }

bool has_function(const char *name) {
  struct btf *kernel = kernel_types();
  return kernel && btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
}

extern "C" int sf_enumeration(const char *enumeration, void (*name)(void *context, uint32_t number, const char *text),
                              void *context) {
  struct btf *kernel = kernel_types();
  if (!kernel) return -errno;
  int id = btf__find_by_name_kind(kernel, enumeration, BTF_KIND_ENUM);
  const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, id) : nullptr;
  for (int i = 0; type && i < btf_vlen(type); i++) {
    const struct btf_enum *value = btf_enum(type) + i;
    // Not the masks that stand among the reasons: an array of four thousand millions would be made of these.
    if (value->val < 0 || value->val > 0xffff) continue;
    name(context, value->val, btf__name_by_offset(kernel, value->name_off));
  }
  return 0;
}
