// SPDX-License-Identifier: Apache-2.0
// libbpf life cycle and reading. The skeleton has the BPF object inside.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <endian.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "cgroup.h"
#include "interface.h"
#include "route.h"
#include "sockflow.h"
#include "sockflow.skel.h"

struct sf_agent {
  struct sf_options options = {};
  struct sockflow_bpf *skeleton = nullptr;
  struct ring_buffer *ring = nullptr;
  struct bpf_link *cgroup_hooks[3] = {};
  Routes routes;
  Interfaces interfaces;
  struct sf_features features = {};
  // The batch that sf_read is filling.
  char *at = nullptr;
  char *end = nullptr;
  int64_t unix_minus_boot = 0;
  // How long a jiffy is; 0 until it was measured.
  double jiffy_ms = 0;
  uint64_t first_jiffies = 0;
  int64_t first_reading = 0;
};

namespace {

std::string *libbpf_says = nullptr;  // collects during sf_open and sf_attach

int collect(enum libbpf_print_level level, const char *format, va_list arguments) {
  if (!libbpf_says || level == LIBBPF_DEBUG) return 0;
  char line[16384];
  vsnprintf(line, sizeof(line), format, arguments);
  libbpf_says->append(line);
  return 0;
}

// Collects libbpf's words for as long as it lives.
class Words {
 public:
  Words() {
    libbpf_says = &text_;
    libbpf_set_print(collect);
  }
  ~Words() { libbpf_says = nullptr; }
  const std::string &text() const { return text_; }

 private:
  std::string text_;
};

int fail(struct sf_error *error, int number, const char *what, const Words &words) {
  error->number = number < 0 ? -number : number;
  snprintf(error->what, sizeof(error->what), "%s", what);
  error->log = words.text().empty() ? nullptr : strdup(words.text().c_str());
  return -error->number;
}

int64_t now(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

// Half-way between two readings of the boot clock, so that being interrupted in between costs no accuracy.
int64_t clock_offset() {
  int64_t before = now(CLOCK_BOOTTIME), wall = now(CLOCK_REALTIME), after = now(CLOCK_BOOTTIME);
  return wall - (before + (after - before) / 2);
}

uint64_t read_jiffies(struct sf_agent *agent) {
  uint64_t jiffies = 0;
  DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &jiffies, .ctx_size_in = sizeof(jiffies));
  bpf_prog_test_run_opts(bpf_program__fd(agent->skeleton->progs.read_jiffies), &options);
  return jiffies;
}

// Kernels tick 100, 250, 300 or 1000 times a second: a coarse measurement tells which. Keeps 0 until there is one.
void measure_jiffy(struct sf_agent *agent) {
  constexpr int64_t enough = 200000000;
  int64_t time = now(CLOCK_MONOTONIC);
  if (!agent->first_reading) {
    agent->first_jiffies = read_jiffies(agent);
    agent->first_reading = time;
    return;
  }
  if (time - agent->first_reading < enough) return;
  double rate = (read_jiffies(agent) - agent->first_jiffies) * 1e9 / (time - agent->first_reading);
  double nearest = 0;
  for (double candidate : {100.0, 250.0, 300.0, 1000.0})
    if (fabs(candidate - rate) < fabs(nearest - rate)) nearest = candidate;
  agent->jiffy_ms = nearest ? 1000 / nearest : 0;
}

// Boot time to UNIX time, jiffies to milliseconds, ids to the order of their digits.
void to_common_units(struct sf_agent *agent, void *record) {
  if (*static_cast<uint8_t *>(record) != SF_KIND_CONNECTION) {
    static_cast<struct sf_process *>(record)->start_ns += agent->unix_minus_boot;
    return;
  }
  auto *connection = static_cast<struct sf_connection *>(record);
  if (connection->flags & SF_FLAG_ATTEMPT)
    connection->error =
        agent->routes.Error(connection->netns, connection->pid, connection->family, connection->peer_address);
  connection->id = htobe64(connection->id);
  connection->mptcp_id = htobe64(connection->mptcp_id);
  connection->time_ns += agent->unix_minus_boot;
  connection->start_ns += agent->unix_minus_boot;
  connection->busy_ms *= agent->jiffy_ms;
  connection->receive_window_limited_ms *= agent->jiffy_ms;
  connection->send_buffer_limited_ms *= agent->jiffy_ms;
}

// Before the record that has its index.
void tell_interface(struct sf_agent *agent, const struct sf_connection *connection) {
  if (connection->kind != SF_KIND_CONNECTION) return;
  std::string name = agent->interfaces.News(connection->netns, connection->interface, connection->pid);
  if (name.empty()) return;
  struct sf_interface record = {};
  record.kind = SF_KIND_INTERFACE;
  record.length = sizeof(record);
  record.netns = connection->netns;
  record.index = connection->interface;
  name.copy(record.name, sizeof(record.name) - 1);
  memcpy(agent->at, &record, sizeof(record));
  agent->at += (sizeof(record) + 7) & ~7UL;
}

// Runs on the thread that calls sf_read. A negative return stops libbpf behind this record, which is kept.
int take(void *context, void *data, size_t) {
  auto *agent = static_cast<struct sf_agent *>(context);
  // Both kinds have their length at the same place; a description is sent without the unused rest of its data.
  size_t length = static_cast<const struct sf_connection *>(data)->length;
  tell_interface(agent, static_cast<const struct sf_connection *>(data));
  memcpy(agent->at, data, length);
  to_common_units(agent, agent->at);
  agent->at += (length + 7) & ~7UL;
  return agent->end - agent->at >= static_cast<ptrdiff_t>(SF_RECORD_MAX) ? 0 : -ENOBUFS;
}

static_assert(offsetof(struct sf_connection, length) == offsetof(struct sf_process, length),
              "one place for the length");

// The verifier gives up (EAGAIN) when a signal is pending, and a profiler sends a thousand a second.
int load_undisturbed(struct sockflow_bpf *skeleton) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int code = sockflow_bpf__load(skeleton);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return code;
}

// How many arguments a tracepoint of this kernel has, the context included; 0 when there is none of the name.
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

// Since 6.10 the tracepoint tells why a reset is sent.
bool reset_has_reason() { return tracepoint_arguments("tcp_send_reset") >= 4; }

// Since 6.3.
bool has_use_calls() { return tracepoint_arguments("sock_send_length") > 0; }

int attach_program(struct bpf_program *program, const char *what, struct sf_error *error, const Words &words,
                   struct bpf_link **slot) {
  *slot = bpf_program__attach(program);
  return *slot ? 0 : fail(error, errno, what, words);
}

bool attach_to_cgroup(struct bpf_program *program, int root, struct bpf_link **slot) {
  *slot = bpf_program__attach_cgroup(program, root);
  return *slot != nullptr;
}

void destroy(struct bpf_link *&link) {
  bpf_link__destroy(link);
  link = nullptr;
}

// Stretch by stretch: a program is not preempted on some kernels.
int look_at_table(struct sf_agent *agent, bool report, uint64_t *live) {
  constexpr uint32_t stretch = 4096;
  int program = bpf_program__fd(agent->skeleton->progs.look_at_table);
  if (program < 0) return -ENOTSUP;
  *live = 0;
  for (uint32_t first = 0; first < bpf_map__max_entries(agent->skeleton->maps.slots); first += stretch) {
    struct sf_look ask = {.first = first, .count = stretch, .report = report, .live = 0};
    DECLARE_LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = &ask, .ctx_size_in = sizeof(ask));
    if (bpf_prog_test_run_opts(program, &options)) return -errno;
    *live += ask.live;
  }
  return 0;
}

int walk(struct bpf_link *link) {
  int fd = bpf_iter_create(bpf_link__fd(link));
  if (fd < 0) return -errno;
  char nothing[64];
  ssize_t got;
  while ((got = read(fd, nothing, sizeof(nothing))) > 0) {
  }
  int code = got < 0 ? -errno : 0;
  close(fd);
  return code;
}

}  // namespace

extern "C" int sf_open(const struct sf_options *options, struct sf_agent **result, struct sf_error *error) {
  Words words;
  auto *skeleton = sockflow_bpf__open();
  if (!skeleton) return fail(error, errno, "open the BPF object", words);
  skeleton->rodata->emit_open = options->emit_open;
  skeleton->rodata->emit_resets = options->resets;
  skeleton->rodata->reset_has_reason = options->resets && reset_has_reason();
  skeleton->rodata->tcp_details = options->details;
  skeleton->rodata->idle_updates = options->idle_updates;
  skeleton->rodata->only_netns = options->only_netns;
  bpf_program__set_autoload(skeleton->progs.retransmitted, options->retransmits);
  bpf_program__set_autoload(skeleton->progs.reset_sent, options->resets);
  bpf_program__set_autoload(skeleton->progs.reset_received, options->resets);
  bpf_program__set_autoload(skeleton->progs.existing, options->existing);
  // Since 6.2, with bpf_rdonly_cast.
  bool snapshot = has_function("bpf_rdonly_cast");
  bpf_program__set_autoload(skeleton->progs.look_at_table, snapshot);
  bool use_calls = has_use_calls();
  bpf_program__set_autoload(skeleton->progs.sent, use_calls);
  bpf_program__set_autoload(skeleton->progs.received_nothing, use_calls);
  bpf_map__set_max_entries(skeleton->maps.ring, options->ring_bytes);
  uint32_t slots = 1;
  while (slots < options->max_connections) slots *= 2;
  bpf_map__set_max_entries(skeleton->maps.slots, slots);
  bpf_map__set_max_entries(skeleton->maps.overflow, options->max_connections);
  skeleton->rodata->slot_mask = slots - 1;

  int code = load_undisturbed(skeleton);
  if (code) {
    int number = fail(error, code, "load the BPF programs", words);
    sockflow_bpf__destroy(skeleton);
    return number;
  }
  auto *agent = new sf_agent;
  agent->options = *options;
  agent->features.use_calls = use_calls;
  agent->features.snapshot = snapshot;
  agent->skeleton = skeleton;
  agent->ring = ring_buffer__new(bpf_map__fd(skeleton->maps.ring), take, agent, nullptr);
  if (!agent->ring) {
    int number = fail(error, errno, "map the ring buffer", words);
    sf_close(agent);
    return number;
  }
  *result = agent;
  return 0;
}

extern "C" int sf_attach(struct sf_agent *agent, struct sf_error *error) {
  Words words;
  auto &programs = agent->skeleton->progs;
  auto &links = agent->skeleton->links;
  int code = 0;
  if (agent->features.use_calls) {
    code = attach_program(programs.sent, "attach sock_send_length", error, words, &links.sent);
    if (!code)
      code =
          attach_program(programs.received_nothing, "attach sock_recv_length", error, words, &links.received_nothing);
  }
  if (!code) code = attach_program(programs.received, "attach tcp_rcv_space_adjust", error, words, &links.received);
  if (!code && agent->options.retransmits)
    code = attach_program(programs.retransmitted, "attach tcp_retransmit_skb", error, words, &links.retransmitted);
  if (!code && agent->options.resets) {
    code = attach_program(programs.reset_sent, "attach tcp_send_reset", error, words, &links.reset_sent);
    if (!code)
      code = attach_program(programs.reset_received, "attach tcp_receive_reset", error, words, &links.reset_received);
  }
  // Without cgroup v2 the rest works.
  bool whole_host = false;
  int root = code ? -1 : open_cgroup_root(&whole_host);
  auto *hooks = agent->cgroup_hooks;
  bool hooked = root >= 0 && attach_to_cgroup(programs.released, root, &hooks[0]);
  // From here on connections are followed, and all that tells their owners is in place.
  if (!code) code = attach_program(programs.tcp_state, "attach inet_sock_set_state", error, words, &links.tcp_state);
  if (!code)
    code = attach_program(programs.tcp_state_missed, "attach inet_sock_set_state again", error, words,
                          &links.tcp_state_missed);
  // Last: the note of a connect must find who makes a connection of it, and who takes it away.
  hooked = hooked && attach_to_cgroup(programs.connecting4, root, &hooks[1]) &&
           attach_to_cgroup(programs.connecting6, root, &hooks[2]);
  if (root >= 0) close(root);  // the links hold the cgroup
  agent->features.cgroup_hooks = hooked;
  agent->features.whole_host = whole_host;
  return code;
}

extern "C" long sf_read(struct sf_agent *agent, void *buffer, size_t size) {
  agent->at = static_cast<char *>(buffer);
  agent->end = agent->at + size;
  agent->unix_minus_boot = clock_offset();
  agent->routes.Expire();
  if (!agent->jiffy_ms) measure_jiffy(agent);
  int code = ring_buffer__consume(agent->ring);
  if (code < 0 && code != -ENOBUFS) return code;
  return agent->at - static_cast<char *>(buffer);
}

extern "C" int sf_find_existing(struct sf_agent *agent) {
  if (!agent->options.existing) return 0;
  struct bpf_link *link = bpf_program__attach_iter(agent->skeleton->progs.existing, nullptr);
  if (!link) return -errno;
  int code = walk(link);
  bpf_link__destroy(link);
  return code;
}

extern "C" int sf_snapshot(struct sf_agent *agent) {
  if (!agent->features.snapshot) return -ENOTSUP;
  uint64_t live = 0;
  return look_at_table(agent, true, &live);
}

extern "C" int sf_counts(struct sf_agent *agent, uint64_t values[SF_COUNT_MAX]) {
  int cpus = libbpf_num_possible_cpus();
  if (cpus < 0) return cpus;
  std::vector<uint64_t> all(static_cast<size_t>(cpus) * SF_COUNT_MAX);
  uint32_t zero = 0;
  if (bpf_map_lookup_elem(bpf_map__fd(agent->skeleton->maps.counts), &zero, all.data())) return -errno;
  for (int i = 0; i < SF_COUNT_MAX; i++) {
    values[i] = 0;
    for (int cpu = 0; cpu < cpus; cpu++) values[i] += all[static_cast<size_t>(cpu) * SF_COUNT_MAX + i];
  }
  return 0;
}

// The names that this kernel has for its reasons, by number.
extern "C" int sf_reset_reasons(void (*name)(void *context, uint32_t number, const char *text), void *context) {
  struct btf *kernel = btf__load_vmlinux_btf();
  if (!kernel) return -errno;
  int id = btf__find_by_name_kind(kernel, "sk_rst_reason", BTF_KIND_ENUM);
  const struct btf_type *type = id > 0 ? btf__type_by_id(kernel, id) : nullptr;
  for (int i = 0; type && i < btf_vlen(type); i++) {
    const struct btf_enum *value = btf_enum(type) + i;
    name(context, value->val, btf__name_by_offset(kernel, value->name_off));
  }
  btf__free(kernel);
  return 0;
}

extern "C" int sf_live(struct sf_agent *agent, uint64_t *live) { return look_at_table(agent, false, live); }

extern "C" void sf_features(struct sf_agent *agent, struct sf_features *features) { *features = agent->features; }

extern "C" void sf_detach(struct sf_agent *agent) {
  for (auto *&link : agent->cgroup_hooks) destroy(link);
  sockflow_bpf__detach(agent->skeleton);
}

// Links before the ring, the ring before the maps that it looks into.
extern "C" void sf_close(struct sf_agent *agent) {
  if (!agent) return;
  sf_detach(agent);
  ring_buffer__free(agent->ring);
  sockflow_bpf__destroy(agent->skeleton);
  delete agent;
}
