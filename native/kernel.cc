// SPDX-License-Identifier: Apache-2.0
#include "kernel.h"

#include <bpf/btf.h>
#include <errno.h>

#include <string>

#include "sockflow.h"

int tracepoint_arguments(const char *name) {
  struct btf *kernel = btf__load_vmlinux_btf();
  if (!kernel) return 0;
  auto type = [&](uint32_t id) { return btf__type_by_id(kernel, id); };
  int id = btf__find_by_name_kind(kernel, (std::string("btf_trace_") + name).c_str(), BTF_KIND_TYPEDEF);
  int result = id > 0 ? btf_vlen(type(type(type(id)->type)->type)) : 0;
  btf__free(kernel);
  return result;
}

bool has_function(const char *name) {
  struct btf *kernel = btf__load_vmlinux_btf();
  bool result = kernel && btf__find_by_name_kind(kernel, name, BTF_KIND_FUNC) > 0;
  btf__free(kernel);
  return result;
}

extern "C" int sf_enumeration(const char *enumeration, void (*name)(void *context, uint32_t number, const char *text),
                              void *context) {
  struct btf *kernel = btf__load_vmlinux_btf();
  if (!kernel) return -errno;
  int id = btf__find_by_name_kind(kernel, enumeration, BTF_KIND_ENUM);
  const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, id) : nullptr;
  for (int i = 0; type && i < btf_vlen(type); i++) {
    const struct btf_enum *value = btf_enum(type) + i;
    // Not the masks that stand among the reasons: an array of four thousand millions would be made of these.
    if (value->val < 0 || value->val > 0xffff) continue;
    name(context, value->val, btf__name_by_offset(kernel, value->name_off));
  }
  btf__free(kernel);
  return 0;
}
