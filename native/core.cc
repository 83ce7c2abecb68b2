// SPDX-License-Identifier: Apache-2.0
// The life cycle of the BPF programs: open, attach, detach, close. The skeleton has the BPF object inside.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

#include "agent.h"
#include "cgroup.h"
#include "kernel.h"
#include "read.h"

namespace {

// Collects during sf_open and sf_attach; libbpf calls back on the thread that called it.
thread_local std::string *libbpf_says = nullptr;

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

// The verifier gives up (EAGAIN) when a signal is pending, and a profiler sends a thousand a second.
int load_undisturbed(struct sockflow_bpf *skeleton) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int code = sockflow_bpf__load(skeleton);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return code;
}

int attach_program(struct bpf_program *program, const char *what, struct sf_error *error, const Words &words,
                   struct bpf_link **slot) {
  *slot = bpf_program__attach(program);
  return *slot ? 0 : fail(error, errno, what, words);
}

int attach_retransmits(struct sockflow_bpf *skeleton, struct sf_error *error, const Words &words) {
  auto &programs = skeleton->progs;
  auto &links = skeleton->links;
  int code = attach_program(programs.retransmitted, "attach tcp_retransmit_skb", error, words, &links.retransmitted);
  if (!code)
    code = attach_program(programs.retransmitted_missed, "attach tcp_retransmit_skb again", error, words,
                          &links.retransmitted_missed);
  if (!code)
    code = attach_program(programs.synack_sent_again, "attach tcp_retransmit_synack", error, words,
                          &links.synack_sent_again);
  return code;
}

int attach_resets(struct sockflow_bpf *skeleton, struct sf_error *error, const Words &words) {
  auto &programs = skeleton->progs;
  auto &links = skeleton->links;
  int code = attach_program(programs.reset_sent, "attach tcp_send_reset", error, words, &links.reset_sent);
  if (!code)
    code = attach_program(programs.reset_sent_missed, "attach tcp_send_reset again", error, words,
                          &links.reset_sent_missed);
  if (!code)
    code = attach_program(programs.reset_received, "attach tcp_receive_reset", error, words, &links.reset_received);
  if (!code)
    code = attach_program(programs.reset_received_missed, "attach tcp_receive_reset again", error, words,
                          &links.reset_received_missed);
  return code;
}

int attach_drops(struct sockflow_bpf *skeleton, struct sf_error *error, const Words &words) {
  auto &links = skeleton->links;
  int code = attach_program(skeleton->progs.dropped, "attach kfree_skb", error, words, &links.dropped);
  if (code) return code;
  return attach_program(skeleton->progs.dropped_missed, "attach kfree_skb again", error, words, &links.dropped_missed);
}

bool attach_to_cgroup(struct bpf_program *program, int root, struct bpf_link **slot) {
  *slot = bpf_program__attach_cgroup(program, root);
  return *slot != nullptr;
}

void destroy(struct bpf_link *&link) {
  bpf_link__destroy(link);
  link = nullptr;
}

// Programs of a protocol that is not watched are neither loaded nor attached. Returns whether packets can be looked at,
// which takes Linux 6.2.
bool choose_protocols(struct sockflow_bpf *skeleton, const struct sf_options *options) {
  auto &programs = skeleton->progs;
  bool packets = has_function("bpf_cast_to_kern_ctx");
  bool udp = options->udp && packets;
  skeleton->rodata->watch_tcp = options->tcp;
  skeleton->rodata->watch_udp = udp;
  skeleton->rodata->flows_of_a_socket = (options->max_flows + 1) / 2;
  bpf_map__set_max_entries(skeleton->maps.flows, options->max_flows);
  bpf_map__set_max_entries(skeleton->maps.flow_sockets, options->max_flows);
  for (auto *program :
       {programs.tcp_state, programs.tcp_state_missed, programs.received, programs.connecting4, programs.connecting6})
    bpf_program__set_autoload(program, options->tcp);
  bpf_program__set_autoload(programs.leaving, packets);
  skeleton->rodata->watch_dns = options->dns;
  bpf_program__set_autoload(programs.arriving, udp || (packets && options->dns));
  for (auto *program : {programs.error_reported, programs.look_at_flows}) bpf_program__set_autoload(program, udp);
  return packets;
}

// What counts datagrams, and sees look-ups and where a SYN goes. None of it is needed by anything else.
void attach_packets(struct sf_agent *agent, int root) {
  auto &programs = agent->skeleton->progs;
  auto &links = agent->skeleton->links;
  auto *hooks = agent->cgroup_hooks;
  const auto &wanted = agent->options;
  // Without who ends them no conversation is begun.
  if (root < 0 || !agent->packets || (wanted.udp && !hooks[0])) return;
  bool both_ways = wanted.udp || wanted.dns;
  bool arriving = both_ways && attach_to_cgroup(programs.arriving, root, &hooks[4]);
  bool leaving = (arriving || !both_ways) && attach_to_cgroup(programs.leaving, root, &hooks[3]);
  if (arriving && !leaving) destroy(hooks[4]);
  agent->features.udp = wanted.udp && leaving;
  agent->features.dns = wanted.dns && leaving;
  agent->features.translation = leaving;
  if (agent->features.udp) links.error_reported = bpf_program__attach(programs.error_reported);
}

int attach_uses(struct sf_agent *agent, struct sf_error *error, const Words &words) {
  auto &programs = agent->skeleton->progs;
  auto &links = agent->skeleton->links;
  if (!agent->features.use_calls) return 0;
  int code = attach_program(programs.received_length, "attach sock_recv_length", error, words, &links.received_length);
  if (code || !agent->options.tcp) return code;
  if (bpf_program__autoload(programs.sending))
    return attach_program(programs.sending, "attach tcp_sendmsg_locked", error, words, &links.sending);
  return attach_program(programs.sent, "attach sock_send_length", error, words, &links.sent);
}

// From its return on connections are followed.
int attach_states(struct sf_agent *agent, struct sf_error *error, const Words &words) {
  auto &programs = agent->skeleton->progs;
  auto &links = agent->skeleton->links;
  int code = attach_program(programs.tcp_state, "attach inet_sock_set_state", error, words, &links.tcp_state);
  if (code) return code;
  return attach_program(programs.tcp_state_missed, "attach inet_sock_set_state again", error, words,
                        &links.tcp_state_missed);
}

}  // namespace

extern "C" int sf_open(const struct sf_options *options, struct sf_agent **result, struct sf_error *error) {
  Words words;
  auto *skeleton = sockflow_bpf__open();
  if (!skeleton) return fail(error, errno, "open the BPF object", words);
  skeleton->rodata->emit_open = options->emit_open;
  skeleton->rodata->emit_resets = options->resets;
  skeleton->rodata->emit_retransmits = options->retransmits;
  skeleton->rodata->reset_has_reason = options->resets && reset_has_reason();
  skeleton->rodata->drop_has_receiver = drop_has_receiver();
  skeleton->rodata->watch_listeners = options->listeners;
  skeleton->rodata->tcp_details = options->details;
  skeleton->rodata->command_args = options->command_args;
  skeleton->rodata->emit_updates = options->updates;
  skeleton->rodata->idle_updates = options->idle_updates;
  skeleton->rodata->only_netns = options->only_netns;
  for (auto *program :
       {skeleton->progs.retransmitted, skeleton->progs.retransmitted_missed, skeleton->progs.synack_sent_again})
    bpf_program__set_autoload(program, options->retransmits);
  for (auto *program : {skeleton->progs.reset_sent, skeleton->progs.reset_sent_missed, skeleton->progs.reset_received,
                        skeleton->progs.reset_received_missed})
    bpf_program__set_autoload(program, options->resets);
  bpf_program__set_autoload(skeleton->progs.existing, options->existing);
  bool packets = choose_protocols(skeleton, options);
  // Since 6.2, with bpf_rdonly_cast.
  bool snapshot = has_function("bpf_rdonly_cast");
  bpf_program__set_autoload(skeleton->progs.look_at_table, snapshot && options->tcp);
  skeleton->rodata->gather_resets = snapshot && options->resets && options->tcp;
  bool drops = options->drops && options->tcp && snapshot;
  bpf_program__set_autoload(skeleton->progs.dropped, drops);
  bpf_program__set_autoload(skeleton->progs.dropped_missed, drops);
  bool use_calls = has_use_calls();
  bool tcp_sends = use_calls && has_tcp_sends();
  bpf_program__set_autoload(skeleton->progs.sending, tcp_sends && options->tcp);
  bpf_program__set_autoload(skeleton->progs.sent, use_calls && !tcp_sends && options->tcp);
  bpf_program__set_autoload(skeleton->progs.received_length, use_calls);
  bpf_map__set_max_entries(skeleton->maps.ring, options->ring_bytes);
  skeleton->rodata->ring_half = options->ring_bytes / 2;
  uint32_t slots = 1;
  while (slots < options->max_connections) slots *= 2;
  bpf_map__set_max_entries(skeleton->maps.slots, slots);
  bpf_map__set_max_entries(skeleton->maps.overflow, options->max_connections);
  skeleton->rodata->slot_mask = slots - 1;

  forget_kernel_types();

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
  agent->packets = packets;
  agent->features.drops = drops;
  agent->skeleton = skeleton;
  agent->ring = ring_buffer__new(bpf_map__fd(skeleton->maps.ring), take_record, agent, nullptr);
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
  bool tcp = agent->options.tcp;
  int code = attach_uses(agent, error, words);
  if (!code && tcp)
    code = attach_program(programs.received, "attach tcp_rcv_space_adjust", error, words,
                          &agent->skeleton->links.received);
  if (!code && tcp && agent->options.retransmits) code = attach_retransmits(agent->skeleton, error, words);
  if (!code && tcp && agent->options.resets) code = attach_resets(agent->skeleton, error, words);
  if (!code && agent->features.drops) code = attach_drops(agent->skeleton, error, words);
  // Without cgroup v2 the rest works.
  bool whole_host = false;
  int root = code ? -1 : open_cgroup_root(&whole_host);
  auto *hooks = agent->cgroup_hooks;
  bool hooked = root >= 0 && attach_to_cgroup(programs.released, root, &hooks[0]);
  // All that tells owners is in place by now.
  if (!code) attach_packets(agent, root);
  if (!code && tcp) code = attach_states(agent, error, words);
  // Last: the note of a connect must find who makes a connection of it, and who takes it away.
  if (tcp)
    hooked = hooked && attach_to_cgroup(programs.connecting4, root, &hooks[1]) &&
             attach_to_cgroup(programs.connecting6, root, &hooks[2]);
  if (root >= 0) close(root);  // the links hold the cgroup
  agent->features.cgroup_hooks = hooked;
  agent->features.whole_host = whole_host;
  return code;
}

extern "C" void sf_ask_of(struct sf_agent *agent, int channel) {
  agent->remote = std::make_unique<Remote>(channel);
  agent->interfaces.AskOf(agent->remote.get());
  agent->conntrack.AskOf(agent->remote.get());
}

extern "C" void sf_features(struct sf_agent *agent, struct sf_features *features) { *features = agent->features; }

extern "C" void sf_detach(struct sf_agent *agent) {
  for (auto *&link : agent->cgroup_hooks) destroy(link);
  sockflow_bpf__detach(agent->skeleton);
}

// Links before the ring, the ring before the maps that it looks into.
extern "C" void sf_close(struct sf_agent *agent) {
  if (!agent) return;
  sf_detach(agent);
  if (agent->search >= 0) close(agent->search);
  bpf_link__destroy(agent->searcher);
  ring_buffer__free(agent->ring);
  sockflow_bpf__destroy(agent->skeleton);
  delete agent;
}
